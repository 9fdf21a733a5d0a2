//! The way through a body, without owning it.

use std::ops::Range;

use super::{DecodeError, DecodeErrorKind};
use crate::{Limits, ws::EventKind};

/// The most digits of a length: content of 4 GiB and more is in nobody's interest.
const MAX_LENGTH_DIGITS: usize = 8;

/// A place in a body, and what may still come.
#[derive(Clone, Debug)]
pub(in crate::ws) struct Cursor {
    position: usize,
    events_left: usize,
    max_body: usize,
    max_content: usize,
    failed: bool,
}

impl Cursor {
    pub(in crate::ws) const fn new(limits: &Limits) -> Self {
        Self {
            position: 0,
            events_left: limits.websocket_events,
            max_body: limits.websocket_body,
            max_content: limits.websocket_event,
            failed: false,
        }
    }

    /// The next event of `body`, which is the same at every call: its kind, and where its
    /// content is.
    pub(in crate::ws) fn next(
        &mut self,
        body: &[u8],
    ) -> Option<Result<(EventKind, Range<usize>), DecodeError>> {
        if self.failed || self.position >= body.len() {
            return None;
        }
        let event = self.read(body);
        self.failed = event.is_err();
        Some(event)
    }

    fn read(&mut self, body: &[u8]) -> Result<(EventKind, Range<usize>), DecodeError> {
        if body.len() > self.max_body {
            return Err(DecodeError {
                kind: DecodeErrorKind::BodyTooLarge,
                position: self.max_body,
            });
        }
        let mut reader = Reader {
            body,
            position: self.position,
        };
        self.events_left = match self.events_left.checked_sub(1) {
            Some(left) => left,
            None => return reader.error(DecodeErrorKind::TooManyEvents),
        };
        let (kind, length) = reader.head()?;
        reader.line_end()?;
        let content = reader.position;
        if let Some(length) = length {
            reader.content(kind, length, self.max_content)?;
        }
        let content = content..reader.position;
        if length.is_some() {
            reader.line_end()?;
        }
        self.position = reader.position;
        Ok((kind, content))
    }
}

struct Reader<'a> {
    body: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// An event's kind and, where it is written, its length.
    fn head(&mut self) -> Result<(EventKind, Option<usize>), DecodeError> {
        let rest = self.rest();
        let Some((kind, after)) = EventKind::split(rest) else {
            let cut_off = |kind: &EventKind| kind.as_str().as_bytes().starts_with(rest);
            return self.error(if EventKind::ALL.iter().any(cut_off) {
                DecodeErrorKind::Truncated
            } else {
                DecodeErrorKind::UnknownKind
            });
        };
        match after.first() {
            Some(b' ') => {
                self.position += kind.as_str().len() + 1;
                Ok((kind, Some(self.length()?)))
            }
            Some(b'\r' | b'\n') | None => {
                self.position += kind.as_str().len();
                Ok((kind, None))
            }
            Some(_) => self.error(DecodeErrorKind::UnknownKind),
        }
    }

    fn length(&mut self) -> Result<usize, DecodeError> {
        let mut length: u32 = 0;
        let mut digits = 0;
        for byte in self.rest() {
            match char::from(*byte).to_digit(16) {
                Some(digit) if digits < MAX_LENGTH_DIGITS => length = length << 4 | digit,
                None if digits > 0 && matches!(byte, b'\r' | b'\n') => break,
                Some(_) | None => {
                    self.position += digits;
                    return self.error(DecodeErrorKind::InvalidLength);
                }
            }
            digits += 1;
        }
        self.position += digits;
        match usize::try_from(length) {
            Ok(length) => Ok(length),
            Err(_) => self.error(DecodeErrorKind::InvalidLength),
        }
    }

    fn line_end(&mut self) -> Result<(), DecodeError> {
        match self.rest() {
            [b'\r', b'\n', ..] => {
                self.position += 2;
                Ok(())
            }
            [] | [b'\r'] => self.truncated(),
            _ => self.error(DecodeErrorKind::InvalidLineEnd),
        }
    }

    fn content(&mut self, kind: EventKind, length: usize, max: usize) -> Result<(), DecodeError> {
        let end = self.position.checked_add(length);
        let Some(end) = end.filter(|end| *end <= self.body.len()) else {
            return self.truncated();
        };
        if length > max {
            return self.error(DecodeErrorKind::EventTooLarge);
        }
        if length > 0 && !kind.has_content() {
            return self.error(DecodeErrorKind::UnexpectedContent);
        }
        self.position = end;
        Ok(())
    }

    fn rest(&self) -> &'a [u8] {
        self.body.get(self.position..).unwrap_or_default()
    }

    fn truncated<T>(&mut self) -> Result<T, DecodeError> {
        self.position = self.body.len();
        self.error(DecodeErrorKind::Truncated)
    }

    const fn error<T>(&self, kind: DecodeErrorKind) -> Result<T, DecodeError> {
        Err(DecodeError {
            kind,
            position: self.position,
        })
    }
}
