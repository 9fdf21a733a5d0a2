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

/// Applies a patch to a body; nothing where it does not fit.
pub(super) fn apply(body: &[u8], patch: &[u8]) -> Option<Bytes> {
    let mut document: Value = serde_json::from_slice(body).ok()?;
    let operations: Vec<Operation> = serde_json::from_slice(patch).ok()?;
    for operation in operations {
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
    let Some((parent, key)) = path.rsplit_once('/') else {
        *document = value;
        return Some(());
    };
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
    key.parse().ok()
}

fn unescape(key: &str) -> String {
    key.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(body: &Value, patch: &Value) -> Option<Value> {
        let patched = apply(body.to_string().as_bytes(), patch.to_string().as_bytes())?;
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
        assert_eq!(apply(b"no json", b"[]"), None);
    }
}
