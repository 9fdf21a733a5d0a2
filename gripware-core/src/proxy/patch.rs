use std::io;

use bytes::Bytes;
use serde::Deserialize;
use serde_json::Value;

/// One operation of a JSON Patch (RFC 6902).
#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "lowercase")]
enum Operation {
    Add { path: String, value: Value },
    Remove { path: String },
    Replace { path: String, value: Value },
    Move { from: String, path: String },
    Copy { from: String, path: String },
    Test { path: String, value: Value },
}

/// The most bytes that a body may have with all that a patch puts into it, removed or not. A patch
/// that copies what it has copied grows without end otherwise.
pub const MAX_PATCHED: usize = 1_000_000;

/// The most operations of a patch.
pub const MAX_OPERATIONS: usize = 1_000;

/// Applies a JSON Patch, a list of operations (RFC 6902), to a body that is JSON. Nothing where it
/// does not fit, or goes over [`MAX_PATCHED`] or [`MAX_OPERATIONS`]; Pushpin answers the client 502
/// then (GRIP 1.11).
///
/// As with Pushpin, an element is added before another one or, with `-`, at the end: an index right
/// behind the last element is refused.
///
/// ```
/// use gripware_core::proxy::patch;
///
/// let add = br#"[{"op": "add", "path": "/items/-", "value": 2}]"#;
/// assert_eq!(patch(br#"{"items":[1]}"#, add), Some(r#"{"items":[1,2]}"#.into()));
/// assert_eq!(patch(br#"{"items":[1]}"#, br#"[{"op": "remove", "path": "/none"}]"#), None);
/// ```
#[must_use]
pub fn patch(body: &[u8], operations: &[u8]) -> Option<Bytes> {
    let mut document: Value = serde_json::from_slice(body).ok()?;
    let operations: Vec<Operation> = serde_json::from_slice(operations).ok()?;
    if operations.len() > MAX_OPERATIONS {
        return None;
    }
    let mut room = MAX_PATCHED.checked_sub(body.len())?;
    for operation in operations {
        room = match &operation {
            Operation::Add { path, value } | Operation::Replace { path, value } => {
                room.checked_sub(path.len())?.checked_sub(length(value)?)?
            }
            Operation::Copy { from, path } => room
                .checked_sub(path.len())?
                .checked_sub(length(document.pointer(from)?)?)?,
            Operation::Move { path, .. } => room.checked_sub(path.len())?,
            Operation::Remove { .. } | Operation::Test { .. } => room,
        };
        match operation {
            Operation::Add { path, value } => add(&mut document, &path, value)?,
            Operation::Remove { path } => {
                remove(&mut document, &path)?;
            }
            Operation::Replace { path, value } => *document.pointer_mut(&path)? = value,
            Operation::Move { from, path } => {
                let value = remove(&mut document, &from)?;
                add(&mut document, &path, value)?;
            }
            Operation::Copy { from, path } => {
                let value = document.pointer(&from)?.clone();
                add(&mut document, &path, value)?;
            }
            Operation::Test { path, value } => {
                document.pointer(&path).filter(|found| **found == value)?;
            }
        }
    }
    serde_json::to_vec(&document).ok().map(Bytes::from)
}

fn add(document: &mut Value, path: &str, value: Value) -> Option<()> {
    if path.is_empty() {
        *document = value;
        return Some(());
    }
    let (parent, key) = path.rsplit_once('/')?;
    match document.pointer_mut(parent)? {
        Value::Object(members) => {
            members.insert(unescape(key), value);
        }
        Value::Array(elements) if key == "-" => elements.push(value),
        Value::Array(elements) => {
            // Pushpin refuses an index behind the last element, where the RFC would append.
            let index = index(key).filter(|index| *index < elements.len())?;
            elements.insert(index, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(document: &mut Value, path: &str) -> Option<Value> {
    let (parent, key) = path.rsplit_once('/')?;
    match document.pointer_mut(parent)? {
        Value::Object(members) => members.remove(&unescape(key)),
        Value::Array(elements) => {
            let index = index(key).filter(|index| *index < elements.len())?;
            Some(elements.remove(index))
        }
        _ => None,
    }
}

fn index(key: &str) -> Option<usize> {
    let is_index = key == "0" || !key.starts_with(['0', '+']);
    is_index.then(|| key.parse().ok())?
}

/// How many bytes a value has as JSON.
fn length(value: &Value) -> Option<usize> {
    struct Count(usize);

    impl io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    let mut count = Count(0);
    serde_json::to_writer(&mut count, value).ok()?;
    Some(count.0)
}

fn unescape(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(body: &Value, patch: &Value) -> Option<Value> {
        let patched = super::patch(body.to_string().as_bytes(), patch.to_string().as_bytes())?;
        serde_json::from_slice(&patched).ok()
    }

    #[test]
    fn each_operation_is_applied() {
        let patch = json!([
            {"op": "test", "path": "/items/0", "value": 1},
            {"op": "add", "path": "/items/-", "value": 3},
            {"op": "add", "path": "/items/0", "value": 0},
            {"op": "replace", "path": "/n", "value": 2},
            {"op": "remove", "path": "/items/1"},
            {"op": "copy", "from": "/n", "path": "/a~1b"},
            {"op": "move", "from": "/n", "path": "/m"},
        ]);
        assert_eq!(
            patched(&json!({"items": [1], "n": 1}), &patch),
            Some(json!({"items": [0, 3], "a/b": 2, "m": 2}))
        );
    }

    #[test]
    fn a_patch_that_does_not_fit_gives_nothing() {
        let body = json!({"items": [1]});
        for operation in [
            json!({"op": "test", "path": "/items/0", "value": 2}),
            json!({"op": "add", "path": "/items/1", "value": 2}),
            json!({"op": "remove", "path": "/none"}),
            json!({"op": "replace", "path": "/none", "value": 1}),
            json!({"op": "turn", "path": ""}),
        ] {
            assert_eq!(patched(&body, &json!([operation])), None);
        }
        assert_eq!(super::patch(b"no json", b"[]"), None);
    }

    #[test]
    fn a_patch_does_not_grow_without_end() {
        let doubling = json!({"op": "copy", "from": "", "path": "/a"});
        let body = json!({"a": 0, "b": "x".repeat(1000)});
        let fits = vec![&doubling; 8];
        assert!(patched(&body, &json!(fits)).is_some());
        let bomb = vec![&doubling; 1000];
        assert_eq!(patched(&body, &json!(bomb)), None);

        let test = json!({"op": "test", "path": "", "value": body});
        let many = vec![&test; MAX_OPERATIONS];
        assert!(patched(&body, &json!(many)).is_some());
        let too_many = vec![&test; MAX_OPERATIONS + 1];
        assert_eq!(patched(&body, &json!(too_many)), None);
        assert_eq!(super::patch(&vec![b' '; MAX_PATCHED + 1], b"[]"), None);
    }

    #[test]
    fn a_path_is_a_pointer() {
        let body = json!({"items": [1]});
        for path in ["x", "items/0", "/items/00", "/items/+0"] {
            let add = json!([{"op": "add", "path": path, "value": 2}]);
            assert_eq!(patched(&body, &add), None, "{path}");
        }
        let whole = json!([{"op": "add", "path": "", "value": 2}]);
        assert_eq!(patched(&body, &whole), Some(json!(2)));
    }
}
