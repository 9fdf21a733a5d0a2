//! Where a client of server-sent events stands: the id of the last event that it has.
//!
//! ```
//! use gripware_core::{LastEventId, LastIds, Recovery};
//! use http::{HeaderMap, HeaderValue};
//!
//! // A browser whose event stream was cut says so itself.
//! let mut headers = HeaderMap::new();
//! headers.insert("last-event-id", HeaderValue::from_static("41"));
//! let cursor = LastEventId::from_request(&headers, None);
//! let recovery = Recovery::new(&LastIds::default(), "news").or_cursor(cursor.id());
//! assert_eq!(recovery.after(), Some("41"));
//!
//! // A page that opens its first stream has the id from what it rendered, and only a URL.
//! let cursor = LastEventId::from_request(&HeaderMap::new(), Some("last-event-id=40"));
//! assert_eq!(cursor.id(), Some("40"));
//! ```

use http::HeaderMap;

use crate::{MAX_NAME_LEN, grip_url::percent_decoded};

/// The header in which browsers send it.
const HEADER: &str = "last-event-id";
/// The query parameter, in lower case and without hyphens.
const PARAMETER: &str = "lasteventid";

/// The cursor of a client that comes back: from the header `Last-Event-ID`, which browsers send
/// when an event stream was cut, otherwise from the query parameter `last-event-id`.
///
/// The parameter is for what cannot set a header: the first `EventSource` of a page, polyfills, and
/// long-polling. It may also be written `lastEventId`, or in any other case. The header counts
/// before it, since a browser that reconnects repeats the URL, whose id is older by then.
///
/// It is what the client says: anybody may send any id. Look things up after it, and give nothing
/// to a client that may not have it.
///
/// # Ids that never repeat
/// An id has to name the same place for as long as clients may come back with it: take the key of
/// a row or an offset in a log. A counter in memory begins anew with the program, and a client that
/// comes back with an id of before is then given nothing, or something twice. Where a counter is
/// all there is, put what differs for each start before it, such as the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastEventId(Option<String>);

impl LastEventId {
    /// Reads the cursor of a request; `query` is what follows the `?` of its URI.
    ///
    /// What cannot be an id is treated as if it were not there: an empty one, as browsers send
    /// after an event that resets it, one over [`MAX_NAME_LEN`] bytes, and one that is not UTF-8 or
    /// has a control character.
    #[must_use]
    pub fn from_request(headers: &HeaderMap, query: Option<&str>) -> Self {
        let from_header = headers
            .get(HEADER)
            .and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
            .filter(|id| is_id(id))
            .map(str::to_owned);
        Self(from_header.or_else(|| query.and_then(parameter)))
    }

    /// Returns the id; `None` if the client has none, and begins.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

fn is_id(id: &str) -> bool {
    (1..=MAX_NAME_LEN).contains(&id.len()) && !id.chars().any(char::is_control)
}

fn parameter(query: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let name = name.replace('-', "");
        if !name.eq_ignore_ascii_case(PARAMETER) {
            return None;
        }
        let id = String::from_utf8(percent_decoded(value, true)?).ok()?;
        is_id(&id).then_some(id)
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn id(header: Option<&'static [u8]>, query: Option<&str>) -> Option<String> {
        let mut headers = HeaderMap::new();
        if let Some(value) = header {
            headers.insert(HEADER, HeaderValue::from_bytes(value).unwrap());
        }
        let cursor = LastEventId::from_request(&headers, query);
        cursor.id().map(str::to_owned)
    }

    #[test]
    fn the_header_counts_before_the_parameter() {
        assert_eq!(
            id(Some(b"7"), Some("last-event-id=6")).as_deref(),
            Some("7")
        );
        assert_eq!(id(None, Some("a=b&last-event-id=6")).as_deref(), Some("6"));
        assert_eq!(id(None, Some("lastEventId=6&x")).as_deref(), Some("6"));
        assert_eq!(
            id(None, Some("Last-Event-ID=a%2Cb+c%C3%A9")).as_deref(),
            Some("a,b cé")
        );
        assert_eq!(id(None, None), None);
        assert_eq!(id(None, Some("last=6")), None);
    }

    #[test]
    fn what_cannot_be_an_id_is_none() {
        for header in [&b""[..], b"\xff", b"a\tb", &[b'x'; MAX_NAME_LEN + 1]] {
            assert_eq!(id(Some(header), None), None, "{header:?}");
        }
        for query in [
            "last-event-id=",
            "last-event-id",
            "last-event-id=%00",
            "last-event-id=%FF",
        ] {
            assert_eq!(id(None, Some(query)), None, "{query}");
        }
        assert_eq!(id(Some(b""), Some("last-event-id=6")).as_deref(), Some("6"));
    }
}
