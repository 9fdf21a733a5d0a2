//! Reading and writing the fields that both wires are made of: big-endian integers, and byte
//! strings behind a length of one, two or eight bytes (`L1`, `L2`, `L8`).

use bytes::{Buf, BufMut, Bytes, BytesMut};
use thiserror::Error;

use crate::{Address, AddressError, Authorization, Digest, Glob, Identifier, Topic, Tracing};

/// Why bytes are not a message.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WireError {
    /// The bytes end before the message does.
    #[error("the message ends too early")]
    Truncated,
    /// There are bytes behind the message.
    #[error("{count} bytes stand behind the message")]
    Trailing {
        /// How many.
        count: usize,
    },
    /// A field that has to be UTF-8 is not.
    #[error("{field} is not UTF-8")]
    NotUtf8 {
        /// The field's name.
        field: &'static str,
    },
    /// A field is longer than the protocol allows.
    #[error("{field} has {length} bytes, over the limit of {limit}")]
    TooLong {
        /// The field's name.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A field has a fixed length, and not this one.
    #[error("{field} has {length} bytes instead of {expected}")]
    Length {
        /// The field's name.
        field: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The length it has to have.
        expected: usize,
    },
    /// The number that says what a message is, is none that is known here.
    #[error("there is no message of type {0} here")]
    UnknownType(u16),
    /// A header is missing.
    #[error("the header {0} is missing")]
    MissingHeader(&'static str),
    /// A field has a value that it cannot have.
    #[error("{field} has an impossible value")]
    Value {
        /// The field's name.
        field: &'static str,
    },
    /// A list that has to ascend, does not.
    #[error("{list} are not in strictly ascending order")]
    Order {
        /// `topics` or `globs`.
        list: &'static str,
    },
    /// A URL of a subscriber cannot be used.
    #[error("a subscriber's URL cannot be used")]
    Address(#[from] AddressError),
}

/// Takes fields off the front of a message. Bytes that it hands out are slices of the message; values are
/// copies, which may be kept for longer than all that came with them.
#[derive(Debug)]
pub(crate) struct Reader(Bytes);

impl Reader {
    pub(crate) fn new(bytes: Bytes) -> Self {
        Self(bytes)
    }

    pub(crate) fn take(&mut self, length: usize) -> Result<Bytes, WireError> {
        if self.0.len() < length {
            return Err(WireError::Truncated);
        }
        Ok(self.0.split_to(length))
    }

    pub(crate) fn u8(&mut self) -> Result<u8, WireError> {
        self.0.try_get_u8().map_err(|_| WireError::Truncated)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, WireError> {
        self.0.try_get_u16().map_err(|_| WireError::Truncated)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, WireError> {
        self.0.try_get_u32().map_err(|_| WireError::Truncated)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, WireError> {
        self.0.try_get_u64().map_err(|_| WireError::Truncated)
    }

    pub(crate) fn l2(&mut self) -> Result<Bytes, WireError> {
        let length = self.u16()?;
        self.take(usize::from(length))
    }

    pub(crate) fn text(&mut self, field: &'static str) -> Result<String, WireError> {
        utf8(&self.l2()?, field)
    }

    pub(crate) fn topic(&mut self) -> Result<Topic, WireError> {
        Topic::try_from(&*self.l2()?)
    }

    pub(crate) fn glob(&mut self) -> Result<Glob, WireError> {
        Glob::new(self.text("the glob")?)
    }

    pub(crate) fn tracing(&mut self) -> Result<Tracing, WireError> {
        Tracing::try_from(&*self.l2()?)
    }

    pub(crate) fn address(&mut self) -> Result<Address, WireError> {
        Ok(Address::new(self.text("the URL")?)?)
    }

    pub(crate) fn recovery(&mut self) -> Result<Option<Address>, WireError> {
        let text = self.text("the recovery URL")?;
        match text.is_empty() {
            true => Ok(None),
            false => Ok(Some(Address::new(text)?)),
        }
    }

    pub(crate) fn authorization(&mut self) -> Result<Option<Authorization>, WireError> {
        Authorization::from_wire(&self.l2()?)
    }

    pub(crate) fn identifier(&mut self) -> Result<Identifier, WireError> {
        let length = self.u8()?;
        Identifier::try_from(&*self.take(usize::from(length))?)
    }

    pub(crate) fn digest(&mut self) -> Result<Digest, WireError> {
        Digest::from_wire(&self.take(Digest::LEN)?, "the digest")
    }

    /// The bytes that are left.
    pub(crate) fn left(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn rest(self) -> Bytes {
        self.0
    }

    pub(crate) fn end(self) -> Result<(), WireError> {
        match self.0.len() {
            0 => Ok(()),
            count => Err(WireError::Trailing { count }),
        }
    }
}

pub(crate) fn utf8(bytes: &[u8], field: &'static str) -> Result<String, WireError> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => Err(WireError::NotUtf8 { field }),
    }
}

/// Writes fields. The lengths fit: every type that has one keeps it within its bound, and what has
/// none is cut to it, so that a length is never another one than that of what follows.
pub(crate) trait Write: BufMut {
    fn l1(&mut self, value: &[u8]) {
        let length = u8::try_from(value.len()).unwrap_or(u8::MAX);
        self.put_u8(length);
        self.put_slice(value.get(..usize::from(length)).unwrap_or_default());
    }

    fn l2(&mut self, value: &[u8]) {
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.put_u16(length);
        self.put_slice(value.get(..usize::from(length)).unwrap_or_default());
    }

    fn recovery(&mut self, value: Option<&Address>) {
        self.l2(value.map(Address::as_str).unwrap_or_default().as_bytes());
    }

    fn authorization(&mut self, value: Option<&Authorization>) {
        self.l2(value
            .map(Authorization::as_str)
            .unwrap_or_default()
            .as_bytes());
    }
}

impl Write for BytesMut {}
impl Write for Vec<u8> {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http::NotifyHead,
        ws::{FromSubscriber, StreamHead},
    };

    #[test]
    fn what_is_kept_of_a_message_does_not_keep_the_message() {
        let topic = Topic::try_from("t").unwrap();
        let identifier = Identifier::try_from("id").unwrap();
        let tracing = Tracing::try_from("tracing").unwrap();
        let payload = Bytes::from(vec![b'x'; 1000]);
        let digest = Digest::of(&payload);

        let head = NotifyHead {
            topic: topic.clone(),
            digest,
            tracing: tracing.clone(),
            identifier: identifier.clone(),
            length: 1000,
        };
        let arrived = Bytes::from([&head.encode()[..], &payload].concat());
        let kept = NotifyHead::decode(&arrived).unwrap();
        assert_eq!(kept.unwrap().0, head);
        assert!(arrived.is_unique());

        for minimal in [false, true] {
            let notify = FromSubscriber::Notify {
                authorization: None,
                tracing: tracing.clone(),
                identifier: identifier.clone(),
                head: StreamHead {
                    topic: topic.clone(),
                    compressor: 0,
                    compressed_length: 1000,
                    decompressed_length: 1000,
                    digest,
                },
                payload: payload.clone(),
            };
            let message = notify.encode(minimal).unwrap();
            let FromSubscriber::Notify {
                tracing: _tracing,
                identifier: _identifier,
                head: _head,
                payload,
                ..
            } = FromSubscriber::decode(message).unwrap()
            else {
                panic!("it was one");
            };
            assert!(payload.is_unique());
        }
    }
}
