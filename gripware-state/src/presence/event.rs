use gripware_core::{Item, SseEvent, WsMessage};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{StateError, Template};

/// What the channel for a channel's presence has at the end of its name.
pub const SUFFIX: &str = ":presence";

/// What is published to `<channel>:presence`, and kept in its history.
///
/// As a `ws-message` it is a JSON object, as an `http-stream` a server-sent event of the same name
/// with that object as data. Each has the entry's id:
///
/// ```json
/// {"type":"join","channel":"room","user":"anna","info":{"name":"Anna"},"id":"k3x9qf0a.7"}
/// {"type":"leave","channel":"room","user":"anna","id":"k3x9qf0a.8"}
/// {"type":"count","channel":"room","users":1204,"connections":1377,"id":"k3x9qf0a.9"}
/// ```
///
/// Where more than [`MAX_ANNOUNCED`](super::MAX_ANNOUNCED) users are in a channel, joins and leaves
/// are not told, but a count once a second, if it has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PresenceEvent<'a> {
    /// A user's first connection has joined.
    Join {
        /// The user.
        user: &'a str,
        /// What the user tells, as JSON.
        info: Option<&'a [u8]>,
    },
    /// A user's last connection has left.
    Leave {
        /// The user.
        user: &'a str,
    },
    /// So many are there.
    Count {
        /// The users.
        users: u64,
        /// Their connections.
        connections: u64,
    },
}

impl PresenceEvent<'_> {
    /// The event's name: `join`, `leave`, `count`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Join { .. } => "join",
            Self::Leave { .. } => "leave",
            Self::Count { .. } => "count",
        }
    }

    /// The event of `channel` as an entry of the history of its presence channel.
    ///
    /// # Errors
    /// Where the channel's name leaves no room for [`SUFFIX`], or the info is no JSON.
    pub fn template(&self, channel: &str, prefix: &str) -> Result<Template, StateError> {
        let info = match self {
            Self::Join { info, .. } => info.map(serde_json::from_slice::<&RawValue>),
            Self::Leave { .. } | Self::Count { .. } => None,
        };
        let info = info.transpose().map_err(StateError::invalid)?;
        let build = |id: &str| {
            let body = match *self {
                Self::Join { user, .. } => Body {
                    user: Some(user),
                    info,
                    ..Body::new(self.name(), channel, id)
                },
                Self::Leave { user } => Body {
                    user: Some(user),
                    ..Body::new(self.name(), channel, id)
                },
                Self::Count { users, connections } => Body {
                    users: Some(users),
                    connections: Some(connections),
                    ..Body::new(self.name(), channel, id)
                },
            };
            Item::new()
                .http_stream(SseEvent::new().event(self.name()).id(id).json(&body))
                .ws_message(WsMessage::json(&body))
        };
        Template::new(&format!("{channel}{SUFFIX}"), prefix, build).map_err(StateError::invalid)
    }
}

#[derive(Serialize)]
struct Body<'a> {
    #[serde(rename = "type")]
    name: &'static str,
    channel: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    info: Option<&'a RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<u64>,
    id: &'a str,
}

impl<'a> Body<'a> {
    fn new(name: &'static str, channel: &'a str, id: &'a str) -> Self {
        Self {
            name,
            channel,
            user: None,
            info: None,
            users: None,
            connections: None,
            id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_its_id_wherever_a_client_looks_for_it() {
        let join = PresenceEvent::Join {
            user: "anna",
            info: Some(br#"{"n":1}"#),
        };
        let template = join.template("room", "").unwrap();
        let json = template.fill(&"abcdefgh.2".parse().unwrap());
        let item: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let body =
            r#"{"type":"join","channel":"room","user":"anna","info":{"n":1},"id":"abcdefgh.2"}"#;
        assert_eq!(item["channel"], "room:presence");
        assert_eq!(item["formats"]["ws-message"]["content"], body);
        assert_eq!(
            item["formats"]["http-stream"]["content"],
            format!("event: join\nid: abcdefgh.2\ndata: {body}\n\n")
        );
    }
}
