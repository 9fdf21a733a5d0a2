//! `/v1/set_subscriptions`.

use bytes::{BufMut, Bytes, BytesMut};

use crate::{
    Address, Etag, SubscriptionList, Tracing, WireError,
    wire::{Reader, Write},
};

/// Replaces all that a URL is subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetSubscriptions {
    /// Passed on.
    pub tracing: Tracing,
    /// The subscriber.
    pub url: Address,
    /// The etag of `subscriptions`.
    pub etag: Etag,
    /// What it wants to be subscribed to.
    pub subscriptions: SubscriptionList,
}

impl SetSubscriptions {
    /// Makes the request, with its etag.
    #[must_use]
    pub fn new(url: Address, subscriptions: SubscriptionList, tracing: Tracing) -> Self {
        Self {
            tracing,
            etag: subscriptions.etag(&url),
            url,
            subscriptions,
        }
    }

    /// Encodes the body.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        out.l2(self.tracing.as_bytes());
        out.l2(self.url.as_str().as_bytes());
        out.put_u8(Etag::FORMAT);
        out.put_slice(self.etag.as_bytes());
        let SubscriptionList { topics, globs } = &self.subscriptions;
        out.put_u32(count(topics.len()));
        for (topic, recovery) in topics {
            out.l2(topic.as_bytes());
            out.recovery(recovery.as_ref());
        }
        out.put_u32(count(globs.len()));
        for (glob, recovery) in globs {
            out.l2(glob.as_str().as_bytes());
            out.recovery(recovery.as_ref());
        }
        out.freeze()
    }

    /// Decodes what stands before the list from the front of what has arrived, and says how long it
    /// is: tracing, URL and etag, which are all that is signed. `None` if more has to arrive.
    ///
    /// # Errors
    /// Where it is malformed.
    #[expect(clippy::type_complexity, reason = "it is a part of this very type")]
    pub fn decode_head(
        arrived: &Bytes,
    ) -> Result<Option<((Tracing, Address, Etag), usize)>, WireError> {
        super::head(arrived, read_head)
    }

    /// Returns how many subscriptions a body has, without making them: whoever reads it may see to it
    /// that there is room.
    ///
    /// # Errors
    /// Where it is malformed.
    pub fn count(body: &Bytes) -> Result<usize, WireError> {
        let mut reader = Reader::new(body.clone());
        read_head(&mut reader)?;
        let mut all = 0;
        for _list in ["topics", "globs"] {
            for _ in 0..reader.u32()? {
                reader.l2()?;
                reader.l2()?;
                all += 1;
            }
        }
        reader.end()?;
        Ok(all)
    }

    /// Decodes the body.
    ///
    /// # Errors
    /// Where it is malformed, topics or globs do not ascend, or the etag is not that of the list.
    pub fn decode(body: Bytes) -> Result<Self, WireError> {
        let mut reader = Reader::new(body);
        let (tracing, url, etag) = read_head(&mut reader)?;
        let mut subscriptions = SubscriptionList::default();
        // The counts are not trusted: nothing is reserved for what has not come.
        for _ in 0..reader.u32()? {
            let topic = reader.topic()?;
            let last = subscriptions.topics.last_key_value();
            if last.is_some_and(|(last, _)| *last >= topic) {
                return Err(WireError::Order { list: "topics" });
            }
            subscriptions.topics.insert(topic, reader.recovery()?);
        }
        for _ in 0..reader.u32()? {
            let glob = reader.glob()?;
            let last = subscriptions.globs.last_key_value();
            if last.is_some_and(|(last, _)| *last >= glob) {
                return Err(WireError::Order { list: "globs" });
            }
            subscriptions.globs.insert(glob, reader.recovery()?);
        }
        reader.end()?;
        if subscriptions.etag(&url) != etag {
            return Err(WireError::Value { field: "the etag" });
        }
        Ok(Self {
            tracing,
            url,
            etag,
            subscriptions,
        })
    }
}

fn read_head(reader: &mut Reader) -> Result<(Tracing, Address, Etag), WireError> {
    Ok((reader.tracing()?, reader.address()?, Etag::read(reader)?))
}

/// There are never more: a body with 2^32 subscriptions has 16 GiB.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}
