//! Whatever stands in an `application/grip-instruct` body, it is a sound instruction or an error.

use arbitrary::{Result, Unstructured};

use crate::{instructions_read, json};

/// The target. Whether the input is a good one.
pub fn instruct_json(input: &[u8]) -> bool {
    let mut body = "Content-Type: application/grip-instruct\n".to_owned();
    write(&mut Unstructured::new(input), &mut body).is_ok() && instructions_read(body.as_bytes())
}

fn write(u: &mut Unstructured<'_>, out: &mut String) -> Result<()> {
    for line in [
        "Grip-Status: 404",
        "Grip-Link: </n>; rel=next",
        "Grip-Keep-Alive: x",
    ] {
        if u.ratio(1, 4)? {
            out.push_str(line);
            out.push('\n');
        }
    }
    out.push('\n');
    if u.ratio(1, 8)? {
        out.push('\u{feff}');
    }
    json::object(u, &["hold", "response"], out, |u, name, out| match name {
        _ if u.ratio(1, 16)? => json::value(u, HOLD, out),
        "hold" => hold(u, out),
        _ => json::object(u, RESPONSE, out, |u, _, out| json::value(u, &["X-A"], out)),
    })
}

const HOLD: &[&str] = &["mode", "channels", "timeout", "keep-alive", "meta"];
const CHANNEL: &[&str] = &["name", "prev-id", "filters"];
const KEEP_ALIVE: &[&str] = &["content", "content-bin", "timeout"];
const RESPONSE: &[&str] = &["code", "reason", "headers", "body", "body-bin"];

fn hold(u: &mut Unstructured<'_>, out: &mut String) -> Result<()> {
    out.push_str("{\"channels\":");
    json::array(u, out, |u, out| {
        out.push_str("{\"name\":");
        json::text(u, out)?;
        out.push_str(",\"x\":");
        json::object(u, CHANNEL, out, |u, _, out| json::value(u, CHANNEL, out))?;
        out.push('}');
        Ok(())
    })?;
    out.push_str(",\"x\":");
    json::value(u, HOLD, out)?;
    for name in HOLD {
        if u.ratio(1, 3)? {
            out.push_str(&format!(",{name:?}:"));
            match *name {
                "mode" => out.push_str(u.choose(&["\"response\"", "\"stream\"", "\"Stream\""])?),
                "channels" => json::array(u, out, |u, out| {
                    json::object(u, CHANNEL, out, |u, _, out| json::value(u, CHANNEL, out))
                })?,
                "keep-alive" => {
                    json::object(u, KEEP_ALIVE, out, |u, _, out| json::value(u, &[], out))?;
                }
                _ => json::value(u, &["user"], out)?,
            }
        }
    }
    out.push('}');
    Ok(())
}
