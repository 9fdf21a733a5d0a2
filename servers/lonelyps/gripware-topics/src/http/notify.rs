//! `/v1/notify`.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{Digest, Identifier, Topic, Tracing, WireError, wire::Write};

/// What stands before a message that is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotifyHead {
    /// What the message is about.
    pub topic: Topic,
    /// The digest of the message.
    pub digest: Digest,
    /// Passed on.
    pub tracing: Tracing,
    /// Comes back in the confirmation.
    pub identifier: Identifier,
    /// The length of the message in bytes.
    pub length: u64,
}

impl NotifyHead {
    /// Encodes the head. The message comes behind it.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.l2(self.topic.as_bytes());
        out.put_slice(self.digest.as_bytes());
        out.l2(self.tracing.as_bytes());
        out.l1(self.identifier.as_bytes());
        out.put_u64(self.length);
        out.freeze()
    }

    /// Decodes the head from the front of what has arrived, and says how long it is. `None` if more
    /// has to arrive.
    ///
    /// # Errors
    /// Where it is malformed.
    pub fn decode(arrived: &Bytes) -> Result<Option<(Self, usize)>, WireError> {
        super::head(arrived, |reader| {
            Ok(Self {
                topic: reader.topic()?,
                digest: reader.digest()?,
                tracing: reader.tracing()?,
                identifier: reader.identifier()?,
                length: reader.u64()?,
            })
        })
    }
}
