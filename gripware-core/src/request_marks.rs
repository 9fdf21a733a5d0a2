//! What a layer looks at in every request.
//!
//! ```
//! use gripware_core::RequestMarks;
//! use http::{HeaderMap, HeaderValue, Method};
//!
//! let mut headers = HeaderMap::new();
//! headers.insert("host", HeaderValue::from_static("example.org"));
//! headers.insert("content-type", HeaderValue::from_static("application/websocket-events"));
//! let marks = RequestMarks::of(&headers);
//! assert!(marks.is_websocket_events());
//! assert!(marks.is_conversation(&Method::POST));
//! assert!(!marks.is_conversation(&Method::PUT));
//! ```

use http::{HeaderMap, Method};

use crate::header::{OFFERED_EVENTS, is_websocket_events_type};

/// The headers of a request that say who it is from and whether it is about a WebSocket, found in one
/// pass.
///
/// A look-up in a [`HeaderMap`] hashes the name byte by byte, which takes longer than to pass over a
/// dozen headers whose names have another length.
#[derive(Clone, Copy, Debug, Default)]
pub struct RequestMarks<'a> {
    pub(crate) signature: Option<&'a [u8]>,
    pub(crate) has_several_signatures: bool,
    pub(crate) has_features: bool,
    content_type: Option<&'a [u8]>,
    offer: Option<&'a [u8]>,
}

impl<'a> RequestMarks<'a> {
    /// Finds them among the headers of a request.
    #[must_use]
    pub fn of(headers: &'a HeaderMap) -> Self {
        let headers = headers.iter();
        headers
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect()
    }

    /// Returns `true` if the content type says that the request carries WebSocket events.
    #[must_use]
    pub fn is_websocket_events(&self) -> bool {
        self.content_type.is_some_and(is_websocket_events_type)
    }

    /// Returns `true` if the request is a turn of a conversation over a WebSocket; see
    /// [`is_conversation`](crate::header::is_conversation).
    #[must_use]
    pub fn is_conversation(&self, method: &Method) -> bool {
        match *method {
            Method::POST => self.is_websocket_events(),
            Method::GET => self.offers_events(),
            _ => false,
        }
    }

    /// Returns `true` if the proxy takes events as an answer to a handshake; see
    /// [`offers_events`](crate::header::offers_events).
    #[must_use]
    pub fn offers_events(&self) -> bool {
        self.offer
            .is_some_and(|offer| offer == OFFERED_EVENTS.as_bytes())
    }
}

/// Of names in lower case and values, in the order of the request.
impl<'a> FromIterator<(&'a str, &'a [u8])> for RequestMarks<'a> {
    fn from_iter<T: IntoIterator<Item = (&'a str, &'a [u8])>>(headers: T) -> Self {
        let mut marks = Self::default();
        for (name, value) in headers {
            match name {
                "grip-sig" => {
                    marks.has_several_signatures = marks.signature.is_some();
                    marks.signature.get_or_insert(value);
                }
                "grip-feature" => marks.has_features = true,
                "grip-offer" => {
                    marks.offer.get_or_insert(value);
                }
                "content-type" => {
                    marks.content_type.get_or_insert(value);
                }
                _ => {}
            }
        }
        marks
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue, header::CONTENT_TYPE};
    use proptest::prelude::*;

    use super::*;
    use crate::header::{GRIP_FEATURE, GRIP_OFFER, GRIP_SIG, is_conversation, is_websocket_events};

    const NAMES: [HeaderName; 5] = [
        CONTENT_TYPE,
        GRIP_SIG,
        GRIP_FEATURE,
        GRIP_OFFER,
        HeaderName::from_static("grip-last"),
    ];

    proptest! {
        #[test]
        fn a_pass_finds_what_look_ups_find(
            lines in prop::collection::vec((0..NAMES.len(), 0..3usize), 0..8),
        ) {
            let values = ["websocket-events", "application/WebSocket-Events; a=b", "x"];
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(NAMES[name].clone(), HeaderValue::from_static(values[value]));
            }
            let marks = RequestMarks::of(&headers);
            let signatures = headers.get_all(GRIP_SIG).iter().count();
            let first = headers.get(GRIP_SIG).map(HeaderValue::as_bytes);
            prop_assert_eq!(marks.signature, first);
            prop_assert_eq!(marks.has_several_signatures, signatures > 1);
            prop_assert_eq!(marks.has_features, headers.contains_key(GRIP_FEATURE));
            prop_assert_eq!(marks.is_websocket_events(), is_websocket_events(&headers));
            for method in [Method::GET, Method::POST, Method::PUT] {
                let expected = is_conversation(&method, &headers);
                prop_assert_eq!(marks.is_conversation(&method), expected);
            }
        }
    }
}
