//! The meta that a proxy keeps for a WebSocket and repeats with every request (GRIP 2.2, 2.3).
//!
//! ```
//! use gripware_core::ws::MetaError;
//! use gripware_core::{
//!     Limits,
//!     ws::WebSocketContext,
//! };
//! use http::HeaderMap;
//!
//! let mut headers = HeaderMap::new();
//! headers.insert("connection-id", "a".parse()?);
//! headers.insert("meta-count", "6".parse()?);
//! let mut ws = WebSocketContext::from_request(&headers, "".into(), "", &Limits::default())?;
//!
//! assert_eq!(ws.meta("Count"), Some("6"));
//! ws.insert_meta("count", "7")?;
//! assert!(ws.insert_meta("no spaces", "x").is_err());
//! assert_eq!(ws.into_reply().headers["set-meta-count"], "7");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use http::{HeaderMap, HeaderName, HeaderValue};
use thiserror::Error;

use crate::{
    Limits,
    header::{META_PREFIX, SET_META_PREFIX, trim_ows},
};

/// Meta as it came, and what has been changed.
#[derive(Clone)]
pub(super) struct Meta {
    /// With `meta-` before each name.
    received: Vec<(HeaderName, HeaderValue)>,
    /// With `set-meta-` before each name; no value removes the item.
    changes: Vec<(HeaderName, Option<HeaderValue>)>,
    max_items: usize,
    max_bytes: usize,
}

impl Meta {
    pub(super) fn from_headers(headers: &HeaderMap, limits: &Limits) -> Self {
        let items = headers.keys().filter_map(|name| {
            received_name(name)?;
            // Of a name that comes twice the first one counts.
            Some((name.clone(), headers.get(name)?.clone()))
        });
        Self {
            received: items.collect(),
            changes: Vec::new(),
            max_items: limits.meta,
            max_bytes: limits.instruct_headers,
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.value(name)?.as_bytes()).ok()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.items()
            .filter_map(|(name, value)| Some((name, std::str::from_utf8(value.as_bytes()).ok()?)))
    }

    pub(super) fn insert(&mut self, name: &str, value: &str) -> Result<(), MetaError> {
        if value.is_empty() {
            return self.remove(name);
        }
        if trim_ows(value) != value {
            return Err(MetaError::InvalidValue);
        }
        let value = HeaderValue::from_str(value).map_err(|_| MetaError::InvalidValue)?;
        let set_name = set_name(name)?;
        let name = changed_name(&set_name);
        let (mut items, mut bytes) = (1, name.len() + value.len());
        for (other, value) in self.items().filter(|(other, _)| *other != name) {
            items += 1;
            bytes += other.len() + value.len();
        }
        let is_new = self.value(name).is_none();
        if is_new && items > self.max_items {
            return Err(MetaError::TooMany {
                limit: self.max_items,
            });
        }
        if bytes > self.max_bytes {
            return Err(MetaError::TooLarge {
                length: bytes,
                limit: self.max_bytes,
            });
        }
        self.change(set_name, Some(value));
        Ok(())
    }

    pub(super) fn remove(&mut self, name: &str) -> Result<(), MetaError> {
        self.change(set_name(name)?, None);
        Ok(())
    }

    /// What is different from what came, as `Set-Meta-` headers. An empty value removes.
    pub(super) fn write_changes(&self, headers: &mut HeaderMap) {
        for (set_name, value) in &self.changes {
            let value = value.clone().unwrap_or(HeaderValue::from_static(""));
            headers.insert(set_name, value);
        }
    }

    fn change(&mut self, set_name: HeaderName, value: Option<HeaderValue>) {
        self.changes.retain(|(other, _)| *other != set_name);
        if value.as_ref() != self.received(changed_name(&set_name)) {
            self.changes.push((set_name, value));
        }
    }

    fn items(&self) -> impl Iterator<Item = (&str, &HeaderValue)> {
        let kept = self.received.iter().filter_map(|(name, value)| {
            let name = received_name(name)?;
            self.changed(name).is_none().then_some((name, value))
        });
        let changed = self
            .changes
            .iter()
            .filter_map(|(name, value)| Some((changed_name(name), value.as_ref()?)));
        kept.chain(changed)
    }

    fn value(&self, name: &str) -> Option<&HeaderValue> {
        match self.changed(name) {
            Some(value) => value.as_ref(),
            None => self.received(name),
        }
    }

    fn changed(&self, name: &str) -> Option<&Option<HeaderValue>> {
        let is_it = |other: &HeaderName| changed_name(other).eq_ignore_ascii_case(name);
        let change = self.changes.iter().find(|(other, _)| is_it(other))?;
        Some(&change.1)
    }

    fn received(&self, name: &str) -> Option<&HeaderValue> {
        let is_it =
            |other| received_name(other).is_some_and(|other| other.eq_ignore_ascii_case(name));
        let item = self.received.iter().find(|(other, _)| is_it(other))?;
        Some(&item.1)
    }
}

/// The name of an item, out of the header that a request carries it in.
fn received_name(header: &HeaderName) -> Option<&str> {
    let name = header.as_str().strip_prefix(META_PREFIX)?;
    (!name.is_empty()).then_some(name)
}

