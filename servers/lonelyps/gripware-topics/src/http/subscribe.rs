//! `/v1/subscribe/*` and `/v1/unsubscribe/*`.

use bytes::{Bytes, BytesMut};

use crate::{
    Address, Pattern, Tracing, WireError,
    wire::{Reader, Write},
};

/// Asks that messages of a topic, or of all topics that match, are POSTed to a URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscribe {
    /// Where messages go.
    pub url: Address,
    /// Which messages.
    pub pattern: Pattern,
    /// Where to say that messages were missed; `None`: nowhere.
    pub recovery: Option<Address>,
    /// Passed on.
    pub tracing: Tracing,
}

impl Subscribe {
    /// The path at the broadcaster.
    #[must_use]
    pub fn path(&self) -> &'static str {
        match self.pattern {
            Pattern::Exact(_) => super::SUBSCRIBE_EXACT,
            Pattern::Glob(_) => super::SUBSCRIBE_GLOB,
        }
    }

    /// Encodes the body.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.l2(self.url.as_str().as_bytes());
        out.l2(self.pattern.as_bytes());
        out.recovery(self.recovery.as_ref());
        out.l2(self.tracing.as_bytes());
        out.freeze()
    }

    /// Decodes the body of [`SUBSCRIBE_EXACT`](super::SUBSCRIBE_EXACT).
    ///
    /// # Errors
    /// Where it is malformed.
    pub fn decode_exact(body: Bytes) -> Result<Self, WireError> {
        Self::decode(body, |reader| reader.topic().map(Pattern::Exact))
    }

    /// Decodes the body of [`SUBSCRIBE_GLOB`](super::SUBSCRIBE_GLOB).
    ///
    /// # Errors
    /// Where it is malformed.
    pub fn decode_glob(body: Bytes) -> Result<Self, WireError> {
        Self::decode(body, |reader| reader.glob().map(Pattern::Glob))
    }

    fn decode(
        body: Bytes,
        pattern: impl FnOnce(&mut Reader) -> Result<Pattern, WireError>,
    ) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let decoded = Self {
            url: reader.address()?,
            pattern: pattern(&mut reader)?,
            recovery: reader.recovery()?,
            tracing: reader.tracing()?,
        };
        reader.end()?;
        Ok(decoded)
    }
}

/// Takes back a [`Subscribe`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsubscribe {
    /// Where messages went.
    pub url: Address,
    /// Which messages.
    pub pattern: Pattern,
    /// Passed on.
    pub tracing: Tracing,
}

impl Unsubscribe {
    /// The path at the broadcaster.
    #[must_use]
    pub fn path(&self) -> &'static str {
        match self.pattern {
            Pattern::Exact(_) => super::UNSUBSCRIBE_EXACT,
            Pattern::Glob(_) => super::UNSUBSCRIBE_GLOB,
        }
    }

    /// Encodes the body.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.l2(self.url.as_str().as_bytes());
        out.l2(self.pattern.as_bytes());
        out.l2(self.tracing.as_bytes());
        out.freeze()
    }

    /// Decodes the body of [`UNSUBSCRIBE_EXACT`](super::UNSUBSCRIBE_EXACT).
    ///
    /// # Errors
    /// Where it is malformed.
    pub fn decode_exact(body: Bytes) -> Result<Self, WireError> {
        Self::decode(body, |reader| reader.topic().map(Pattern::Exact))
    }

    /// Decodes the body of [`UNSUBSCRIBE_GLOB`](super::UNSUBSCRIBE_GLOB).
    ///
    /// # Errors
    /// Where it is malformed.
    pub fn decode_glob(body: Bytes) -> Result<Self, WireError> {
        Self::decode(body, |reader| reader.glob().map(Pattern::Glob))
    }

    fn decode(
        body: Bytes,
        pattern: impl FnOnce(&mut Reader) -> Result<Pattern, WireError>,
    ) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let decoded = Self {
            url: reader.address()?,
            pattern: pattern(&mut reader)?,
            tracing: reader.tracing()?,
        };
        reader.end()?;
        Ok(decoded)
    }
}
