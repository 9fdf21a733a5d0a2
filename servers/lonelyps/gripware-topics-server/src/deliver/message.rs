//! A message to be delivered, as it is and compressed.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use gripware_topics::{Digest, Topic, ws::zstd};

/// The level that messages are compressed with, which is the original's.
pub(crate) const LEVEL: i16 = 3;

/// A message to be delivered.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) topic: Topic,
    pub(crate) digest: Digest,
    pub(crate) body: Bytes,
    /// Once somebody wants it compressed: `None` where that makes it no shorter.
    compressed: OnceLock<Option<Encoded>>,
}

/// What is sent of a message.
#[derive(Clone, Debug)]
pub(crate) struct Encoded {
    /// What it is compressed with; 0: nothing.
    pub(crate) compressor: u32,
    pub(crate) digest: Digest,
    pub(crate) body: Bytes,
}

impl Message {
    pub(crate) fn new(topic: Topic, digest: Digest, body: Bytes) -> Self {
        Self {
            topic,
            digest,
            body,
            compressed: OnceLock::new(),
        }
    }

    /// Compresses it, once for all, where blocking is allowed and it is long enough.
    pub(crate) async fn compress(self: &Arc<Self>) {
        if self.body.len() < zstd::MIN_SIZE as usize {
            return;
        }
        let this = Arc::clone(self);
        let compressing = tokio::task::spawn_blocking(move || {
            this.compressed.get_or_init(|| {
                let body = zstd::compress(&this.body, LEVEL)?;
                Some(Encoded {
                    compressor: zstd::STANDARD,
                    digest: Digest::of(&body),
                    body,
                })
            });
        });
        // Where it was not done, it is sent as it is.
        let _ = compressing.await;
    }

    /// Returns what is sent to who takes it compressed, or does not.
    pub(crate) fn encoded(&self, compressed: bool) -> Encoded {
        let made = self.compressed.get().filter(|_| compressed);
        made.and_then(Clone::clone).unwrap_or_else(|| Encoded {
            compressor: 0,
            digest: self.digest,
            body: self.body.clone(),
        })
    }
}
