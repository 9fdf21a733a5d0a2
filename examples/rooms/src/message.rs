//! What pages and the application say to each other, as JSON.

use serde::{Deserialize, Serialize};

use crate::room::Room;

/// The most bytes of a text.
const MAX_TEXT: usize = 2000;

/// What a page asks for.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Asked {
    Join {
        room: Room,
        /// The last that the page has seen of the room.
        after: Option<String>,
    },
    Leave {
        room: Room,
    },
    Say {
        room: Room,
        text: String,
    },
    Tell {
        to: String,
        text: String,
    },
    Kick {
        name: String,
    },
}

/// What a page is told. Joins and leaves are those of presence, `{"type":"join","channel":…}`, and
/// `{"type":"reset","channel":…}` says that something can no longer be told.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Told<'a> {
    Welcome {
        name: &'a str,
    },
    There {
        room: &'a Room,
        users: Vec<&'a str>,
    },
    Left {
        room: &'a Room,
    },
    Said {
        id: &'a str,
        room: &'a Room,
        name: &'a str,
        text: &'a str,
    },
    Private {
        id: &'a str,
        name: &'a str,
        text: &'a str,
    },
    Refused {
        reason: &'a str,
    },
}

impl Asked {
    /// Reads a message. `None` for what is none, or has a name that no channel may have.
    pub(crate) fn read(json: &[u8]) -> Option<Self> {
        let asked = serde_json::from_slice(json).ok()?;
        let (name, text) = match &asked {
            Self::Join { room, .. } | Self::Leave { room } => (&room.0, ""),
            Self::Say { room, text } => (&room.0, &**text),
            Self::Tell { to, text } => (to, &**text),
            Self::Kick { name } => (name, ""),
        };
        (is_name(name) && text.len() <= MAX_TEXT).then_some(asked)
    }
}

/// Whether it may be a user or a room, and so stand in the name of a channel.
pub(crate) fn is_name(name: &str) -> bool {
    (1..=40).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_message_is_told_from_one() {
        assert!(Asked::read(br#"{"type":"join","room":"tea"}"#).is_some());
        assert!(Asked::read(br#"{"type":"join","room":"tea","after":"k3x9qf0a.2"}"#).is_some());
        assert!(Asked::read(br#"{"type":"say","room":"tea","text":"hi"}"#).is_some());
        for refused in [
            "",
            "hi",
            r#"{"type":"shout"}"#,
            r#"{"type":"join","room":""}"#,
            r#"{"type":"join","room":"tea\n"}"#,
            &format!(
                r#"{{"type":"tell","to":"bert","text":"{}"}}"#,
                "x".repeat(2001)
            ),
        ] {
            assert!(Asked::read(refused.as_bytes()).is_none(), "{refused}");
        }
    }
}
