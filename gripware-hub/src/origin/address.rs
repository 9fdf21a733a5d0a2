//! The address of an HTTP origin, and where the requests of clients go below it.

use std::{fmt, path::PathBuf, str::FromStr};

use http::{
    HeaderValue, Uri,
    uri::{Authority, PathAndQuery, Scheme},
};
use thiserror::Error;

use super::{OriginError, dot_segments::leaves_base};

/// Where an HTTP origin is: `http://host:port` or `https://host:port`, with a path that is put before
/// that of each request, or `unix:/path/of/socket`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OriginAddress {
    pub(super) place: Place,
    /// The path that is put before that of each request, without a slash at its end.
    base: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Tcp(Authority),
    /// The same over TLS.
    #[cfg(feature = "tls")]
    Tls(Authority),
    Unix(PathBuf),
}

/// Why a text is no address of an origin.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{text:?} is no address of an origin: {why}")]
pub struct OriginAddressError {
    text: String,
    why: &'static str,
}

impl OriginAddress {
    /// Returns the URI that a request is sent to: path and query stay below the base, the rest is
    /// replaced.
    ///
    /// # Errors
    /// If the path leaves the base (path traversal).
    pub(super) fn resolve(&self, uri: &Uri) -> Result<Uri, OriginError> {
        if !self.base.is_empty() && leaves_base(uri.path()) {
            return Err(OriginError::OutsideBase);
        }
        self.join(uri)
            .map_err(|error| OriginError::Failed(error.into()))
    }

    /// The same without scheme and authority, as it stands in a request; `None` if the URI is that
    /// already.
    ///
    /// # Errors
    /// If the path leaves the base (path traversal).
    pub(super) fn origin_form(&self, uri: &Uri) -> Result<Option<Uri>, OriginError> {
        if self.base.is_empty() && uri.authority().is_none() && uri.path().starts_with('/') {
            return Ok(None);
        }
        let path = self.resolve(uri)?.into_parts().path_and_query;
        let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
        Ok(Some(path.into()))
    }

    /// Returns the URI of the origin itself.
    pub(super) fn uri(&self) -> Uri {
        let root = self.join(&Uri::from_static("/"));
        // Of two parts that were parsed, and a path.
        root.unwrap_or_default()
    }

    /// Returns what a request is for that does not say it.
    pub(super) fn host(&self) -> HeaderValue {
        let (scheme, authority) = self.scheme_and_authority();
        let default_port = if scheme == Scheme::HTTP { 80 } else { 443 };
        let is_default = authority.port_u16() == Some(default_port);
        let host = if is_default {
            authority.host()
        } else {
            authority.as_str()
        };
        HeaderValue::try_from(host).unwrap_or_else(|_| HeaderValue::from_static("localhost"))
    }

    fn scheme_and_authority(&self) -> (Scheme, Authority) {
        match &self.place {
            Place::Tcp(authority) => (Scheme::HTTP, authority.clone()),
            #[cfg(feature = "tls")]
            Place::Tls(authority) => (Scheme::HTTPS, authority.clone()),
            // A name for the pool of connections: the connector does not look at it.
            Place::Unix(_) => (Scheme::HTTP, Authority::from_static("localhost")),
        }
    }

    fn join(&self, uri: &Uri) -> Result<Uri, http::Error> {
        let (scheme, authority) = self.scheme_and_authority();
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let uri_of = Uri::builder().scheme(scheme).authority(authority);
        if self.base.is_empty() && path.starts_with('/') {
            let path = uri.path_and_query().cloned();
            let path = path.unwrap_or_else(|| PathAndQuery::from_static("/"));
            return uri_of.path_and_query(path).build();
        }
        // `OPTIONS *` has no path.
        let path = if path.starts_with('/') { path } else { "/" };
        let path = format!("{}{path}", self.base);
        uri_of.path_and_query(path).build()
    }
}

impl FromStr for OriginAddress {
    type Err = OriginAddressError;

