//! What clients and handlers say to each other.
//!
//! ```
//! use gripware_core::ws::Message;
//!
//! let message = Message::from(r#"{"n":1}"#);
//! assert!(message.is_text());
//! assert_eq!(message.to_str()?, r#"{"n":1}"#);
//! assert_eq!(message.json::<serde_json::Value>()?["n"], 1);
//!
//! // Bytes that are no text are an error when text is asked for, and not before.
//! let message = Message::binary(&b"\xff"[..]);
//! assert!(message.into_text().is_err());
//! # Ok::<(), gripware_core::ws::WebSocketError>(())
//! ```

use std::fmt;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use super::{WebSocketError, WebSocketErrorKind, event::Preview};
use crate::json::lenient;

/// A whole WebSocket message, text or binary.
///
/// A received message lends its content from the request's body. Nobody has looked at it yet: a
/// text is checked to be UTF-8 when it is asked for as text, and not at all by a handler that
/// takes the bytes. The questions that give text answer for a binary message too, where its
/// content is UTF-8; whom the difference concerns asks [`is_text`](Self::is_text).
#[derive(Clone)]
pub struct Message {
    kind: Kind,
    content: Bytes,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Known to be UTF-8.
    Text,
    /// Said to be text by the client.
    Unchecked,
    Binary,
}

impl Message {
    /// Creates a text message.
    #[must_use]
    pub fn text(content: impl Into<String>) -> Self {
        Self {
            kind: Kind::Text,
            content: content.into().into(),
        }
    }

    /// Creates a binary message.
    #[must_use]
    pub fn binary(content: impl Into<Bytes>) -> Self {
        Self {
            kind: Kind::Binary,
            content: content.into(),
        }
    }

    pub(super) const fn unchecked_text(content: Bytes) -> Self {
        Self {
            kind: Kind::Unchecked,
            content,
        }
    }

    /// Returns `true` if it is a text message.
    #[must_use]
    pub const fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Unchecked)
    }

    /// Returns `true` if it is a binary message.
    #[must_use]
    pub const fn is_binary(&self) -> bool {
        matches!(self.kind, Kind::Binary)
    }

    /// Its content.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.content
    }

    /// Its content, without copying it. It keeps the whole body of the request in memory.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.content
    }

    /// Its content as text, without copying it.
    ///
    /// # Errors
    /// If the content is not UTF-8, which is the client's fault.
    pub fn to_str(&self) -> Result<&str, WebSocketError> {
        std::str::from_utf8(&self.content)
            .map_err(|error| WebSocketError::caused_by(WebSocketErrorKind::NotUtf8, error))
    }

    /// Its content as text of its own.
    ///
    /// # Errors
    /// If the content is not UTF-8, which is the client's fault.
    pub fn into_text(self) -> Result<String, WebSocketError> {
        self.to_str().map(str::to_owned)
    }

    /// Its content, read as JSON.
    ///
    /// # Errors
    /// If the content is not JSON of that shape, which is the client's fault.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, WebSocketError> {
        serde_json::from_slice(&lenient(&self.content))
            .map_err(|error| WebSocketError::caused_by(WebSocketErrorKind::InvalidJson, error))
    }

    /// Where it is a text that nobody has looked at, looks at it.
    pub(super) fn check(&self) -> Result<(), WebSocketError> {
        match self.kind {
            Kind::Unchecked => self.to_str().map(drop),
            Kind::Text | Kind::Binary => Ok(()),
        }
    }
}

impl PartialEq for Message {
    fn eq(&self, other: &Self) -> bool {
        self.is_text() == other.is_text() && self.content == other.content
    }
}

impl Eq for Message {}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple(if self.is_text() { "Text" } else { "Binary" })
            .field(&Preview(&self.content))
            .finish()
    }
}

impl From<&str> for Message {
    fn from(content: &str) -> Self {
        Self::text(content)
    }
}

impl From<String> for Message {
    fn from(content: String) -> Self {
        Self::text(content)
    }
}

impl From<&String> for Message {
    fn from(content: &String) -> Self {
        Self::text(content)
    }
}

impl From<&[u8]> for Message {
    fn from(content: &[u8]) -> Self {
        Self::binary(Bytes::copy_from_slice(content))
    }
}

impl From<Vec<u8>> for Message {
    fn from(content: Vec<u8>) -> Self {
        Self::binary(content)
    }
}

impl From<Bytes> for Message {
    fn from(content: Bytes) -> Self {
        Self::binary(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_the_same_whether_or_not_its_text_was_checked() {
        let received = Message::unchecked_text(Bytes::from_static(b"hi"));
        assert_eq!(received, Message::from("hi"));
        assert_ne!(received, Message::from(&b"hi"[..]));
        assert!(received.is_text() && !received.is_binary());
    }

    #[test]
    fn text_that_is_not_utf_8_is_the_fault_of_the_client() {
        let message = Message::unchecked_text(Bytes::from_static(b"a\xff"));
        assert!(message.check().is_err());
        assert_eq!(message.as_bytes(), b"a\xff");
        let error = message.into_text().unwrap_err();
        assert_eq!(error.kind(), WebSocketErrorKind::NotUtf8);
        assert!(error.is_client());
    }

    #[test]
    fn json_may_have_half_an_emoji() {
        let message = Message::from("\u{feff}\"cut \\ud83d\"");
        assert_eq!(message.json::<String>().unwrap(), "cut \u{fffd}");
    }

    #[test]
    fn debug_shows_the_start_of_a_message_only() {
        assert_eq!(format!("{:?}", Message::from("hi")), r#"Text("hi")"#);
        assert!(format!("{:?}", Message::from(vec![0; 9_999])).len() < 200);
    }
}
