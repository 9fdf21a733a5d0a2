//! What is signed: for each kind of message the fields that count, in their order.

use bytes::BufMut;

use super::Nonce;
use crate::{Digest, Etag, Identifier, Pattern, Topic, Tracing, wire::Write};

/// What a signature stands for. The number of its kind is signed first, so that no signature of one
/// kind is ever one of another (type confusion).
///
/// A URL here is that of the subscriber with its fragment, or for messages over a WebSocket
/// [`websocket:NONCE:COUNTER`](crate::ws::Counter).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Signed<'a> {
    /// 1 and 2: to subscribe, and without a recovery URL to unsubscribe.
    Subscribe {
        /// The subscriber.
        url: &'a str,
        /// Where it is told of missed messages.
        recovery: Option<&'a str>,
        /// To what.
        pattern: &'a Pattern,
    },
    /// 3: a message to be delivered.
    Notify {
        /// Its topic.
        topic: &'a Topic,
        /// Of the request.
        identifier: &'a Identifier,
        /// Of the message as it is sent, which may be compressed.
        digest: &'a Digest,
    },
    /// 4: how a WebSocket begins.
    Configure {
        /// The subscriber's half of the connection's nonce.
        nonce: &'a [u8; 32],
        /// Whether it takes zstd.
        zstd: bool,
        /// Whether it takes trained dictionaries.
        training: bool,
        /// The preset dictionary it would like.
        initial_dict: u16,
    },
    /// 5: the question for an etag.
    CheckSubscriptions {
        /// The subscriber.
        url: &'a str,
    },
    /// 6: all that a URL is subscribed to.
    SetSubscriptions {
        /// The subscriber.
        url: &'a str,
        /// Of the list.
        etag: &'a Etag,
    },
    /// 7: the wish for the next part.
    ContinueReceive {
        /// Of the message.
        identifier: &'a Identifier,
        /// The last part that came. One byte is signed: the original stops at part 256, and here it
        /// is the lowest byte.
        part: u64,
        /// Of the connection.
        url: &'a str,
    },
    /// 8: a message has come.
    ConfirmReceive {
        /// Of the delivery.
        identifier: &'a Identifier,
        /// For how many subscribers.
        subscribers: u32,
        /// The subscriber.
        url: &'a str,
    },
    /// 9: a subscriber knows that it missed something.
    ConfirmMissed {
        /// Of what it missed messages.
        topic: &'a Topic,
        /// Its recovery URL.
        url: &'a str,
    },
    /// 10: a message is delivered.
    Receive {
        /// The subscriber.
        url: &'a str,
        /// Its topic.
        topic: &'a Topic,
        /// Of the delivery.
        identifier: &'a Identifier,
        /// Of the message as it is sent.
        digest: &'a Digest,
    },
    /// 11: messages were missed.
    Missed {
        /// The subscriber's recovery URL.
        url: &'a str,
        /// Of what.
        topic: &'a Topic,
    },
    /// 12 and 13: the answer to [`Subscribe`](Self::Subscribe).
    ConfirmSubscribe {
        /// The subscriber.
        url: &'a str,
        /// Where it is told of missed messages.
        recovery: Option<&'a str>,
        /// To what.
        pattern: &'a Pattern,
    },
    /// 14: the answer to [`Notify`](Self::Notify).
    ConfirmNotify {
        /// Of the request.
        identifier: &'a Identifier,
        /// How many got it.
        subscribers: u32,
        /// Its topic.
        topic: &'a Topic,
        /// Of the message as it was sent.
        digest: &'a Digest,
    },
    /// 15: the answer to [`CheckSubscriptions`](Self::CheckSubscriptions).
    Checked {
        /// Of the list.
        etag: &'a Etag,
    },
    /// 16: the answer to [`SetSubscriptions`](Self::SetSubscriptions).
    Set {
        /// Of the list.
        etag: &'a Etag,
    },
    /// 17: the answer to [`Configure`](Self::Configure).
    ConfirmConfigure {
        /// The broadcaster's half of the connection's nonce.
        nonce: &'a [u8; 32],
    },
    /// 18: a dictionary that both have may be used.
    EnablePreset {
        /// Of the connection.
        url: &'a str,
        /// What it is.
        compressor: &'a Compressor,
    },
    /// 19: a dictionary that comes along may be used.
    EnableCustom {
        /// Of the connection.
        url: &'a str,
        /// What it is.
        compressor: &'a Compressor,
        /// Of the dictionary.
        digest: &'a Digest,
    },
    /// 20: a dictionary may not be used any more.
    DisableCustom {
        /// Which.
        id: u32,
        /// Of the connection.
        url: &'a str,
    },
    /// 21: the next part of a message may come.
    ContinueNotify {
        /// Of the message.
        identifier: &'a Identifier,
        /// The last part that came. Four bytes are signed: the lowest.
        part: u64,
    },
}

/// A compressor and when it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compressor {
    /// 1: zstd without a dictionary. 2 to 65 535: with one that both have. From 65 536: with one that
    /// came along.
    pub id: u32,
    /// The level that the broadcaster compresses with.
    pub level: i16,
    /// The smallest message that it compresses, in bytes.
    pub min_size: u32,
    /// The largest, in bytes; `u64::MAX`: there is none.
    pub max_size: u64,
}

