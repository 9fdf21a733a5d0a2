//! Headers as they are kept for clients that are held.

use std::sync::Arc;

use bytes::Bytes;
use gripware_core::header::CONNECTION_ID;
use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{
        ACCEPT, ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, COOKIE, DNT, HOST,
        IF_NONE_MATCH, ORIGIN, PRAGMA, REFERER, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
        SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE_INSECURE_REQUESTS, USER_AGENT, VIA,
    },
};
use memchr::memchr_iter;

use super::reserved::X_FORWARDED_FOR;

/// How many headers a request gets beside those that are kept, most times: `Grip-Sig`, `Grip-Feature`,
/// `Content-Length`, and some of `Meta-*`.
const ADDED: usize = 6;

/// Names that are kept as one byte: their place here, and one. No name has a byte below 32, and none is 0.
static KNOWN: [HeaderName; 31] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    AUTHORIZATION,
    CACHE_CONTROL,
    CONNECTION_ID,
    CONTENT_TYPE,
    COOKIE,
    DNT,
    HOST,
    IF_NONE_MATCH,
    ORIGIN,
    PRAGMA,
    REFERER,
    SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION,
    UPGRADE_INSECURE_REQUESTS,
    USER_AGENT,
    VIA,
    X_FORWARDED_FOR,
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("sec-ch-ua"),
    HeaderName::from_static("sec-ch-ua-mobile"),
    HeaderName::from_static("sec-ch-ua-platform"),
    HeaderName::from_static("sec-fetch-dest"),
    HeaderName::from_static("sec-fetch-mode"),
    HeaderName::from_static("sec-fetch-site"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("x-forwarded-proto"),
];

/// Headers in few bytes, for as long as a client is held.
///
/// A map of a few headers takes a kilobyte, and its values keep the buffer that they were read
/// into. Clones share the bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct CompactHeaders {
    /// Names and values, each ended by a zero byte, which neither can have. A name is as it is, or one
    /// byte: [`known`].
    bytes: Arc<[u8]>,
}

impl CompactHeaders {
    /// Returns how many bytes names and values have, with one behind each.
    pub(crate) fn len(&self) -> usize {
        let all = self.iter();
        all.map(|(name, value)| name.len() + value.len() + 2).sum()
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
        for (name, value) in self.parts() {
            let name = match known(name) {
                Some(known) => Ok(known.clone()),
                None => HeaderName::from_bytes(name),
            };
            let value = HeaderValue::from_maybe_shared(bytes.slice_ref(value));
            // Both were taken from a header map.
            if let (Ok(name), Ok(value)) = (name, value) {
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
        let value = self.get(name);
        value.map(|value| (name, value)).into_iter().collect()
    }

    /// Names and values.
    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let named = |name| known(name).map_or(name, |known| known.as_str().as_bytes());
        self.parts().map(move |(name, value)| (named(name), value))
    }

    /// Names as they are kept, and values.
    fn parts(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut start = 0;
        let mut parts = memchr_iter(0, &self.bytes).filter_map(move |end| {
            let part = self.bytes.get(start..end);
            start = end + 1;
            part
        });
        std::iter::from_fn(move || Some((parts.next()?, parts.next()?)))
    }
}

/// The name that one byte is kept for.
fn known(name: &[u8]) -> Option<&'static HeaderName> {
    let [code @ 1..=31] = name else {
        return None;
    };
    KNOWN.get(usize::from(*code) - 1)
}

impl From<&HeaderMap> for CompactHeaders {
    fn from(headers: &HeaderMap) -> Self {
        headers.iter().collect()
    }
}

impl<'a, V: AsRef<[u8]>> FromIterator<(&'a HeaderName, V)> for CompactHeaders {
    fn from_iter<T>(headers: T) -> Self
    where
        T: IntoIterator<Item = (&'a HeaderName, V)>,
    {
        let mut bytes = Vec::with_capacity(512);
        for (name, value) in headers {
            let code = (1..).zip(&KNOWN).find(|(_, known)| *known == name);
            match code {
                Some((code, _)) => bytes.push(code),
                None => bytes.extend_from_slice(name.as_ref()),
            }
            bytes.push(0);
            bytes.extend_from_slice(value.as_ref());
            bytes.push(0);
        }
        Self {
            bytes: bytes.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_headers_come_back_in_their_order() {
        let mut headers = HeaderMap::new();
        let others = ["x-other", "a", "sec-websocket"].map(HeaderName::from_static);
        for name in KNOWN.iter().chain(&others) {
            for value in ["one", "", "t\u{e9}wo"] {
                headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
            }
        }
        let compact = CompactHeaders::from(&headers);
        let unpacked = compact.unpack();
        assert!(headers.iter().eq(unpacked.iter()), "{unpacked:?}");
        let written = headers.iter();
        let written = written.map(|(name, value)| name.as_str().len() + value.len() + 2);
        assert_eq!(compact.len(), written.sum::<usize>());
        for name in headers.keys() {
            assert_eq!(compact.get(name), Some(&b"one"[..]));
            let only = compact.only(name).unpack();
            assert_eq!(only.iter().collect::<Vec<_>>(), [(name, &headers[name])]);
        }
        let missing = HeaderName::from_static("x-missing");
        assert_eq!(compact.get(&missing), None);
        assert!(compact.only(&missing).unpack().is_empty());
    }

    #[test]
    fn a_name_is_known_by_its_byte_alone() {
        for (code, name) in (1_u8..).zip(&KNOWN) {
            assert_eq!(known(&[code]), Some(name));
            assert_eq!(KNOWN.iter().filter(|known| *known == name).count(), 1);
        }
        for name in [&b""[..], b"\0", b" ", b"a", b"\x01\x01"] {
            assert_eq!(known(name), None);
        }
    }
}
