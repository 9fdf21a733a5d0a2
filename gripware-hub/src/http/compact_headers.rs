//! Headers as they are kept for clients that are held.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use memchr::memchr_iter;

/// How many headers a request gets beside those that are kept, most times: `Grip-Sig`, `Grip-Feature`,
/// `Content-Length`, and some of `Meta-*`.
const ADDED: usize = 6;

/// Headers in few bytes, for as long as a client is held.
///
/// A map of a few headers takes a kilobyte, and its values keep the buffer that they were read
/// into. Clones share the bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct CompactHeaders {
    /// Names and values, each ended by a zero byte, which neither can have.
    bytes: Arc<[u8]>,
}

impl CompactHeaders {
    /// Returns how many bytes names and values take, with one behind each.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Returns the same in another place of the memory.
    pub(crate) fn to_moved(&self) -> Self {
        Self {
            bytes: Arc::from(&*self.bytes),
        }
    }

    /// Returns the headers in their order. Their values share the bytes, and there is room for a few
    /// more headers.
    pub(crate) fn unpack(&self) -> HeaderMap {
        let bytes = Bytes::from_owner(Arc::clone(&self.bytes));
        let mut headers = HeaderMap::with_capacity(memchr_iter(0, &self.bytes).count() / 2 + ADDED);
        for (name, value) in self.iter() {
            let value = HeaderValue::from_maybe_shared(bytes.slice_ref(value));
            // Both were taken from a header map.
            if let (Ok(name), Ok(value)) = (HeaderName::from_bytes(name), value) {
                headers.append(name, value);
            }
        }
        headers
    }

    /// Returns the first value of a header.
    pub(crate) fn get(&self, name: &HeaderName) -> Option<&[u8]> {
        let mut all = self.iter();
        let (_, value) = all.find(|(it, _)| *it == name.as_str().as_bytes())?;
        Some(value)
    }

    /// Returns the first value of a header alone.
    pub(crate) fn only(&self, name: &HeaderName) -> Self {
        let name_bytes: &[u8] = name.as_ref();
        let value = self.get(name);
        let parts = value.map(|value| [name_bytes, &[0], value, &[0]].concat());
        Self {
            bytes: parts.unwrap_or_default().into(),
        }
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        let mut parts = memchr_iter(0, &self.bytes).filter_map(move |end| {
            let part = self.bytes.get(start..end);
            start = end + 1;
            part
        });
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }
}

impl From<&HeaderMap> for CompactHeaders {
    fn from(headers: &HeaderMap) -> Self {
        headers.iter().collect()
    }
}

impl<'a> FromIterator<(&'a HeaderName, &'a HeaderValue)> for CompactHeaders {
    fn from_iter<T>(headers: T) -> Self
    where
        T: IntoIterator<Item = (&'a HeaderName, &'a HeaderValue)>,
    {
        let mut bytes = Vec::with_capacity(512);
        for (name, value) in headers {
            bytes.extend_from_slice(name.as_ref());
            bytes.push(0);
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(0);
        }
        Self {
            bytes: bytes.into(),
        }
    }
}
