//! JSON made of random bytes: mostly with the members that are read, some of it no JSON at all.

use arbitrary::{Result, Unstructured};

/// How deep values nest, but for rows of brackets.
const DEPTH: usize = 6;

const TEXTS: &[&str] = &[
    "",
    "a",
    "news",
    "send",
    "close",
    "hint",
    "refresh",
    "response",
    "stream",
    "text",
    "binary",
    "ping",
    "var-subst",
    "skip-self",
    "200",
    "103",
    " 55 ",
    "aGk=",
    "%(user)s",
    "\u{a0}",
    "Content-Type",
    "Grip-Hold",
    "Connection",
];
const ESCAPES: &[&str] = &[
    "\\ud83d",
    "\\udc00",
    "\\ud83d\\ude00",
    "\\\\",
    "\\n",
    "\\u0000",
    "\\\"",
];
const NUMBERS: &[&str] = &[
    "0",
    "-1",
    "1",
    "103",
    "200",
    "200.0",
    "304",
    "999",
    "1000",
    "1e2",
    "1e400",
    "18446744073709551615",
    "-0.5",
];

/// Writes a value whose members mostly have one of these names.
pub(crate) fn value(u: &mut Unstructured<'_>, names: &[&str], out: &mut String) -> Result<()> {
    nested(u, names, DEPTH, out)
}

/// Writes an object with these members, of which each is written by `member`.
pub(crate) fn object(
    u: &mut Unstructured<'_>,
    names: &[&str],
    out: &mut String,
    mut member: impl FnMut(&mut Unstructured<'_>, &str, &mut String) -> Result<()>,
) -> Result<()> {
    out.push('{');
    for position in 0..u.int_in_range(0..=6)? {
        if position > 0 {
            out.push(',');
        }
        if u.ratio(15, 16)? {
            let name = *u.choose(names)?;
            out.push_str(&format!("{name:?}:"));
            member(u, name, out)?;
        } else {
            text(u, out)?;
            out.push(':');
            nested(u, names, 2, out)?;
        }
    }
    out.push('}');
    Ok(())
}

/// Writes an array whose elements are written by `element`.
pub(crate) fn array(
    u: &mut Unstructured<'_>,
    out: &mut String,
    mut element: impl FnMut(&mut Unstructured<'_>, &mut String) -> Result<()>,
) -> Result<()> {
    out.push('[');
    for position in 0..u.int_in_range(0..=4)? {
        if position > 0 {
            out.push(',');
        }
        element(u, out)?;
    }
    out.push(']');
    Ok(())
}

/// Writes a text.
pub(crate) fn text(u: &mut Unstructured<'_>, out: &mut String) -> Result<()> {
    out.push('"');
    for _ in 0..u.int_in_range(1..=3)? {
        match u.int_in_range(0..=5)? {
            0 => out.push_str(u.choose(ESCAPES)?),
            1 => out.extend(
                u.arbitrary::<&str>()?
                    .chars()
                    .filter(|c| !matches!(c, '"' | '\\')),
            ),
            _ => out.push_str(u.choose(TEXTS)?),
        }
    }
    out.push('"');
    Ok(())
}

fn nested(u: &mut Unstructured<'_>, names: &[&str], depth: usize, out: &mut String) -> Result<()> {
    match u.int_in_range(0..=9)? {
        0 => out.push_str(u.choose(&["null", "true", "false", "nul", ""])?),
        1 | 2 => out.push_str(u.choose(NUMBERS)?),
        3 | 4 if depth > 0 => {
            object(u, names, out, |u, _, out| nested(u, names, depth - 1, out))?;
        }
        5 | 6 if depth > 0 => array(u, out, |u, out| nested(u, names, depth - 1, out))?,
        7 if depth == DEPTH => {
            let deep = u.int_in_range(1..=140)?;
            let (open, close) = *u.choose(&[("[", "]"), ("{\"a\":", "}")])?;
            out.push_str(&open.repeat(deep));
            nested(u, names, 0, out)?;
            out.push_str(&close.repeat(deep));
        }
        _ => text(u, out)?,
    }
    Ok(())
}
