//! A message in parts: `NOTIFY_STREAM` from a subscriber, `RECEIVE_STREAM` from a broadcaster.

use std::num::NonZeroU64;

use bytes::Bytes;
use thiserror::Error;

use super::frame::{Decoder, Encoder, Header};
use crate::{Authorization, Digest, Identifier, Topic, Tracing, WireError, digest::Hasher};

/// What the first part says of the whole message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamHead {
    /// What it is about.
    pub topic: Topic,
    /// What it is compressed with; 0: nothing.
    pub compressor: u64,
    /// The length of what is sent, in bytes.
    pub compressed_length: u64,
    /// The length of the message, in bytes.
    pub decompressed_length: u64,
    /// Of what is sent.
    pub digest: Digest,
}

impl StreamHead {
    /// Describes a message that is sent as it is.
    #[must_use]
    pub fn uncompressed(topic: Topic, message: &[u8]) -> Self {
        let length = message.len() as u64;
        Self {
            topic,
            compressor: 0,
            compressed_length: length,
            decompressed_length: length,
            digest: Digest::of(message),
        }
    }

    pub(super) fn encode(&self, out: Encoder) -> Encoder {
        out.bytes(Header::Topic, self.topic.to_bytes())
            .number(Header::Compressor, self.compressor)
            .number(Header::CompressedLength, self.compressed_length)
            .number(Header::DecompressedLength, self.decompressed_length)
            .bytes(Header::CompressedSha512, self.digest.as_bytes().to_vec())
    }

    pub(super) fn decode(from: &mut Decoder) -> Result<Self, WireError> {
        let head = Self {
            topic: from.topic()?,
            compressor: from.number(Header::Compressor, 8)?,
            compressed_length: from.number(Header::CompressedLength, 8)?,
            decompressed_length: from.number(Header::DecompressedLength, 8)?,
            digest: from.digest(Header::CompressedSha512)?,
        };
        match head.compressor == 0 && head.compressed_length != head.decompressed_length {
            true => Err(WireError::Value {
                field: Header::DecompressedLength.as_str(),
            }),
            false => Ok(head),
        }
    }
}

/// One part of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamPart {
    /// The sender's.
    pub authorization: Option<Authorization>,
    /// Passed on.
    pub tracing: Tracing,
    /// The same in all parts.
    pub identifier: Identifier,
    /// The head in the first part, and the number of any other.
    pub part: Result<StreamHead, NonZeroU64>,
    /// The bytes of this part.
    pub payload: Bytes,
}

impl StreamPart {
    /// Returns the number of the part, from 0.
    #[must_use]
    pub fn number(&self) -> u64 {
        match &self.part {
            Ok(_) => 0,
            Err(number) => number.get(),
        }
    }

    pub(super) fn encode(&self, kind: u16, minimal: bool) -> Result<Bytes, WireError> {
        let mut out = Encoder::new()
            .signed(self.authorization.as_ref(), &self.tracing)
            .identifier(&self.identifier)?
            .number(Header::PartId, self.number());
        if let Ok(head) = &self.part {
            out = head.encode(out);
        }
        Ok(out.finish(kind, minimal, &self.payload))
    }

    pub(super) fn decode(mut from: Decoder) -> Result<Self, WireError> {
        let authorization = from.authorization()?;
        let tracing = from.tracing()?;
        let identifier = from.identifier()?;
        let part = match NonZeroU64::new(from.number(Header::PartId, 8)?) {
            Some(number) => Err(number),
            None => Ok(StreamHead::decode(&mut from)?),
        };
        Ok(Self {
            authorization,
            tracing,
            identifier,
            part,
            payload: from.payload(),
        })
    }
}

/// Divides what is sent into parts of at most `most` bytes. There is always one.
pub fn split(message: &Bytes, most: usize) -> impl Iterator<Item = Bytes> {
    let most = most.max(1);
    let parts = message.len().div_ceil(most).max(1);
    let message = message.clone();
    (0..parts).map(move |part| {
        let start = part * most;
        message.slice(start..message.len().min(start + most))
    })
}

/// Why parts are no message. The connection ends.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum StreamError {
    /// A part is not the one that has to come: another number, or of another message.
    #[error("the part is not the next one of the message")]
    NotNext,
    /// The message is longer than is allowed here.
    #[error("a message of {length} bytes is over the limit of {limit}")]
    TooLarge {
        /// Its length in bytes.
        length: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// The parts are more than the head said.
    #[error("the parts are longer than the message was said to be")]
    Excess,
    /// The digest is another one.
    #[error("the message has not the digest that it was said to have")]
    Digest,
}

/// What a part made of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Joined {
    /// It is not complete: the number of the last part, for `CONTINUE_*`.
    More(u64),
    /// It is complete.
    Message {
        /// What the first part said.
        head: StreamHead,
        /// The identifier of its parts.
        identifier: Identifier,
        /// What was sent, still compressed where it is.
        message: Bytes,
    },
}

/// Joins parts to messages, of which there is one at a time: parts of two never mix.
#[derive(Debug)]
pub struct Joiner {
    limit: u64,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    head: StreamHead,
    identifier: Identifier,
    last: u64,
    hasher: Hasher,
    received: Vec<Bytes>,
    length: u64,
}

impl Joiner {
    /// Makes a joiner for messages of at most `limit` bytes.
    #[must_use]
    pub fn new(limit: u64) -> Self {
        Self { limit, open: None }
    }

    /// Returns the most bytes of a message.
    #[must_use]
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// Returns what the first part said of the message that is not complete yet.
    #[must_use]
    pub fn head(&self) -> Option<&StreamHead> {
        self.open.as_ref().map(|open| &open.head)
    }

    /// Adds a part.
    ///
    /// # Errors
    /// Where it cannot belong to a message. What was begun is gone then.
    pub fn push(
        &mut self,
        identifier: &Identifier,
        part: Result<StreamHead, NonZeroU64>,
        payload: Bytes,
    ) -> Result<Joined, StreamError> {
        let mut open = match (self.open.take(), part) {
            (None, Ok(head)) => {
                let length = head.compressed_length.max(head.decompressed_length);
                if length > self.limit {
                    return Err(StreamError::TooLarge {
                        length,
                        limit: self.limit,
                    });
                }
                Open {
                    head,
                    identifier: identifier.clone(),
                    last: 0,
                    hasher: Hasher::new(),
                    received: Vec::new(),
                    length: 0,
                }
            }
            (Some(open), Err(number))
                if open.last.checked_add(1) == Some(number.get())
                    && open.identifier == *identifier =>
            {
                Open {
                    last: number.get(),
                    ..open
                }
            }
            _ => return Err(StreamError::NotNext),
        };
        open.length += payload.len() as u64;
        if open.length > open.head.compressed_length {
            return Err(StreamError::Excess);
        }
        // Parts without content would make a message of no length take memory for ever.
        if payload.is_empty() && open.length < open.head.compressed_length {
            return Err(StreamError::NotNext);
        }
        open.hasher.update(&payload);
        open.received.push(payload);
        if open.length < open.head.compressed_length {
            let last = open.last;
            self.open = Some(open);
            return Ok(Joined::More(last));
        }
        if open.hasher.finish() != open.head.digest {
            return Err(StreamError::Digest);
        }
        let message = match open.received.as_slice() {
            [one] => one.clone(),
            parts => parts.concat().into(),
        };
        Ok(Joined::Message {
            head: open.head,
            identifier: open.identifier,
            message,
        })
    }
}
