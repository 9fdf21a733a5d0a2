//! The head of a frame.

use super::{ProtocolError, Sender};
use crate::ws::frame::{DEFLATED, FIN, LENGTH_16, LENGTH_64, MASKED};

/// The most bytes of a head: two, eight of a length, four of a mask.
pub(super) const MAX_HEAD_LEN: usize = 14;

const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const LENGTH: u8 = 0x7f;

/// What a frame is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Kind {
    pub(super) const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The head of a frame whose payload is to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Head {
    pub(super) kind: Kind,
    pub(super) is_final: bool,
    /// Whether the message that begins with it is compressed.
    pub(super) is_deflated: bool,
    /// How many bytes of the payload are still to come.
    pub(super) left: u64,
    /// The mask of the payload's next byte, and so on. An origin's frame has none, which is all zeros.
    pub(super) mask: [u8; 4],
}

impl Head {
    /// Reads a head. Returns it and its length, or `None` if there is more to come; what is wrong
    /// in the first two bytes is found before that.
    pub(super) fn parse(
        bytes: &[u8],
        sender: Sender,
    ) -> Result<Option<(Self, usize)>, ProtocolError> {
        let Some(([first, second], rest)) = bytes.split_first_chunk() else {
            return Ok(None);
        };
        let (first, second) = (*first, *second);
        let kind = match first & OPCODE {
            0x0 => Kind::Continuation,
            0x1 => Kind::Text,
            0x2 => Kind::Binary,
            0x8 => Kind::Close,
            0x9 => Kind::Ping,
            0xa => Kind::Pong,
            _ => return Err(ProtocolError::violation("an unknown opcode")),
        };
        let may_be_deflated =
            sender == Sender::DeflatingClient && matches!(kind, Kind::Text | Kind::Binary);
        let is_deflated = may_be_deflated && first & DEFLATED != 0;
        let reserved = if is_deflated {
            RESERVED ^ DEFLATED
        } else {
            RESERVED
        };
        if first & reserved != 0 {
            return Err(ProtocolError::violation("a reserved bit is set"));
        }
        let is_final = first & FIN != 0;
        let length = second & LENGTH;
        if kind.is_control() && (!is_final || length >= LENGTH_16) {
            return Err(ProtocolError::violation(
                "a control frame is fragmented or over 125 bytes",
            ));
        }
        match (sender.is_client(), second & MASKED != 0) {
            (true, true) | (false, false) => {}
            (true, false) => {
                return Err(ProtocolError::violation("a frame is not masked"));
            }
            (false, true) => {
                return Err(ProtocolError::violation("a frame of a server is masked"));
            }
        }
        let Some((left, rest)) = Self::length(length, rest)? else {
            return Ok(None);
        };
        let (mask, rest) = match (sender.is_client(), rest.split_first_chunk()) {
            (false, _) => ([0; 4], rest),
            (true, Some((mask, rest))) => (*mask, rest),
            (true, None) => return Ok(None),
        };
        let head = Self {
            kind,
            is_final,
            is_deflated,
            left,
            mask,
        };
        Ok(Some((head, bytes.len() - rest.len())))
    }

    /// The length of a payload, and what follows. A longer form than needed is refused, as the
    /// standard says: two ways to say the same are what smuggles.
    fn length(short: u8, rest: &[u8]) -> Result<Option<(u64, &[u8])>, ProtocolError> {
        let (length, rest, least) = match short {
            LENGTH_16 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from(u16::from_be_bytes(*length)), rest, 126),
                None => return Ok(None),
            },
            LENGTH_64 => match rest.split_first_chunk() {
                Some((length, rest)) => (u64::from_be_bytes(*length), rest, 0x1_0000),
                None => return Ok(None),
            },
            _ => (u64::from(short), rest, 0),
        };
        if length < least || length > i64::MAX as u64 {
            return Err(ProtocolError::violation("an invalid length"));
        }
        Ok(Some((length, rest)))
    }
}
