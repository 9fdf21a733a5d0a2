//! What a broadcaster sends.

use bytes::Bytes;

use super::{
    StreamPart,
    frame::{Decoder, Encoder, Header},
    from_subscriber::{kind_of, pattern, put_pattern},
};
use crate::{
    Authorization, Digest, Identifier, Pattern, Topic, Tracing, WireError, auth::Compressor,
};

/// A message from a broadcaster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FromBroadcaster {
    /// 1: the answer to `CONFIGURE`.
    ConfirmConfigure {
        /// Half of the connection's nonce.
        nonce: [u8; 32],
        /// The broadcaster's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
    },
    /// 2 and 3: subscribed.
    ConfirmSubscribe {
        /// To what.
        pattern: Pattern,
        /// The broadcaster's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
    },
    /// 4 and 5: unsubscribed.
    ConfirmUnsubscribe {
        /// From what.
        pattern: Pattern,
        /// The broadcaster's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
    },
    /// 6: a message was delivered.
    ConfirmNotify {
        /// Of the message.
        identifier: Identifier,
        /// How many subscribers confirmed it.
        subscribers: u64,
        /// The broadcaster's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
    },
    /// 7: the next part, please.
    ContinueNotify {
        /// Of the message.
        identifier: Identifier,
        /// The last part that came.
        part: u64,
        /// The broadcaster's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
    },
    /// 8: a message, or a part of one.
    ReceiveStream(StreamPart),
    /// 9: a compressor that both ends have may be used.
    EnablePreset {
        /// Which.
        compressor: Compressor,
        /// The broadcaster's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
    },
    /// 10: a compressor may be used whose dictionary comes along.
    EnableCustom {
        /// Which.
        compressor: Compressor,
        /// The broadcaster's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
        /// Of the dictionary.
        digest: Digest,
        /// The dictionary.
        dictionary: Bytes,
    },
    /// 11: a compressor may not be used any more.
    DisableCustom {
        /// Which.
        id: u32,
        /// The broadcaster's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
    },
    /// 12: messages of a topic may have been missed.
    Missed {
        /// The broadcaster's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
        /// The topic.
        topic: Topic,
    },
}

