//! What pages and the application say to each other, as JSON.

use serde::{Deserialize, Serialize};

/// The most bytes of a text.
const MAX_TEXT: usize = 2000;

/// What a page asks for.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Asked {
    Join { room: String },
    Leave { room: String },
    Say { room: String, text: String },
    Tell { to: String, text: String },
    Kick { name: String },
}

/// What a page is told.
#[derive(Serialize)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(crate) enum Told<'a> {
    Welcome {
        name: &'a str,
    },
    Joined {
        room: &'a str,
        name: &'a str,
    },
    Left {
        room: &'a str,
        name: &'a str,
    },
    Said {
        room: &'a str,
        name: &'a str,
        text: &'a str,
    },
    Private {
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
            Self::Join { room: name } | Self::Leave { room: name } | Self::Kick { name } => {
                (name, "")
            }
            Self::Say { room: name, text } | Self::Tell { to: name, text } => (name, &**text),
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
