//! `/v1/recover` at a subscriber.

use bytes::{Bytes, BytesMut};

use crate::{
    Topic, Tracing, WireError,
    wire::{Reader, Write},
};

/// Says that messages of a topic may have been missed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missed {
    /// Passed on.
    pub tracing: Tracing,
    /// The topic.
    pub topic: Topic,
}

impl Missed {
    /// Encodes the body.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.l2(self.tracing.as_bytes());
        out.l2(self.topic.as_bytes());
        out.freeze()
    }

    /// Decodes the body.
    ///
    /// # Errors
    /// Where it is malformed.
    pub fn decode(body: Bytes) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let decoded = Self {
            tracing: reader.tracing()?,
            topic: reader.topic()?,
        };
        reader.end()?;
        Ok(decoded)
    }
}
