//! `/v1/check_subscriptions`.

use bytes::{Bytes, BytesMut};

use crate::{
    Address, Tracing, WireError,
    wire::{Reader, Write},
};

/// Asks for the etag of what a URL is subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckSubscriptions {
    /// Passed on.
    pub tracing: Tracing,
    /// The subscriber.
    pub url: Address,
}

impl CheckSubscriptions {
    /// Encodes the body.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.l2(self.tracing.as_bytes());
        out.l2(self.url.as_str().as_bytes());
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
            url: reader.address()?,
        };
        reader.end()?;
        Ok(decoded)
    }
}
