//! A message that comes in pieces.

use super::{Head, Kind, PeerMessage, ProtocolError};
use crate::ws::deflate::inflate;

/// The most fragments without content that a message may have. They cost the client next to
/// nothing and never fill a message up, so something else has to end them; nobody sends more than
/// a first and a last one.
const MAX_EMPTY_FRAGMENTS: u8 = 64;

/// What has come of a message.
#[derive(Debug)]
pub(super) struct Message {
    is_text: bool,
    is_deflated: bool,
    empty_fragments: u8,
    /// How many bytes of a text are known to be UTF-8.
    valid: usize,
    pub(super) payload: Vec<u8>,
}

impl Message {
    /// One that begins with this frame.
    pub(super) const fn new(first: &Head) -> Self {
        Self {
            is_text: matches!(first.kind, Kind::Text),
            is_deflated: first.is_deflated,
            empty_fragments: 0,
            valid: 0,
            payload: Vec::new(),
        }
    }

    /// Whether a data frame may come now, and be as long as it says.
    pub(super) fn check(
        message: Option<&Self>,
        head: &Head,
        max_message: usize,
    ) -> Result<(), ProtocolError> {
        let is_continued = head.kind == Kind::Continuation;
        match message {
            Some(_) if !is_continued => {
                return Err(ProtocolError::violation(
                    "a message begins inside another one",
                ));
            }
            None if is_continued => {
                return Err(ProtocolError::violation("nothing is there to continue"));
            }
            _ => {}
        }
        let length = message.map_or(0, |message| message.payload.len());
        let room = max_message.saturating_sub(length);
        if usize::try_from(head.left).is_ok_and(|declared| declared <= room) {
            Ok(())
        } else {
            Err(ProtocolError::too_big())
        }
    }

    pub(super) fn len(&self) -> usize {
        self.payload.len()
    }

    /// Counts a fragment of the message.
    pub(super) fn count(&mut self, head: &Head) -> Result<(), ProtocolError> {
        if head.left == 0 && !head.is_final {
            self.empty_fragments += 1;
        }
        if self.empty_fragments > MAX_EMPTY_FRAGMENTS {
            return Err(ProtocolError {
                code: 1008,
                reason: "too many empty fragments",
            });
        }
        Ok(())
    }

    /// Looks at what has come since the last time, so that a text that is none fails early and no
    /// byte is looked at more than a few times.
    pub(super) fn validate(&mut self) -> Result<(), ProtocolError> {
        if !self.is_text || self.is_deflated {
            return Ok(());
        }
        match str::from_utf8(self.payload.get(self.valid..).unwrap_or_default()) {
            Ok(text) => self.valid += text.len(),
            // A character is cut in two, and may go on in the next piece.
            Err(error) if error.error_len().is_none() => self.valid += error.valid_up_to(),
            Err(_) => return Err(ProtocolError::not_utf8()),
        }
        Ok(())
    }

    pub(super) fn finish(self, max_message: usize) -> Result<PeerMessage, ProtocolError> {
        if self.is_deflated {
            return deflated(self.is_text, &self.payload, max_message);
        }
        if !self.is_text {
            return Ok(PeerMessage::Binary(self.payload.into()));
        }
        if self.valid < self.payload.len() {
            return Err(ProtocolError::not_utf8());
        }
        Ok(PeerMessage::Text(self.payload.into()))
    }
}

/// A message that has come compressed.
pub(super) fn deflated(
    is_text: bool,
    payload: &[u8],
    max_message: usize,
) -> Result<PeerMessage, ProtocolError> {
    plain(is_text, inflate(payload, max_message)?)
}

/// A message that has come in one piece.
pub(super) fn plain(is_text: bool, payload: Vec<u8>) -> Result<PeerMessage, ProtocolError> {
    match is_text {
        true if str::from_utf8(&payload).is_err() => Err(ProtocolError::not_utf8()),
        true => Ok(PeerMessage::Text(payload.into())),
        false => Ok(PeerMessage::Binary(payload.into())),
    }
}