/// The name of an item, out of the header that changes it.
fn changed_name(header: &HeaderName) -> &str {
    let header = header.as_str();
    header.strip_prefix(SET_META_PREFIX).unwrap_or(header)
}

fn set_name(name: &str) -> Result<HeaderName, MetaError> {
    if name.is_empty() {
        return Err(MetaError::InvalidName);
    }
    HeaderName::try_from([SET_META_PREFIX, name].concat()).map_err(|_| MetaError::InvalidName)
}

/// Why a proxy would not keep an item of meta, or not as it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MetaError {
    /// Its name is empty, or not one that a header can have.
    #[error("the name of an item of meta is empty, or not one that a header can have")]
    InvalidName,
    /// Its value has a control character, or white space at an end, which a header loses.
    #[error("the value of an item of meta has a control character, or a space at an end")]
    InvalidValue,
    /// There are more items than [`Limits::meta`].
    #[error("more than {limit} items of meta")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// All items together are larger than [`Limits::instruct_headers`]: every request of the
    /// connection would carry them.
    #[error("{length} bytes of meta are over the limit of {limit}")]
    TooLarge {
        /// How many bytes the names and values would have.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn meta(items: &[(&'static str, &'static str)]) -> Meta {
        let mut headers = HeaderMap::new();
        for (name, value) in items {
            headers.append(*name, HeaderValue::from_static(value));
        }
        Meta::from_headers(&headers, &Limits::default())
    }

    fn changes(meta: &Meta) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        meta.write_changes(&mut headers);
        let text = |value: &HeaderValue| String::from_utf8(value.as_bytes().to_vec()).unwrap();
        let changes = headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)));
        changes.collect()
    }

    #[test]
    fn names_are_read_in_any_case_and_other_headers_are_not_meta() {
        let meta = meta(&[
            ("meta-user", "alice"),
            ("meta-user", "second"),
            ("meta-", "x"),
            ("metadata", "x"),
            ("cookie", "x"),
        ]);
        assert_eq!(meta.get("User"), Some("alice"));
        assert_eq!(meta.get(""), None);
        assert_eq!(meta.iter().collect::<Vec<_>>(), [("user", "alice")]);
    }

    #[test]
    fn only_what_changed_is_sent_back() {
        let mut meta = meta(&[("meta-a", "1"), ("meta-b", "2"), ("meta-c", "3")]);
        meta.insert("a", "1").unwrap();
        meta.insert("B", "20").unwrap();
        meta.remove("c").unwrap();
        meta.remove("never-there").unwrap();
        meta.insert("d", "4").unwrap();
        assert_eq!(meta.get("c"), None);
        assert_eq!(meta.get("D"), Some("4"));
        let mut items: Vec<_> = meta.iter().collect();
        items.sort_unstable();
        assert_eq!(items, [("a", "1"), ("b", "20"), ("d", "4")]);
        assert_eq!(
            changes(&meta),
            [
                ("set-meta-b".into(), "20".into()),
                ("set-meta-c".into(), String::new()),
                ("set-meta-d".into(), "4".into()),
            ]
        );
    }

    #[test]
    fn what_was_changed_back_is_not_sent() {
        let mut meta = meta(&[("meta-a", "1")]);
        meta.insert("a", "2").unwrap();
        meta.insert("a", "1").unwrap();
        meta.insert("b", "2").unwrap();
        meta.insert("b", "").unwrap();
        assert_eq!(meta.get("b"), None);
        assert_eq!(changes(&meta), []);
    }

    #[test]
    fn what_a_header_cannot_carry_is_refused() {
        let mut meta = meta(&[]);
        for name in ["", "a b", "a\r\nb", "a:b", "é", &"x".repeat(70_000)] {
            assert_eq!(meta.insert(name, "x"), Err(MetaError::InvalidName));
        }
        for value in ["a\r\nSet-Meta-b: 1", "\0", " a", "a ", "\ta", "\u{7f}"] {
            assert_eq!(meta.insert("a", value), Err(MetaError::InvalidValue));
        }
        meta.insert("a", "caf\u{e9} \u{20ac}").unwrap();
        assert_eq!(meta.get("a"), Some("café €"));
    }

    #[test]
    fn a_value_that_is_not_utf_8_is_not_shown_and_can_be_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert("meta-a", HeaderValue::from_bytes(b"\xff").unwrap());
        let mut meta = Meta::from_headers(&headers, &Limits::default());
        assert_eq!(meta.get("a"), None);
        meta.insert("a", "1").unwrap();
        assert_eq!(changes(&meta), [("set-meta-a".into(), "1".into())]);
    }

    #[test]
    fn meta_is_bounded_in_number_and_in_bytes() {
        let mut meta = meta(&[]);
        for n in 0..64 {
            meta.insert(&format!("n{n}"), "x").unwrap();
        }
        assert_eq!(
            meta.insert("n64", "x"),
            Err(MetaError::TooMany { limit: 64 })
        );
        meta.insert("n0", "y").unwrap();
        meta.remove("n0").unwrap();
        let error = meta.insert("long", &"x".repeat(8_000)).unwrap_err();
        assert!(matches!(error, MetaError::TooLarge { limit: 8_000, .. }));
        meta.insert("n64", "x").unwrap();
    }
}
