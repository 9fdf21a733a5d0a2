//! A part that has come is joined to those before it, and a message that is complete is decompressed.
//! It takes long for a large one, and needs nothing but the parts.

use bytes::Bytes;

use super::session::SessionError;
use crate::{
    Identifier, Topic,
    ws::{Joined, Joiner, StreamPart, zstd},
};

/// A part that is verified, and those before it.
#[derive(Debug)]
pub(super) struct Joining {
    /// How many bytes the message has, compressed or not, or may have at most.
    pub(super) length: usize,
    pub(super) joiner: Joiner,
    pub(super) part: StreamPart,
    /// Whether it may be compressed.
    pub(super) is_compressed: bool,
}

/// What a part has come to.
#[derive(Debug)]
pub(super) struct Whole {
    pub(super) joiner: Joiner,
    pub(super) identifier: Identifier,
    pub(super) outcome: Result<Outcome, SessionError>,
}

#[derive(Debug)]
pub(super) enum Outcome {
    /// There have to come more: the number of this one.
    More(u64),
    /// A message.
    Message(Topic, Bytes),
}

impl Joining {
    pub(super) fn run(self) -> Whole {
        let Self {
            mut joiner,
            part,
            is_compressed,
            ..
        } = self;
        let identifier = part.identifier;
        let limit = joiner.limit();
        let joined = joiner.push(&identifier, part.part, part.payload);
        let outcome = joined.map_err(SessionError::from).and_then(|joined| {
            let (head, message) = match joined {
                Joined::More(number) => return Ok(Outcome::More(number)),
                Joined::Message { head, message, .. } => (head, message),
            };
            let message = match u32::try_from(head.compressor) {
                Ok(0) => message,
                Ok(zstd::STANDARD) if is_compressed => {
                    zstd::decompress(&message, head.decompressed_length.min(limit))
                        .map_err(SessionError::Decompress)?
                }
                _ => return Err(SessionError::Compressor),
            };
            Ok(Outcome::Message(head.topic, message))
        });
        Whole {
            joiner,
            identifier,
            outcome,
        }
    }
}
