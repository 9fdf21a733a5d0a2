//! A patch gives what its operations give one after the other, within its bounds.

use arbitrary::{Result, Unstructured};
use gripware_core::proxy::{self, MAX_DEPTH};

use crate::json;

const NAMES: &[&str] = &["a", "b", "items"];
const TOKENS: &[&str] = &[
    "a", "b", "items", "0", "1", "-", "~0", "a~1b", "", "00", "+1",
];
const OPERATIONS: &[&str] = &["add", "remove", "replace", "move", "copy", "test"];

/// The target. Whether the input is a good one.
pub fn patch(input: &[u8]) -> bool {
    let (mut body, mut operations) = (String::new(), Vec::new());
    if write(&mut Unstructured::new(input), &mut body, &mut operations).is_err() {
        return false;
    }
    let at_once = format!("[{}]", operations.join(","));
    let Some(patched) = proxy::patch(body.as_bytes(), at_once.as_bytes()) else {
        return false;
    };
    assert!(deepest(&patched) < MAX_DEPTH);

    let mut one_by_one = proxy::patch(body.as_bytes(), b"[]").unwrap();
    for operation in &operations {
        let operation = format!("[{operation}]");
        one_by_one = proxy::patch(&one_by_one, operation.as_bytes()).unwrap();
    }
    assert_eq!(one_by_one, patched);
    true
}

fn write(u: &mut Unstructured<'_>, body: &mut String, operations: &mut Vec<String>) -> Result<()> {
    value(u, body)?;
    for _ in 0..u.int_in_range(0..=20)? {
        let mut operation = format!("{{\"op\":\"{}\",\"path\":\"", u.choose(OPERATIONS)?);
        pointer(u, &mut operation)?;
        operation.push_str("\",\"from\":\"");
        pointer(u, &mut operation)?;
        operation.push_str("\",\"value\":");
        value(u, &mut operation)?;
        operation.push('}');
        // The same again and again is how a patch grows.
        let times = if u.ratio(1, 4)? {
            u.int_in_range(1..=40)?
        } else {
            1
        };
        operations.extend(std::iter::repeat_n(operation, times));
    }
    Ok(())
}

/// A value of whole numbers: the last digit of another may change where it is read once more.
fn value(u: &mut Unstructured<'_>, out: &mut String) -> Result<()> {
    if u.ratio(1, 8)? {
        out.push_str(&u.arbitrary::<i64>()?.to_string());
        return Ok(());
    }
    let start = out.len();
    json::value(u, NAMES, out)?;
    let is_whole = serde_json::from_str::<serde_json::Value>(&out[start..])
        .is_ok_and(|value| !has_fraction(&value));
    if !is_whole {
        out.truncate(start);
        out.push_str("{\"a\":[{\"b\":0}],\"items\":[1,2]}");
    }
    Ok(())
}

fn has_fraction(value: &serde_json::Value) -> bool {
    match value {
        serde_json::Value::Number(number) => number.is_f64(),
        serde_json::Value::Array(elements) => elements.iter().any(has_fraction),
        serde_json::Value::Object(members) => members.values().any(has_fraction),
        _ => false,
    }
}

fn pointer(u: &mut Unstructured<'_>, out: &mut String) -> Result<()> {
    for _ in 0..u.int_in_range(0..=4)? {
        let times = if u.ratio(1, 8)? {
            u.int_in_range(1..=130)?
        } else {
            1
        };
        let token = u.choose(TOKENS)?;
        out.push_str(&format!("/{token}").repeat(times));
    }
    Ok(())
}

/// How deep a text of JSON nests, without recursion.
fn deepest(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut is_text, mut is_escaped) = (false, false);
    for byte in json {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            b'[' | b'{' if !is_text => depth += 1,
            b']' | b'}' if !is_text => depth -= 1,
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}
