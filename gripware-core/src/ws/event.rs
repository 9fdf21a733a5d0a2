//! The events that a WebSocket becomes when it travels over HTTP (GRIP 2.1).
//!
//! ```
//! use gripware_core::ws::{Event, EventKind};
//!
//! let event = Event::text("hello");
//! assert_eq!(event.kind(), EventKind::Text);
//! assert_eq!(event.content(), "hello");
//!
//! // Names are compared byte for byte.
//! assert_eq!(EventKind::from_name("PING"), Some(EventKind::Ping));
//! assert_eq!(EventKind::from_name("ping"), None);
//! ```

use std::fmt;

use bytes::Bytes;

use super::Close;

/// How many bytes of a content `Debug` shows.
const PREVIEW_LEN: usize = 32;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What an [`Event`] is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$doc])* #[doc = concat!(" `", $name, "` on the wire.")] $variant,)*
        }

        impl EventKind {
            /// Every kind.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// Returns the kind's name on the wire, in upper case.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The kind that `bytes` start with, and what follows its name.
            ///
            /// No name starts another one, so the first that fits is the only one.
            pub(super) fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
                $(
                    if let Some(rest) = bytes.strip_prefix($name.as_bytes()) {
                        return Some((Self::$variant, rest));
                    }
                )*
                None
            }
        }
    };
}

kinds! {
    /// A whole text message.
    Text = "TEXT",
    /// A whole binary message.
    Binary = "BINARY",
    /// A ping, to be answered with a pong of the same content.
    Ping = "PING",
    /// A pong.
    Pong = "PONG",
    /// A client asks for a connection, or the origin accepts it. Never has content.
    Open = "OPEN",
    /// One end closes. Its content is a [`Close`].
    Close = "CLOSE",
    /// The client has gone without a close, or is to be dropped without one. Never has content.
    Disconnect = "DISCONNECT",
}

impl EventKind {
    /// The kind of this name, in upper case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// Returns `true` if events of this kind may have content.
    #[must_use]
    pub const fn has_content(self) -> bool {
        !matches!(self, Self::Open | Self::Disconnect)
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One event: its kind and its content.
///
/// The content is lent from the body it was decoded from: cloning an event copies no bytes, and
/// holding one keeps the body in memory. Text is UTF-8 where it was built here; where it was
/// decoded nobody has looked yet.
#[derive(Clone, PartialEq, Eq)]
pub struct Event {
    kind: EventKind,
    content: Bytes,
}

impl Event {
    /// Creates the event of an opening: a connection is asked for, or accepted.
    #[must_use]
    pub const fn open() -> Self {
        Self::without_content(EventKind::Open)
    }

    /// Creates a text message.
    #[must_use]
    pub fn text(content: impl Into<String>) -> Self {
        Self::raw(EventKind::Text, content.into().into())
    }

    /// Creates a binary message.
    #[must_use]
    pub fn binary(content: impl Into<Bytes>) -> Self {
        Self::raw(EventKind::Binary, content.into())
    }

    /// Creates a ping.
    #[must_use]
    pub fn ping(content: impl Into<Bytes>) -> Self {
        Self::raw(EventKind::Ping, content.into())
    }

    /// Creates a pong, with the content of the ping it answers.
    #[must_use]
    pub fn pong(content: impl Into<Bytes>) -> Self {
        Self::raw(EventKind::Pong, content.into())
    }

    /// Creates a close.
    #[must_use]
    pub fn close(close: &Close) -> Self {
        Self::raw(EventKind::Close, close.to_bytes())
    }

    /// The client has gone, or is to be dropped.
    #[must_use]
    pub const fn disconnect() -> Self {
        Self::without_content(EventKind::Disconnect)
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> EventKind {
        self.kind
    }

    /// Its content, empty where it has none.
    #[must_use]
    pub const fn content(&self) -> &Bytes {
        &self.content
    }

    /// Its content, without the event.
    #[must_use]
    pub fn into_content(self) -> Bytes {
        self.content
    }

    /// Returns the close that the content of a [`EventKind::Close`] says; nothing for every other
    /// kind.
    #[must_use]
    pub fn to_close(&self) -> Option<Close> {
        (self.kind == EventKind::Close).then(|| Close::parse(&self.content))
    }

    pub(super) const fn raw(kind: EventKind, content: Bytes) -> Self {
        Self { kind, content }
    }

    const fn without_content(kind: EventKind) -> Self {
        Self::raw(kind, Bytes::new())
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("kind", &self.kind)
            .field("content", &Preview(&self.content))
            .finish()
    }
}

/// The start of a content and its length, for `Debug`: logs hold no whole messages.
pub(super) struct Preview<'a>(pub(super) &'a [u8]);

impl fmt::Debug for Preview<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = self.0.get(..PREVIEW_LEN).unwrap_or(self.0);
        write!(f, "\"{}\"", shown.escape_ascii())?;
        if shown.len() < self.0.len() {
            write!(f, " and {} bytes more", self.0.len() - shown.len())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_protocol_and_none_starts_another() {
        let names: Vec<_> = EventKind::ALL.iter().map(|kind| kind.as_str()).collect();
        assert_eq!(
            names,
            [
                "TEXT",
                "BINARY",
                "PING",
                "PONG",
                "OPEN",
                "CLOSE",
                "DISCONNECT"
            ]
        );
        for a in &names {
            assert_eq!(EventKind::from_name(a).unwrap().to_string(), *a);
            assert!(names.iter().all(|b| a == b || !b.starts_with(a)));
        }
        assert_eq!(EventKind::from_name("TEXTS"), None);
    }

    #[test]
    fn debug_shows_the_start_of_a_content_only() {
        let long = format!("{:?}", Event::text("x".repeat(10_000)));
        assert!(long.contains("9968 bytes more"), "{long}");
        assert!(long.len() < 120, "{long}");
        assert_eq!(
            format!("{:?}", Event::binary(&b"\xff\n"[..])),
            r#"Event { kind: Binary, content: "\xff\n" }"#
        );
    }
}