impl Signed<'_> {
    /// Returns the number of the kind.
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            Self::Subscribe { pattern, .. } => kind_of(pattern, 1, 2),
            Self::Notify { .. } => 3,
            Self::Configure { .. } => 4,
            Self::CheckSubscriptions { .. } => 5,
            Self::SetSubscriptions { .. } => 6,
            Self::ContinueReceive { .. } => 7,
            Self::ConfirmReceive { .. } => 8,
            Self::ConfirmMissed { .. } => 9,
            Self::Receive { .. } => 10,
            Self::Missed { .. } => 11,
            Self::ConfirmSubscribe { pattern, .. } => kind_of(pattern, 12, 13),
            Self::ConfirmNotify { .. } => 14,
            Self::Checked { .. } => 15,
            Self::Set { .. } => 16,
            Self::ConfirmConfigure { .. } => 17,
            Self::EnablePreset { .. } => 18,
            Self::EnableCustom { .. } => 19,
            Self::DisableCustom { .. } => 20,
            Self::ContinueNotify { .. } => 21,
        }
    }

    /// Writes the bytes that are signed.
    pub(super) fn write(
        &self,
        tracing: &Tracing,
        timestamp: u64,
        nonce: &Nonce,
        out: &mut Vec<u8>,
    ) {
        out.put_u8(self.kind());
        out.put_u64(timestamp);
        out.l1(nonce.as_str().as_bytes());
        out.l2(tracing.as_bytes());
        match *self {
            Self::Subscribe {
                url,
                recovery,
                pattern,
            }
            | Self::ConfirmSubscribe {
                url,
                recovery,
                pattern,
            } => {
                out.l2(url.as_bytes());
                out.l2(recovery.unwrap_or_default().as_bytes());
                out.l2(pattern.as_bytes());
            }
            Self::Notify {
                topic,
                identifier,
                digest,
            } => {
                out.l2(topic.as_bytes());
                out.l1(identifier.as_bytes());
                out.put_slice(digest.as_bytes());
            }
            Self::Configure {
                nonce,
                zstd,
                training,
                initial_dict,
            } => {
                out.l1(nonce);
                out.put_u8(u8::from(zstd));
                out.put_u8(u8::from(training));
                out.put_u16(initial_dict);
            }
            Self::CheckSubscriptions { url } => out.l2(url.as_bytes()),
            Self::SetSubscriptions { url, etag } => {
                out.l2(url.as_bytes());
                put_etag(etag, out);
            }
            Self::ContinueReceive {
                identifier,
                part,
                url,
            } => {
                out.l1(identifier.as_bytes());
                out.put_uint(part & 0xff, 1);
                out.l2(url.as_bytes());
            }
            Self::ConfirmReceive {
                identifier,
                subscribers,
                url,
            } => {
                out.l1(identifier.as_bytes());
                out.put_u32(subscribers);
                out.l2(url.as_bytes());
            }
            Self::ConfirmMissed { topic, url } => {
                out.l2(topic.as_bytes());
                out.l2(url.as_bytes());
            }
            Self::Receive {
                url,
                topic,
                identifier,
                digest,
            } => {
                out.l2(url.as_bytes());
                out.l2(topic.as_bytes());
                out.l1(identifier.as_bytes());
                out.put_slice(digest.as_bytes());
            }
            Self::Missed { url, topic } => {
                out.l2(url.as_bytes());
                out.l2(topic.as_bytes());
            }
            Self::ConfirmNotify {
                identifier,
                subscribers,
                topic,
                digest,
            } => {
                out.l1(identifier.as_bytes());
                out.put_u32(subscribers);
                out.l2(topic.as_bytes());
                out.put_slice(digest.as_bytes());
            }
            Self::Checked { etag } | Self::Set { etag } => put_etag(etag, out),
            Self::ConfirmConfigure { nonce } => out.l1(nonce),
            Self::EnablePreset { url, compressor } => put_compressor(url, compressor, out),
            Self::EnableCustom {
                url,
                compressor,
                digest,
            } => {
                put_compressor(url, compressor, out);
                out.put_slice(digest.as_bytes());
            }
            Self::DisableCustom { id, url } => {
                out.put_u32(id);
                out.l2(url.as_bytes());
            }
            Self::ContinueNotify { identifier, part } => {
                out.l1(identifier.as_bytes());
                out.put_uint(part & 0xffff_ffff, 4);
            }
        }
    }
}

fn kind_of(pattern: &Pattern, exact: u8, glob: u8) -> u8 {
    match pattern {
        Pattern::Exact(_) => exact,
        Pattern::Glob(_) => glob,
    }
}

fn put_etag(etag: &Etag, out: &mut Vec<u8>) {
    out.put_u8(Etag::FORMAT);
    out.put_slice(etag.as_bytes());
}

fn put_compressor(url: &str, compressor: &Compressor, out: &mut Vec<u8>) {
    out.l2(url.as_bytes());
    out.put_u32(compressor.id);
    out.put_i32(i32::from(compressor.level));
    out.put_u64(u64::from(compressor.min_size));
    out.put_u64(compressor.max_size);
}
