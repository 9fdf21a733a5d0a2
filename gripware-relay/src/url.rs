//! `GRIPWARE_RELAY`: which broker, where, and with which credentials.

use std::{fmt, str::FromStr};

use thiserror::Error;

/// The most bytes of a URL. Credentials and a list of servers take a few hundred.
pub const MAX_URL_LEN: usize = 8 * 1024;

/// Where a broker is, as `scheme://[user[:password]@]host[:port][/path][?parameters]`.
///
/// The scheme picks the [`Backend`](crate::Backend), which reads the rest. `Debug` and `Display`
/// print neither credentials nor parameters, which may have some.
///
/// ```
/// use gripware_relay::{RelayUrl, RelayUrlError};
///
/// let url: RelayUrl = "redis://app:secret@10.0.0.7:6379/?maxlen=5000".parse()?;
/// assert_eq!(url.scheme(), "redis");
/// assert_eq!(url.to_string(), "redis://10.0.0.7:6379/");
/// assert_eq!(url.parameter("maxlen"), Some("5000"));
///
/// assert_eq!("localhost:6379".parse::<RelayUrl>(), Err(RelayUrlError::Scheme));
/// # Ok::<(), RelayUrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct RelayUrl {
    whole: String,
    scheme_len: usize,
}

impl RelayUrl {
    /// Returns the scheme.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.whole.get(..self.scheme_len).unwrap_or_default()
    }

    /// Returns all of it, credentials included, for a backend to connect with.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.whole
    }

    /// Returns all of it without the parameters, credentials included.
    #[must_use]
    pub fn expose_without_parameters(&self) -> &str {
        self.whole
            .split_once('?')
            .map_or(&*self.whole, |(url, _)| url)
    }

    /// Returns the value of a parameter as it stands in the URL; of several the first.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters()
            .find_map(|(known, value)| (known == name).then_some(value))
    }

    /// Returns the parameters as they stand in the URL.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        let query = self.whole.split_once('?').map_or("", |(_, query)| query);
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }
}

impl FromStr for RelayUrl {
    type Err = RelayUrlError;

    fn from_str(url: &str) -> Result<Self, RelayUrlError> {
        if url.len() > MAX_URL_LEN {
            return Err(RelayUrlError::TooLong { length: url.len() });
        }
        let (scheme, rest) = url.split_once("://").ok_or(RelayUrlError::Scheme)?;
        let is_scheme = |byte: u8| byte.is_ascii_lowercase() || byte == b'+';
        if scheme.is_empty() || !scheme.bytes().all(is_scheme) {
            return Err(RelayUrlError::Scheme);
        }
        if rest.is_empty() {
            return Err(RelayUrlError::Host);
        }
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(RelayUrlError::Character);
        }
        Ok(Self {
            whole: url.to_owned(),
            scheme_len: scheme.len(),
        })
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A list has credentials in each of its URLs.
        let urls = self.expose_without_parameters().split(',');
        for (index, url) in urls.enumerate() {
            let separator = if index == 0 { "" } else { "," };
            let (scheme, rest) = match url.split_once("://") {
                Some((scheme, rest)) => (format!("{scheme}://"), rest),
                None => (String::new(), url),
            };
            let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
            write!(f, "{separator}{scheme}{rest}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RelayUrl({self})")
    }
}

/// Why a text is no [`RelayUrl`]. It has nothing of the text, which may have credentials.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RelayUrlError {
    /// It does not begin with a scheme in lower case and `://`.
    #[error("the URL of a relay begins with a scheme such as `redis://` or `nats://`")]
    Scheme,
    /// Nothing follows the scheme.
    #[error("the URL of a relay names a host")]
    Host,
    /// It has a character that is not printable ASCII. A password with one is percent-encoded.
    #[error("the URL of a relay has a character that is to be percent-encoded")]
    Character,
    /// It is longer than [`MAX_URL_LEN`].
    #[error("the URL of a relay has {length} bytes, over the limit of {MAX_URL_LEN}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_never_print() {
        for url in [
            "redis://user:s3cret@host:1/0?password=s3cret",
            "redis://:s3cret@host",
            "nats://s3cret@a:1,nats://u:s3cret@b:2,c:3",
            "redis://user:p@s3cret@host",
            "redis://user:a,s3cret@host",
        ] {
            let url: RelayUrl = url.parse().unwrap();
            for text in [url.to_string(), format!("{url:?}")] {
                assert!(!text.contains("s3cret"), "{text}");
                assert!(text.contains("host") || text.contains("a:1"), "{text}");
            }
        }
    }

    #[test]
    fn what_is_no_url_is_refused_without_a_word_of_it() {
        for (url, error) in [
            ("", RelayUrlError::Scheme),
            ("host:1", RelayUrlError::Scheme),
            ("REDIS://host", RelayUrlError::Scheme),
            ("redis://", RelayUrlError::Host),
            ("redis://a b", RelayUrlError::Character),
            ("redis://a\n", RelayUrlError::Character),
        ] {
            assert_eq!(url.parse::<RelayUrl>(), Err(error), "{url}");
        }
    }
}
