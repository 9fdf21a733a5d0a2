//! Whatever stands in an item, it is a sound item or an error.

use arbitrary::{Result, Unstructured};

use crate::{json, publish_items};

const ITEM: &[&str] = &[
    "channel",
    "id",
    "prev-id",
    "formats",
    "meta",
    "size",
    "no-seq",
    "http-response",
    "http-stream",
    "ws-message",
];
const FORMATS: &[&str] = &["http-response", "http-stream", "ws-message"];
const FORMAT: &[&str] = &[
    "action",
    "code",
    "reason",
    "headers",
    "content-filters",
    "body",
    "body-bin",
    "body-patch",
    "type",
    "content",
    "content-bin",
];

/// The target. Whether the input is a good one.
pub fn items_json(input: &[u8]) -> bool {
    let mut body = String::new();
    write(&mut Unstructured::new(input), &mut body).is_ok() && publish_items(body.as_bytes())
}

fn write(u: &mut Unstructured<'_>, out: &mut String) -> Result<()> {
    if u.ratio(1, 8)? {
        out.push('\u{feff}');
    }
    out.push_str("{\"items\":");
    json::array(u, out, |u, out| {
        out.push_str("{\"channel\":");
        json::text(u, out)?;
        out.push_str(",\"x\":");
        json::object(u, ITEM, out, member)?;
        for name in ["formats", "id", "meta"] {
            if u.ratio(1, 2)? {
                out.push_str(&format!(",{name:?}:"));
                member(u, name, out)?;
            }
        }
        out.push('}');
        Ok(())
    })?;
    out.push('}');
    Ok(())
}

fn member(u: &mut Unstructured<'_>, name: &str, out: &mut String) -> Result<()> {
    match name {
        _ if u.ratio(1, 16)? => json::value(u, ITEM, out),
        "channel" | "id" | "prev-id" => json::text(u, out),
        "formats" => json::object(u, FORMATS, out, member),
        "http-response" | "http-stream" | "ws-message" => {
            json::object(u, FORMAT, out, |u, name, out| match name {
                "body" | "content" => json::text(u, out),
                _ => json::value(u, &["X-A", "op", "path"], out),
            })
        }
        "meta" => json::object(u, &["sender", "user"], out, |u, _, out| json::text(u, out)),
        _ => json::value(u, ITEM, out),
    }
}