impl FromBroadcaster {
    /// Returns the type.
    #[must_use]
    pub fn kind(&self) -> u16 {
        match self {
            Self::ConfirmConfigure { .. } => 1,
            Self::ConfirmSubscribe { pattern, .. } => kind_of(pattern, 2),
            Self::ConfirmUnsubscribe { pattern, .. } => kind_of(pattern, 4),
            Self::ConfirmNotify { .. } => 6,
            Self::ContinueNotify { .. } => 7,
            Self::ReceiveStream(_) => 8,
            Self::EnablePreset { .. } => 9,
            Self::EnableCustom { .. } => 10,
            Self::DisableCustom { .. } => 11,
            Self::Missed { .. } => 12,
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
            Self::ConfirmConfigure {
                nonce,
                authorization,
                tracing,
            } => out
                .bytes(Header::BroadcasterNonce, nonce.to_vec())
                .signed(authorization.as_ref(), tracing),
            Self::ConfirmSubscribe {
                pattern,
                authorization,
                tracing,
            }
            | Self::ConfirmUnsubscribe {
                pattern,
                authorization,
                tracing,
            } => put_pattern(out, pattern).signed(authorization.as_ref(), tracing),
            Self::ConfirmNotify {
                identifier,
                subscribers,
                authorization,
                tracing,
            } => out
                .identifier(identifier)?
                .number(Header::Subscribers, *subscribers)
                .signed(authorization.as_ref(), tracing),
            Self::ContinueNotify {
                identifier,
                part,
                authorization,
                tracing,
            } => out
                .identifier(identifier)?
                .number(Header::PartId, *part)
                .signed(authorization.as_ref(), tracing),
            Self::ReceiveStream(part) => return part.encode(self.kind(), minimal),
            Self::EnablePreset {
                compressor,
                authorization,
                tracing,
            } => put_compressor(out, compressor).signed(authorization.as_ref(), tracing),
            Self::EnableCustom {
                compressor,
                authorization,
                tracing,
                digest,
                dictionary,
            } => {
                rest = dictionary;
                put_compressor(out, compressor)
                    .signed(authorization.as_ref(), tracing)
                    .bytes(Header::Sha512, digest.as_bytes().to_vec())
            }
            Self::DisableCustom {
                id,
                authorization,
                tracing,
            } => out
                .number(Header::Identifier, u64::from(*id))
                .signed(authorization.as_ref(), tracing),
            Self::Missed {
                authorization,
                tracing,
                topic,
            } => out
                .signed(authorization.as_ref(), tracing)
                .bytes(Header::Topic, topic.to_bytes()),
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
            1 => Self::ConfirmConfigure {
                nonce: from.nonce(Header::BroadcasterNonce)?,
                authorization: from.authorization()?,
                tracing: from.tracing()?,
            },
            2 | 3 => Self::ConfirmSubscribe {
                pattern: pattern(&mut from, kind == 2)?,
                authorization: from.authorization()?,
                tracing: from.tracing()?,
            },
            4 | 5 => Self::ConfirmUnsubscribe {
                pattern: pattern(&mut from, kind == 4)?,
                authorization: from.authorization()?,
                tracing: from.tracing()?,
            },
            6 => Self::ConfirmNotify {
                identifier: from.identifier()?,
                subscribers: from.number(Header::Subscribers, 8)?,
                authorization: from.authorization()?,
                tracing: from.tracing()?,
            },
            7 => Self::ContinueNotify {
                identifier: from.identifier()?,
                part: from.number(Header::PartId, 8)?,
                authorization: from.authorization()?,
                tracing: from.tracing()?,
            },
            8 => return StreamPart::decode(from).map(Self::ReceiveStream),
            9 => Self::EnablePreset {
                compressor: compressor(&mut from, 1..=65_535)?,
                authorization: from.authorization()?,
                tracing: from.tracing()?,
            },
            10 => {
                return Ok(Self::EnableCustom {
                    compressor: compressor(&mut from, 65_536..=u32::MAX)?,
                    authorization: from.authorization()?,
                    tracing: from.tracing()?,
                    digest: from.digest(Header::Sha512)?,
                    dictionary: from.payload(),
                });
            }
            11 => Self::DisableCustom {
                id: compressor_id(&mut from, 65_536..=u32::MAX)?,
                authorization: from.authorization()?,
                tracing: from.tracing()?,
            },
            12 => Self::Missed {
                authorization: from.authorization()?,
                tracing: from.tracing()?,
                topic: from.topic()?,
            },
            kind => return Err(WireError::UnknownType(kind)),
        };
        match from.payload().len() {
            0 => Ok(decoded),
            count => Err(WireError::Trailing { count }),
        }
    }
}

fn put_compressor(out: Encoder, compressor: &Compressor) -> Encoder {
    out.number(Header::Identifier, u64::from(compressor.id))
        .bytes(
            Header::CompressionLevel,
            compressor.level.to_be_bytes().to_vec(),
        )
        .number(Header::MinSize, u64::from(compressor.min_size))
        .number(Header::MaxSize, compressor.max_size)
}

fn compressor(
    from: &mut Decoder,
    ids: std::ops::RangeInclusive<u32>,
) -> Result<Compressor, WireError> {
    Ok(Compressor {
        id: compressor_id(from, ids)?,
        level: level(&from.bytes(Header::CompressionLevel)?)?,
        min_size: u32::try_from(from.number(Header::MinSize, 4)?).unwrap_or_default(),
        max_size: from.number(Header::MaxSize, 8)?,
    })
}

fn compressor_id(from: &mut Decoder, ids: std::ops::RangeInclusive<u32>) -> Result<u32, WireError> {
    let id = u32::try_from(from.number(Header::Identifier, 8)?).ok();
    id.filter(|id| ids.contains(id)).ok_or(WireError::Value {
        field: Header::Identifier.as_str(),
    })
}

/// A signed number of at most two bytes.
fn level(bytes: &[u8]) -> Result<i16, WireError> {
    match *bytes {
        [] => Ok(0),
        [one] => Ok(i16::from(i8::from_be_bytes([one]))),
        [one, two] => Ok(i16::from_be_bytes([one, two])),
        _ => Err(WireError::TooLong {
            field: Header::CompressionLevel.as_str(),
            length: bytes.len(),
            limit: 2,
        }),
    }
}