    fn from_str(text: &str) -> Result<Self, OriginAddressError> {
        let wrong = |why| OriginAddressError {
            text: without_user(text),
            why,
        };
        if let Some(path) = text.strip_prefix("unix:") {
            if !path.starts_with('/') {
                return Err(wrong("the path of a unix socket has to be absolute"));
            }
            return Ok(Self {
                place: Place::Unix(path.into()),
                base: String::new(),
            });
        }
        let uri: Uri = text.parse().map_err(|_| wrong("it is no URL"))?;
        if text.contains('#') {
            return Err(wrong("it cannot have a fragment"));
        }
        let scheme = uri.scheme();
        let is_tls = cfg!(feature = "tls") && scheme == Some(&Scheme::HTTPS);
        if !is_tls && scheme != Some(&Scheme::HTTP) {
            return Err(wrong(match cfg!(feature = "tls") {
                true => "it has to begin with http://, https:// or unix:",
                false => "it has to begin with http:// or unix:",
            }));
        }
        let Some(authority) = uri.authority().filter(|it| !it.host().is_empty()) else {
            return Err(wrong("it has no host"));
        };
        if authority.as_str().contains('@') {
            return Err(wrong("a user name or password cannot be sent"));
        }
        let has_port = authority.as_str() != authority.host();
        if has_port && matches!(authority.port_u16(), None | Some(0)) {
            return Err(wrong("the port is none that can be connected to"));
        }
        if uri.query().is_some() {
            return Err(wrong("it cannot have a query"));
        }
        #[cfg(feature = "tls")]
        if is_tls && !super::https::is_possible() {
            return Err(wrong("the system has no root certificates (SSL_CERT_FILE)"));
        }
        Ok(Self {
            place: match is_tls {
                #[cfg(feature = "tls")]
                true => Place::Tls(authority.clone()),
                _ => Place::Tcp(authority.clone()),
            },
            base: uri.path().trim_end_matches('/').to_owned(),
        })
    }
}

/// The text without what may be a password.
fn without_user(text: &str) -> String {
    let start = text.find("//").map_or(0, |slashes| slashes + 2);
    let (scheme, rest) = text.split_at(start);
    match rest.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}[redacted]@{host}"),
        None => text.to_owned(),
    }
}

impl fmt::Display for OriginAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Tcp(authority) => write!(f, "http://{authority}{}", self.base),
            #[cfg(feature = "tls")]
            Place::Tls(authority) => write!(f, "https://{authority}{}", self.base),
            Place::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(address: &str, uri: &str) -> String {
        let address: OriginAddress = address.parse().unwrap();
        address.resolve(&uri.parse().unwrap()).unwrap().to_string()
    }

    #[test]
    fn a_request_goes_to_the_address_with_its_path_and_query() {
        let at = "http://127.0.0.1:8000";
        assert_eq!(resolve(at, "/a?b=c"), "http://127.0.0.1:8000/a?b=c");
        assert_eq!(
            resolve("http://[::1]:80/base/", "http://x/a?"),
            "http://[::1]:80/base/a?"
        );
        assert_eq!(resolve("http://h", "*"), "http://h/");
        assert_eq!(resolve("unix:/run/app.sock", "/a"), "http://localhost/a");
    }

    #[test]
    fn a_request_says_its_path_alone_and_is_left_as_it_is_where_it_does() {
        let origin_form = |address: &str, uri: &str| {
            let address: OriginAddress = address.parse().unwrap();
            let uri = address.origin_form(&uri.parse().unwrap()).unwrap();
            uri.map(|uri| uri.to_string())
        };
        assert_eq!(origin_form("http://h", "/a?b=c"), None);
        assert_eq!(
            origin_form("http://h", "http://x/a?").as_deref(),
            Some("/a?")
        );
        assert_eq!(origin_form("http://h", "http://x").as_deref(), Some("/"));
        assert_eq!(origin_form("http://h", "*").as_deref(), Some("/"));
        assert_eq!(origin_form("http://h/b/", "/a").as_deref(), Some("/b/a"));
    }

    #[test]
    fn a_request_without_a_host_is_for_that_of_the_address() {
        for (address, host) in [
            ("http://h", "h"),
            ("http://h:80/b", "h"),
            ("http://h:8000", "h:8000"),
            ("http://[::1]:81", "[::1]:81"),
            ("unix:/run/app.sock", "localhost"),
        ] {
            let address: OriginAddress = address.parse().unwrap();
            assert_eq!(address.host(), host);
        }
    }

    #[test]
    fn a_path_that_leaves_the_base_goes_nowhere() {
        let address: OriginAddress = "http://h/base".parse().unwrap();
        let out = address.resolve(&"/a/%2e%2e/../secret?q".parse().unwrap());
        assert!(matches!(out, Err(OriginError::OutsideBase)), "{out:?}");
        assert_eq!(resolve("http://h/base", "/a/../b"), "http://h/base/a/../b");
        // Without a base the whole origin is the application's.
        assert_eq!(resolve("http://h", "/../b"), "http://h/../b");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "http://a:0",
            "http://a:99999",
            "http://a/#b",
            "",
            "host:80",
            "ftp://host",
            "http://",
            "http://user@host",
            "http://host/?q",
            "unix:relative",
            "/path",
        ] {
            assert!(wrong.parse::<OriginAddress>().is_err(), "{wrong}");
        }
        for secret in ["http://me:s3cret@host", "me:s3cret@host", "//s3cret@p@host"] {
            let error = secret.parse::<OriginAddress>().unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
        }
        let address: OriginAddress = "http://h:1/b".parse().unwrap();
        assert_eq!(address.to_string(), "http://h:1/b");
    }
}
