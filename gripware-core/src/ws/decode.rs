//! Reading WebSocket-over-HTTP bodies (GRIP 2.1).
//!
//! ```
//! use bytes::Bytes;
//! use gripware_core::{
//!     Limits,
//!     ws::{DecodeErrorKind, Event, Events, decode},
//! };
//!
//! let body = Bytes::from_static(b"TEXT 2\r\nhi\r\nPING\r\n");
//! let events = decode(body.clone(), &Limits::default())?;
//! assert_eq!(events, [Event::text("hi"), Event::ping("")]);
//!
//! // One at a time, without a list:
//! assert_eq!(Events::new(body, &Limits::default()).count(), 2);
//!
//! let error = decode(Bytes::from_static(b"TEXT 5\r\nhi\r\n"), &Limits::default()).unwrap_err();
//! assert_eq!(error.kind(), DecodeErrorKind::Truncated);
//! # Ok::<(), gripware_core::ws::DecodeError>(())
//! ```
//!
//! The decoder is stricter than proxies are. Lines end with CR LF, a length has one to eight
//! hexadecimal digits of either case, every content is followed by CR LF, the body is used up to
//! its last byte, and there are no other kinds of events than those of [`EventKind`]. `OPEN` and
//! `DISCONNECT` have no content; `OPEN 0` with its empty line is read, `OPEN 1` is not.

mod cursor;
#[cfg(test)]
mod tests;

use std::iter::FusedIterator;

use bytes::Bytes;
use thiserror::Error;

pub(super) use self::cursor::Cursor;
use super::{Event, EventKind};
use crate::Limits;

/// The events of a body, one after the other.
///
/// An event costs no allocation: its content is a slice of the body, and is skipped over rather
/// than looked at. After an error there are no more events.
#[derive(Clone, Debug)]
pub struct Events {
    body: Bytes,
    cursor: Cursor,
}

impl Events {
    /// The events of `body`, within the three `websocket_` bounds of `limits`.
    ///
    /// A body over [`Limits::websocket_body`] gives an error as its first item.
    #[must_use]
    pub fn new(body: Bytes, limits: &Limits) -> Self {
        Self {
            body,
            cursor: Cursor::new(limits),
        }
    }
}

impl Iterator for Events {
    type Item = Result<Event, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, content) = match self.cursor.next(&self.body)? {
            Ok(event) => event,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok(Event::raw(kind, self.body.slice(content))))
    }
}

impl FusedIterator for Events {}

/// The events of a body that is looked at where it is, one after the other.
///
/// This is [`Events`] without shared ownership: what counts the owners of a content takes longer
/// than finding it. See [`scan`].
#[derive(Clone, Debug)]
pub struct Scan<'a> {
    body: &'a [u8],
    cursor: Cursor,
}

impl<'a> Iterator for Scan<'a> {
    type Item = Result<(EventKind, &'a [u8]), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        let (kind, content) = match self.cursor.next(self.body)? {
            Ok(event) => event,
            Err(error) => return Some(Err(error)),
        };
        Some(Ok((kind, self.body.get(content).unwrap_or_default())))
    }
}

impl FusedIterator for Scan<'_> {}

/// Looks through a body, within the three `websocket_` bounds of `limits`, and gives the kind and
/// the content of each event.
///
/// ```
/// use gripware_core::{
///     Limits,
///     ws::{EventKind, scan},
/// };
///
/// let mut events = scan(b"PING 1\r\n!\r\nTEXT", &Limits::default());
/// assert_eq!(events.next(), Some(Ok((EventKind::Ping, &b"!"[..]))));
/// assert!(events.next().is_some_and(|event| event.is_err()));
/// ```
#[must_use]
pub const fn scan<'a>(body: &'a [u8], limits: &Limits) -> Scan<'a> {
    Scan {
        body,
        cursor: Cursor::new(limits),
    }
}

/// All events of a body, within the three `websocket_` bounds of `limits`.
///
/// # Errors
/// If the body is not exactly a list of events, or over a bound.
pub fn decode(body: Bytes, limits: &Limits) -> Result<Vec<Event>, DecodeError> {
    Events::new(body, limits).collect()
}

/// Why a body is not a list of events, and where.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{kind} at byte {position}")]
pub struct DecodeError {
    kind: DecodeErrorKind,
    position: usize,
}

impl DecodeError {
    /// What is wrong.
    #[must_use]
    pub const fn kind(&self) -> DecodeErrorKind {
        self.kind
    }

    /// Where, in bytes from the start of the body.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.position
    }

    /// Returns `true` if it may be a list of events, but one over a bound.
    #[must_use]
    pub const fn is_over_limit(&self) -> bool {
        matches!(
            self.kind,
            DecodeErrorKind::BodyTooLarge
                | DecodeErrorKind::TooManyEvents
                | DecodeErrorKind::EventTooLarge
        )
    }
}

/// What can be wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[non_exhaustive]
pub enum DecodeErrorKind {
    /// An event starts with no known name.
    #[error("an unknown kind of event")]
    UnknownKind,
    /// A length is not one to eight hexadecimal digits.
    #[error("an invalid length")]
    InvalidLength,
    /// A line or a content does not end with CR LF.
    #[error("no CR LF")]
    InvalidLineEnd,
    /// The body ends inside an event.
    #[error("the body ends inside an event, whose length is hexadecimal,")]
    Truncated,
    /// An `OPEN` or `DISCONNECT` has content.
    #[error("content in an event that has none")]
    UnexpectedContent,
    /// The body is larger than [`Limits::websocket_body`].
    #[error("the body is over its limit")]
    BodyTooLarge,
    /// There are more events than [`Limits::websocket_events`].
    #[error("more events than allowed")]
    TooManyEvents,
    /// A content is larger than [`Limits::websocket_event`].
    #[error("the content of an event is over its limit")]
    EventTooLarge,
}
