//! Rooms: JSON objects that name what is published, and patterns of them that allow subscribing.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use crate::hex::short_hex;

/// What matches any value, in the permissions of a user and, where rooms are patterns, in
/// subscriptions and triggers.
pub(crate) const ANY: &str = "*";

/// The longest room, in bytes of JSON.
pub(crate) const MAX_ROOM: usize = 4096;

/// A JSON object. Two are the same room if they have the same members with the same values, in
/// whatever order; `1` and `"1"` are different values.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub struct Room {
    /// Values as JSON without white space, whose objects are sorted.
    members: BTreeMap<String, String>,
}

/// A value is no [`Room`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum RoomError {
    /// It is another JSON value than an object.
    #[error("a room is a JSON object")]
    NotAnObject,
    /// It has more than 4096 bytes.
    #[error("a room has at most {MAX_ROOM} bytes")]
    TooLong,
}

impl Room {
    /// Whether everyone with this permission may enter a room: the members are the same, and each
    /// value is the room's own or `"*"`.
    pub(crate) fn allows(&self, room: &Self) -> bool {
        self.pairs_with(room, |own, other| own == other || is_any(own))
    }

    /// Whether a trigger for one of two patterns is for a subscription of the other: for each
    /// member the values are the same, or one of them is `"*"`.
    pub(crate) fn meets(&self, other: &Self) -> bool {
        self.pairs_with(other, |own, other| {
            own == other || is_any(own) || is_any(other)
        })
    }

    fn pairs_with(&self, other: &Self, matches: impl Fn(&str, &str) -> bool) -> bool {
        self.members.len() == other.members.len()
            && self.members.iter().zip(&other.members).all(
                |((name, value), (other_name, other_value))| {
                    name == other_name && matches(value, other_value)
                },
            )
    }

    /// The names of the members, sorted.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.members.keys().map(String::as_str)
    }

    /// The members with their values as JSON, or `None` for `"*"`.
    pub(crate) fn constraints(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.members.iter().map(|(name, value)| {
            let value = (!is_any(value)).then_some(value.as_str());
            (name.as_str(), value)
        })
    }

    /// A name for the room that every process computes alike: 128 bits of SHA-256, in hexadecimal.
    pub(crate) fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (name, value) in &self.members {
            for part in [name, value] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        short_hex(&hash.finalize())
    }
}

impl TryFrom<Value> for Room {
    type Error = RoomError;

    fn try_from(value: Value) -> Result<Self, RoomError> {
        let Value::Object(object) = value else {
            return Err(RoomError::NotAnObject);
        };
        let mut length = 2;
        let mut members = BTreeMap::new();
        for (name, value) in object {
            let mut json = String::new();
            write_sorted(&value, &mut json);
            length += Value::from(name.as_str()).to_string().len() + json.len() + 2;
            if length > MAX_ROOM {
                return Err(RoomError::TooLong);
            }
            members.insert(name, json);
        }
        Ok(Self { members })
    }
}

impl From<Room> for Value {
    fn from(room: Room) -> Self {
        let members = room.members.into_iter();
        Self::Object(
            members
                .map(|(name, json)| {
                    // It was written by `write_sorted`.
                    let value = serde_json::from_str(&json).unwrap_or_default();
                    (name, value)
                })
                .collect(),
        )
    }
}

fn is_any(json: &str) -> bool {
    json.strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        == Some(ANY)
}

/// Whether objects keep the order of their members is a feature of `serde_json` that any crate of a
/// build may turn on. The depth is bounded by its reader, at 128.
fn write_sorted(value: &Value, out: &mut String) {
    match value {
        Value::Object(object) => {
            let sorted: BTreeMap<_, _> = object.iter().collect();
            write_list(out, '{', '}', sorted.into_iter(), |(name, value), out| {
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write_sorted(value, out);
            });
        }
        Value::Array(list) => write_list(out, '[', ']', list.iter(), write_sorted),
        scalar => out.push_str(&scalar.to_string()),
    }
}

fn write_list<T>(
    out: &mut String,
    open: char,
    close: char,
    items: impl Iterator<Item = T>,
    write: impl Fn(T, &mut String),
) {
    out.push(open);
    for (n, item) in items.enumerate() {
        if n > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{MAX_ROOM, Room, RoomError};

    fn room(value: serde_json::Value) -> Room {
        Room::try_from(value).unwrap()
    }

    #[test]
    fn the_order_of_members_is_of_no_matter_and_the_type_of_a_value_is() {
        let one = room(json!({"target": "m", "customer": {"b": 1, "a": [2, "x"]}}));
        let text = r#"{"customer": {"a": [2, "x"], "b": 1}, "target": "m"}"#;
        let other: Room = serde_json::from_str(text).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.digest(), other.digest());
        assert_ne!(room(json!({"a": 1})), room(json!({"a": "1"})));
        assert_ne!(
            room(json!({"a": "b"})).digest(),
            room(json!({"ab": ""})).digest()
        );
    }

    #[test]
    fn a_permission_allows_its_room_and_with_a_star_any_value() {
        let allowed = room(json!({"target": "chat", "customer": "*"}));
        assert!(allowed.allows(&room(json!({"target": "chat", "customer": 7}))));
        assert!(allowed.allows(&room(json!({"target": "chat", "customer": "*"}))));
        assert!(!allowed.allows(&room(json!({"target": "mail", "customer": 7}))));
        assert!(!allowed.allows(&room(json!({"target": "chat"}))));
        assert!(!allowed.allows(&room(json!({"target": "chat", "customer": 7, "x": 1}))));
        let one = room(json!({"target": "chat", "customer": "7"}));
        assert!(!one.allows(&room(json!({"target": "chat", "customer": "*"}))));
        assert!(one.meets(&room(json!({"target": "*", "customer": "7"}))));
    }

    #[test]
    fn a_room_is_written_as_it_was_read() {
        let value = json!({"a": "*", "b": [1.5, null, {"c": "\u{1F600}\""}]});
        assert_eq!(serde_json::to_value(room(value.clone())).unwrap(), value);
    }

    #[test]
    fn what_is_no_room_is_refused() {
        assert_eq!(Room::try_from(json!(["a"])), Err(RoomError::NotAnObject));
        let long = json!({"a": "x".repeat(MAX_ROOM)});
        assert_eq!(Room::try_from(long), Err(RoomError::TooLong));
    }
}
