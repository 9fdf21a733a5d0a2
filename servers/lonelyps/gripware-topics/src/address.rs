//! Where a subscriber is reached.

use std::{fmt, sync::Arc};

use http::Uri;
use thiserror::Error;

use crate::topic::MAX_FIELD;

/// Why a text is no address.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AddressError {
    /// It is longer than the wire allows.
    #[error("a URL of {length} bytes is over the limit of 65534")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// It is no absolute URL.
    #[error("it is no absolute URL")]
    NotAUrl,
    /// Its scheme is neither `http` nor `https`.
    #[error("its scheme is neither http nor https")]
    Scheme,
    /// It names a user.
    #[error("it contains credentials")]
    Credentials,
}

/// A URL of a subscriber, or of a broadcaster: `http` or `https`, a host, and perhaps a port, a path,
/// a query and a fragment.
///
/// A query is asked for with whatever is [joined](Self::join) to the address. A fragment is not sent,
/// and still a part of the address: it tells apart processes behind one port. Both ends sign the
/// address with both.
///
/// ```
/// use gripware_topics::Address;
///
/// let host = Address::new("http://192.0.2.1:3002/pubsub#1")?;
/// assert_eq!(host.join("/v1/receive").as_str(), "http://192.0.2.1:3002/pubsub/v1/receive#1");
/// assert_eq!(host.uri().path(), "/pubsub");
/// let host = Address::new("https://gateway.example/pubsub?key=1")?;
/// assert_eq!(host.join("/v1/receive").as_str(), "https://gateway.example/pubsub/v1/receive?key=1");
/// assert!(Address::new("file:///etc/passwd").is_err());
/// # Ok::<(), gripware_topics::AddressError>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(Arc<str>);

impl Address {
    /// Most bytes it may have: those that the crate `http` takes.
    pub const MAX_LEN: usize = MAX_FIELD - 1;

    /// Reads a URL.
    ///
    /// # Errors
    /// Where it is too long, not absolute, of another scheme, or contains credentials.
    pub fn new(text: impl Into<Arc<str>>) -> Result<Self, AddressError> {
        let text = text.into();
        let length = text.len();
        if length > Self::MAX_LEN {
            return Err(AddressError::TooLong { length });
        }
        if text.contains(|c: char| c.is_control()) {
            return Err(AddressError::NotAUrl);
        }
        let uri: Uri = before_fragment(&text)
            .parse()
            .map_err(|_| AddressError::NotAUrl)?;
        match uri.scheme_str() {
            Some("http" | "https") => (),
            Some(_) => return Err(AddressError::Scheme),
            None => return Err(AddressError::NotAUrl),
        }
        match uri.authority() {
            Some(authority) if authority.as_str().contains('@') => Err(AddressError::Credentials),
            Some(authority) if !authority.host().is_empty() => Ok(Self(text)),
            _ => Err(AddressError::NotAUrl),
        }
    }

    /// Returns the whole address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns what is asked for over HTTP: the address without its fragment.
    #[must_use]
    pub fn uri(&self) -> Uri {
        // It was read when the address was built, and has not changed.
        before_fragment(&self.0).parse().unwrap_or_default()
    }

    /// Returns the address with `path` behind its own, before its query and its fragment.
    #[must_use]
    pub fn join(&self, path: &str) -> Self {
        let (base, rest) = match self.0.find(['?', '#']) {
            Some(end) => self.0.split_at(end),
            None => (&*self.0, ""),
        };
        let base = base.strip_suffix('/').unwrap_or(base);
        Self(format!("{base}{path}{rest}").into())
    }
}

fn before_fragment(text: &str) -> &str {
    text.split_once('#').map_or(text, |(before, _)| before)
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({})", self.0)
    }
}

impl TryFrom<&str> for Address {
    type Error = AddressError;

    fn try_from(text: &str) -> Result<Self, AddressError> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_posted_to_is_no_address() {
        for (text, error) in [
            ("", AddressError::NotAUrl),
            ("/v1/receive", AddressError::NotAUrl),
            ("example.com", AddressError::NotAUrl),
            ("http://", AddressError::NotAUrl),
            ("http://a\r\nb/", AddressError::NotAUrl),
            ("http://a/b#c\r\nd", AddressError::NotAUrl),
            ("ftp://a/", AddressError::Scheme),
            ("http://user:pass@a/", AddressError::Credentials),
        ] {
            assert_eq!(Address::new(text), Err(error), "{text}");
        }
        let long = format!("http://a/{}", "b".repeat(65_526));
        let length = long.len();
        assert_eq!(Address::new(long), Err(AddressError::TooLong { length }));
    }

    #[test]
    fn a_path_is_put_before_the_query_and_the_fragment() {
        for (host, joined) in [
            ("http://a", "http://a/v1/receive"),
            ("http://a/", "http://a/v1/receive"),
            ("http://a:1/p#x", "http://a:1/p/v1/receive#x"),
            ("http://a#x#y", "http://a/v1/receive#x#y"),
            ("http://a?x=1", "http://a/v1/receive?x=1"),
            ("http://a/p?x=1", "http://a/p/v1/receive?x=1"),
            ("http://a/p/?x=/#y", "http://a/p/v1/receive?x=/#y"),
            ("http://a/?x=1?y", "http://a/v1/receive?x=1?y"),
            ("http://a/p#x?y", "http://a/p/v1/receive#x?y"),
            ("http://a?", "http://a/v1/receive?"),
        ] {
            let joined_now = Address::new(host).unwrap().join("/v1/receive");
            assert_eq!(joined_now.as_str(), joined);
            assert!(joined_now.uri().path().ends_with("/v1/receive"), "{host}");
        }
    }
}
