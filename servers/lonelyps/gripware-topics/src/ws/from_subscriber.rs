//! What a subscriber sends.

use bytes::Bytes;

use super::{
    StreamHead, StreamPart,
    frame::{Decoder, Encoder, Header},
};
use crate::{Authorization, Identifier, Pattern, Tracing, WireError};

/// A message from a subscriber.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FromSubscriber {
    /// 1: the first message of a connection.
    Configure {
        /// Half of the connection's nonce.
        nonce: [u8; 32],
        /// Whether messages may be compressed with zstd.
        zstd: bool,
        /// Whether dictionaries may be sent along.
        training: bool,
        /// The preset dictionary it would like; 0: none.
        initial_dict: u16,
        /// The subscriber's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
    },
    /// 2 and 3: sends messages of these here.
    Subscribe {
        /// The subscriber's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
        /// Which.
        pattern: Pattern,
    },
    /// 4 and 5: no more of these.
    Unsubscribe {
        /// The subscriber's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
        /// Which.
        pattern: Pattern,
    },
    /// 6: a message to be delivered.
    Notify {
        /// The subscriber's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
        /// Comes back in the confirmation.
        identifier: Identifier,
        /// What it is.
        head: StreamHead,
        /// The message as it is sent.
        payload: Bytes,
    },
    /// 7: part of a message to be delivered.
    NotifyStream(StreamPart),
    /// 8: the next part, please.
    ContinueReceive {
        /// Of the message.
        identifier: Identifier,
        /// The last part that came.
        part: u64,
        /// The subscriber's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
    },
    /// 9: a message has come and was worked on.
    ConfirmReceive {
        /// Of the message.
        identifier: Identifier,
        /// The subscriber's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
        /// For how many subscribers it speaks.
        subscribers: u32,
    },
}

impl FromSubscriber {
    /// Returns the type.
    #[must_use]
    pub fn kind(&self) -> u16 {
        match self {
            Self::Configure { .. } => 1,
            Self::Subscribe { pattern, .. } => kind_of(pattern, 2),
            Self::Unsubscribe { pattern, .. } => kind_of(pattern, 4),
            Self::Notify { .. } => 6,
            Self::NotifyStream(_) => 7,
            Self::ContinueReceive { .. } => 8,
            Self::ConfirmReceive { .. } => 9,
        }
    }

    /// Encodes the message, with minimal headers or with expanded ones.
    ///
    /// # Errors
    /// [`WireError::TooLong`] for an identifier over 64 bytes.
    pub fn encode(&self, minimal: bool) -> Result<Bytes, WireError> {
        let out = Encoder::new();
        let mut rest: &[u8] = &[];
        let out = match self {
            Self::Configure {
                nonce,
                zstd,
                training,
                initial_dict,
                authorization,
                tracing,
            } => out
                .bytes(Header::SubscriberNonce, nonce.to_vec())
                .bytes(Header::EnableZstd, vec![u8::from(*zstd)])
                .bytes(Header::EnableTraining, vec![u8::from(*training)])
                .bytes(Header::InitialDict, initial_dict.to_be_bytes().to_vec())
                .signed(authorization.as_ref(), tracing),
            Self::Subscribe {
                authorization,
                tracing,
                pattern,
            }
            | Self::Unsubscribe {
                authorization,
                tracing,
                pattern,
            } => put_pattern(out.signed(authorization.as_ref(), tracing), pattern),
            Self::Notify {
                authorization,
                tracing,
                identifier,
                head,
                payload,
            } => {
                rest = payload;
                let out = out.signed(authorization.as_ref(), tracing);
                head.encode(out.identifier(identifier)?)
            }
            Self::NotifyStream(part) => return part.encode(self.kind(), minimal),
            Self::ContinueReceive {
                identifier,
                part,
                authorization,
                tracing,
            } => out
                .identifier(identifier)?
                .number(Header::PartId, *part)
                .signed(authorization.as_ref(), tracing),
            Self::ConfirmReceive {
                identifier,
                authorization,
                tracing,
                subscribers,
            } => out
                .identifier(identifier)?
                .signed(authorization.as_ref(), tracing)
                .number(Header::NumSubscribers, u64::from(*subscribers)),
        };
        Ok(out.finish(self.kind(), minimal, rest))
    }

    /// Decodes a message.
    ///
    /// # Errors
    /// Where it is malformed.
    pub fn decode(message: Bytes) -> Result<Self, WireError> {
        let (kind, mut from) = Decoder::new(message)?;
        let decoded = match kind {
            1 => Self::Configure {
                nonce: from.nonce(Header::SubscriberNonce)?,
                zstd: from.flag(Header::EnableZstd)?,
                training: from.flag(Header::EnableTraining)?,
                initial_dict: u16::try_from(from.number(Header::InitialDict, 2)?)
                    .unwrap_or_default(),
                authorization: from.authorization()?,
                tracing: from.tracing()?,
            },
            2..=5 => {
                let authorization = from.authorization()?;
                let tracing = from.tracing()?;
                let pattern = pattern(&mut from, kind % 2 == 0)?;
                match kind {
                    2 | 3 => Self::Subscribe {
                        authorization,
                        tracing,
                        pattern,
                    },
                    _ => Self::Unsubscribe {
                        authorization,
                        tracing,
                        pattern,
                    },
                }
            }
            6 => {
                let authorization = from.authorization()?;
                let tracing = from.tracing()?;
                let identifier = from.identifier()?;
                let head = StreamHead::decode(&mut from)?;
                let payload = from.payload();
                if payload.len() as u64 != head.compressed_length {
                    return Err(WireError::Value {
                        field: Header::CompressedLength.as_str(),
                    });
                }
                return Ok(Self::Notify {
                    authorization,
                    tracing,
                    identifier,
                    head,
                    payload,
                });
            }
            7 => return StreamPart::decode(from).map(Self::NotifyStream),
            8 => Self::ContinueReceive {
                identifier: from.identifier()?,
                part: from.number(Header::PartId, 8)?,
                authorization: from.authorization()?,
                tracing: from.tracing()?,
            },
            9 => Self::ConfirmReceive {
                identifier: from.identifier()?,
                authorization: from.authorization()?,
                tracing: from.tracing()?,
                subscribers: u32::try_from(from.number(Header::NumSubscribers, 4)?)
                    .unwrap_or_default(),
            },
            kind => return Err(WireError::UnknownType(kind)),
        };
        match from.payload().len() {
            0 => Ok(decoded),
            count => Err(WireError::Trailing { count }),
        }
    }
}

/// Exact topics have the number, globs the next one.
pub(super) fn kind_of(pattern: &Pattern, exact: u16) -> u16 {
    match pattern {
        Pattern::Exact(_) => exact,
        Pattern::Glob(_) => exact + 1,
    }
}

pub(super) fn put_pattern(out: Encoder, pattern: &Pattern) -> Encoder {
    match pattern {
        Pattern::Exact(topic) => out.bytes(Header::Topic, topic.to_bytes()),
        Pattern::Glob(glob) => out.bytes(Header::Glob, glob.as_str().to_owned()),
    }
}

pub(super) fn pattern(from: &mut Decoder, exact: bool) -> Result<Pattern, WireError> {
    match exact {
        true => from.topic().map(Pattern::Exact),
        false => from.glob().map(Pattern::Glob),
    }
}
