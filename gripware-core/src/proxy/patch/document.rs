use std::io;

use bytes::Bytes;
use serde_json::Value;

use super::{MAX_DEPTH, MAX_PATCH_STEPS, MAX_PATCHED, Operation};
use crate::json::lenient;

/// A body that is patched, and what is left of the bounds of a patch.
pub(super) struct Document {
    value: Value,
    /// Bytes that may still be put in.
    room: usize,
    /// Values that may still be shifted or looked at.
    steps: usize,
}

impl Document {
    /// Reads a body. The parser refuses one that nests [`MAX_DEPTH`] deep.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let room = MAX_PATCHED.checked_sub(body.len())?;
        let value = serde_json::from_slice(&lenient(body)).ok()?;
        Some(Self {
            value,
            room,
            steps: MAX_PATCH_STEPS,
        })
    }

    pub(super) fn apply(&mut self, operation: Operation) -> Option<()> {
        match operation {
            Operation::Add { path, value } => {
                self.take_room(path.len().checked_add(length(&value)?)?)?;
                self.check_depth(&path, &value)?;
                self.add(&path, value)
            }
            Operation::Remove { path } => self.remove(&path).map(drop),
            Operation::Replace { path, value } => {
                self.take_room(path.len().checked_add(length(&value)?)?)?;
                self.check_depth(&path, &value)?;
                *self.value.pointer_mut(&path)? = value;
                Some(())
            }
            Operation::Move { from, path } => {
                self.take_room(path.len())?;
                let value = self.remove(&from)?;
                // Nowhere else it can become deeper.
                if level(&path) > level(&from) {
                    self.check_depth(&path, &value)?;
                }
                self.add(&path, value)
            }
            Operation::Copy { from, path } => {
                let length = length(self.value.pointer(&from)?)?;
                self.take_room(path.len().checked_add(length)?)?;
                let value = self.value.pointer(&from)?.clone();
                self.check_depth(&path, &value)?;
                self.add(&path, value)
            }
            // Of the two it is the given one that bounds how much is compared.
            Operation::Test { path, value } => (*self.value.pointer(&path)? == value).then_some(()),
        }
    }

    pub(super) fn write(&self) -> Option<Bytes> {
        serde_json::to_vec(&self.value).ok().map(Bytes::from)
    }

    fn add(&mut self, path: &str, value: Value) -> Option<()> {
        if path.is_empty() {
            self.value = value;
            return Some(());
        }
        let (parent, key) = path.rsplit_once('/')?;
        match self.value.pointer_mut(parent)? {
            Value::Object(members) => {
                members.insert(unescape(key), value);
            }
            Value::Array(elements) if key == "-" => elements.push(value),
            Value::Array(elements) => {
                // Pushpin refuses an index behind the last element, where the RFC would append.
                let index = index(key).filter(|index| *index < elements.len())?;
                self.steps = self.steps.checked_sub(elements.len() - index)?;
                elements.insert(index, value);
            }
            _ => return None,
        }
        Some(())
    }

    fn remove(&mut self, path: &str) -> Option<Value> {
        let (parent, key) = path.rsplit_once('/')?;
        match self.value.pointer_mut(parent)? {
            Value::Object(members) => members.remove(&unescape(key)),
            Value::Array(elements) => {
                let index = index(key).filter(|index| *index < elements.len())?;
                self.steps = self.steps.checked_sub(elements.len() - index)?;
                Some(elements.remove(index))
            }
            _ => None,
        }
    }

    fn take_room(&mut self, bytes: usize) -> Option<()> {
        self.room = self.room.checked_sub(bytes)?;
        Some(())
    }

    /// Returns `None` if a value would nest too deep at a place.
    fn check_depth(&mut self, path: &str, value: &Value) -> Option<()> {
        let depth = depth(value, &mut self.steps)?;
        (level(path) + depth < MAX_DEPTH).then_some(())
    }
}

/// Returns how many arrays and objects are around the place that a path names.
fn level(path: &str) -> usize {
    path.bytes().filter(|byte| *byte == b'/').count()
}

/// Returns how deep arrays and objects nest in a value, `None` if `steps` run out. The value was read
/// or checked before, so this recursion is
/// bounded by [`MAX_DEPTH`].
fn depth(value: &Value, steps: &mut usize) -> Option<usize> {
    *steps = steps.checked_sub(1)?;
    let mut deepest = 0;
    match value {
        Value::Array(elements) => {
            for element in elements {
                deepest = deepest.max(depth(element, steps)?);
            }
        }
        Value::Object(members) => {
            for member in members.values() {
                deepest = deepest.max(depth(member, steps)?);
            }
        }
        _ => return Some(0),
    }
    Some(deepest + 1)
}

fn index(key: &str) -> Option<usize> {
    let is_index = key == "0" || !key.starts_with(['0', '+']);
    is_index.then(|| key.parse().ok())?
}

/// Returns how many bytes a value has as JSON.
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
