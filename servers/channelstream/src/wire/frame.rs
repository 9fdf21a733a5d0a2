//! What a browser gets: a list with one frame over a WebSocket, with any number over a long poll.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json, value::RawValue};

use super::{Wire, message::some};

/// What a frame tells of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Kind {
    #[serde(rename = "message")]
    Message,
    #[serde(rename = "message:edit")]
    Edit,
    #[serde(rename = "message:delete")]
    Delete,
    #[serde(rename = "presence")]
    Presence,
    #[serde(rename = "user_state_change")]
    UserState,
    /// Presence, as the description of 0.2 has it.
    #[serde(rename = "join")]
    Join,
    #[serde(rename = "part")]
    Part,
}

/// A frame as 0.7.1 has it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Frame {
    #[serde(default)]
    pub(crate) uuid: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) timestamp: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(default)]
    pub(crate) channel: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) message: Option<Box<RawValue>>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some"
    )]
    pub(crate) edited: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) users: Option<Value>,
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "some"
    )]
    pub(crate) state: Option<Value>,
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    /// Stands last: see [`replayed`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) catchup: Option<bool>,
}

impl Frame {
    pub(crate) fn new(kind: Kind, uuid: &str) -> Self {
        Self {
            uuid: uuid.to_owned(),
            timestamp: None,
            user: None,
            channel: None,
            message: None,
            edited: None,
            users: None,
            state: None,
            kind,
            catchup: (kind != Kind::Edit && kind != Kind::Delete).then_some(false),
        }
    }

    /// The JSON of the frame, as a version has it.
    pub(crate) fn encode(&self, wire: Wire) -> String {
        let json = match wire {
            Wire::Newest => serde_json::to_string(self),
            Wire::First => serde_json::to_string(&self.first()),
        };
        json.unwrap_or_default()
    }

    /// As 0.2 has it: with `date` beside `timestamp`, as its description says, and a presence that
    /// is called `join`. A private message has no channel.
    fn first(&self) -> Map<String, Value> {
        let is_joined = self
            .message
            .as_ref()
            .is_some_and(|message| message.get().contains("joined"));
        let (kind, message) = match self.kind {
            Kind::Presence if is_joined => (Kind::Join, None),
            Kind::Presence => (Kind::Part, None),
            kind => (kind, self.message.as_ref()),
        };
        // Milliseconds.
        let timestamp = self.timestamp.as_ref();
        let timestamp = timestamp.map(|text| text.get(..23).unwrap_or(text));
        let mut frame = Map::new();
        let mut set = |name: &str, value: Value| drop(frame.insert(name.to_owned(), value));
        set("timestamp", json!(timestamp));
        set("date", json!(timestamp));
        set("message", json!(message));
        set("type", json!(kind));
        set("user", json!(self.user));
        if let Some(channel) = &self.channel {
            set("channel", json!(channel));
        }
        if matches!(kind, Kind::Edit | Kind::Delete) {
            set("uuid", json!(self.uuid));
        }
        frame
    }
}

/// A list of frames.
pub(crate) fn list<T: AsRef<str>>(frames: &[T]) -> String {
    let length: usize = frames.iter().map(|frame| frame.as_ref().len() + 1).sum();
    let mut list = String::with_capacity(length + 2);
    for frame in frames {
        list.push(if list.is_empty() { '[' } else { ',' });
        list.push_str(frame.as_ref());
    }
    if list.is_empty() {
        list.push('[');
    }
    list.push(']');
    list
}

/// A frame that is sent to somebody who has missed it: `catchup` is true. Nothing else of it is
/// touched or read, as there may be a thousand.
pub(crate) fn replayed(frame: &str, wire: Wire) -> String {
    if wire == Wire::First {
        return frame.to_owned();
    }
    let open = frame
        .strip_suffix(",\"catchup\":false}")
        .or_else(|| frame.strip_suffix('}'));
    match open {
        Some(open) => format!("{open},\"catchup\":true}}"),
        None => frame.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: Kind) -> Frame {
        Frame {
            timestamp: Some("2026-01-02T03:04:05.678901".to_owned()),
            user: Some("bob".to_owned()),
            channel: Some("room".to_owned()),
            message: serde_json::from_str(r#"{"action": "joined"}"#).ok(),
            ..Frame::new(kind, "7b1f")
        }
    }

    #[test]
    fn what_is_sent_again_says_so() {
        for kind in [Kind::Message, Kind::Edit] {
            let live = frame(kind).encode(Wire::Newest);
            let again: Frame = serde_json::from_str(&replayed(&live, Wire::Newest)).unwrap();
            assert_eq!(again.catchup, Some(true));
            assert_eq!(again.user.as_deref(), Some("bob"));
        }
    }

    #[test]
    fn frames_of_0_2_are_as_its_description_has_them() {
        let told: Value = serde_json::from_str(&frame(Kind::Presence).encode(Wire::First)).unwrap();
        let joined = json!({
            "date": "2026-01-02T03:04:05.678", "timestamp": "2026-01-02T03:04:05.678",
            "message": null, "type": "join", "user": "bob", "channel": "room",
        });
        assert_eq!(told, joined);
        let private = Frame {
            channel: None,
            ..frame(Kind::Message)
        }
        .encode(Wire::First);
        assert!(!private.contains("channel"));
    }

    #[test]
    fn lists_are_lists() {
        assert_eq!(list::<&str>(&[]), "[]");
        assert_eq!(list(&["{}", "1"]), "[{},1]");
    }
}
