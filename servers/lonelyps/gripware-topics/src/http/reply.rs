//! The bodies of answers, of both ends.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    Authorization, Etag, Identifier, Tracing, WireError,
    wire::{Reader, Write},
};

/// The body of an answer. Each but the last is signed as its request was.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reply {
    /// Type 3: done as asked.
    Generic {
        /// The broadcaster's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
    },
    /// Type 4: a message was delivered.
    Notify {
        /// The broadcaster's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
        /// How many subscribers confirmed it.
        notified: u32,
        /// That of the request.
        identifier: Identifier,
    },
    /// Type 5: what a URL is subscribed to.
    Check {
        /// The broadcaster's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
        /// The etag.
        etag: Etag,
    },
    /// Type 8: a subscriber has got a message.
    ConfirmReceive {
        /// The subscriber's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
        /// That of the delivery.
        identifier: Identifier,
        /// For how many subscribers it speaks: more than one where it relays.
        subscribers: u32,
    },
    /// Type 9: a subscriber knows that it has missed something.
    ConfirmMissed {
        /// The subscriber's.
        authorization: Option<Authorization>,
        /// Passed on.
        tracing: Tracing,
    },
    /// Type 10: a subscriber does not want this any more. Without a signature.
    UnsubscribeImmediate,
}

impl Reply {
    /// Returns the number that stands first.
    #[must_use]
    pub fn kind(&self) -> u16 {
        match self {
            Self::Generic { .. } => 3,
            Self::Notify { .. } => 4,
            Self::Check { .. } => 5,
            Self::ConfirmReceive { .. } => 8,
            Self::ConfirmMissed { .. } => 9,
            Self::UnsubscribeImmediate => 10,
        }
    }

    /// Returns the signature, where there is one.
    #[must_use]
    pub fn authorization(&self) -> Option<&Authorization> {
        match self {
            Self::Generic { authorization, .. }
            | Self::Notify { authorization, .. }
            | Self::Check { authorization, .. }
            | Self::ConfirmReceive { authorization, .. }
            | Self::ConfirmMissed { authorization, .. } => authorization.as_ref(),
            Self::UnsubscribeImmediate => None,
        }
    }

    /// Encodes the body.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.put_u16(self.kind());
        match self {
            Self::Generic { tracing, .. }
            | Self::Notify { tracing, .. }
            | Self::Check { tracing, .. }
            | Self::ConfirmReceive { tracing, .. }
            | Self::ConfirmMissed { tracing, .. } => {
                out.authorization(self.authorization());
                out.l2(tracing.as_bytes());
            }
            Self::UnsubscribeImmediate => (),
        }
        match self {
            Self::Notify {
                notified,
                identifier,
                ..
            } => {
                out.put_u32(*notified);
                out.l1(identifier.as_bytes());
            }
            Self::Check { etag, .. } => {
                out.put_u8(Etag::FORMAT);
                out.put_slice(etag.as_bytes());
            }
            Self::ConfirmReceive {
                identifier,
                subscribers,
                ..
            } => {
                out.l1(identifier.as_bytes());
                out.put_u32(*subscribers);
            }
            Self::Generic { .. } | Self::ConfirmMissed { .. } | Self::UnsubscribeImmediate => (),
        }
        out.freeze()
    }

    /// Decodes a body.
    ///
    /// # Errors
    /// Where it is malformed, or of a type that is not known.
    pub fn decode(body: Bytes) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let kind = reader.u16()?;
        if kind == 10 {
            // What an old subscriber may say behind it does not matter.
            return Ok(Self::UnsubscribeImmediate);
        }
        if !matches!(kind, 3..=5 | 8..=9) {
            return Err(WireError::UnknownType(kind));
        }
        let authorization = reader.authorization()?;
        let tracing = reader.tracing()?;
        let reply = match kind {
            3 => Self::Generic {
                authorization,
                tracing,
            },
            4 => Self::Notify {
                authorization,
                tracing,
                notified: reader.u32()?,
                identifier: reader.identifier()?,
            },
            5 => Self::Check {
                authorization,
                tracing,
                etag: Etag::read(&mut reader)?,
            },
            8 => Self::ConfirmReceive {
                authorization,
                tracing,
                identifier: reader.identifier()?,
                subscribers: reader.u32()?,
            },
            _ => Self::ConfirmMissed {
                authorization,
                tracing,
            },
        };
        reader.end()?;
        Ok(reply)
    }
}
