//! Cross-site WebSocket hijacking: from which pages a browser may open a WebSocket.
//!
//! A browser lets any page open a WebSocket to any host, and sends the cookies of that host along.
//! No same-origin policy and no CORS is in the way; all there is is the `Origin` header, which a
//! page cannot change.
//!
//! ```
//! use gripware_core::ws::AllowedOrigins;
//! use http::{HeaderMap, HeaderValue};
//!
//! let mut headers = HeaderMap::new();
//! headers.insert("host", HeaderValue::from_static("app.example"));
//! headers.insert("origin", HeaderValue::from_static("https://app.example"));
//! let allowed = AllowedOrigins::same_host();
//! assert!(allowed.verify(&headers).is_ok());
//!
//! headers.insert("origin", HeaderValue::from_static("https://evil.example"));
//! assert!(allowed.verify(&headers).is_err());
//!
//! headers.insert("origin", HeaderValue::from_static("https://www.example"));
//! assert!(allowed.and("https://www.example")?.verify(&headers).is_ok());
//! # Ok::<(), gripware_core::ws::AllowedOriginError>(())
//! ```

use http::{
    HeaderMap, HeaderName, HeaderValue,
    header::{HOST, ORIGIN},
};
use thiserror::Error;

use crate::header::trim_ows;

/// The host that a client asked for, as a server in front of this one says.
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// What [`AllowedOrigins::verify`] looks at in a request.
pub const ORIGIN_HEADERS: [HeaderName; 3] = [ORIGIN, HOST, X_FORWARDED_HOST];

/// The pages that may open a WebSocket, by the `Origin` that a browser sends.
///
/// The default is [`same_host`](Self::same_host). A request without `Origin` is no browser's: it
/// has no cookies but its own, and passes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct AllowedOrigins(Rule);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Rule {
    Any,
    Some {
        same_host: bool,
        trusts_forwarded_host: bool,
        /// In lower case.
        listed: Vec<Box<str>>,
    },
}

impl AllowedOrigins {
    /// Allows pages of the host that the request is for, as its `Host` says, over any scheme and
    /// port: cookies do not tell those apart either.
    ///
    /// A server in front has to pass the client's `Host` on. An nginx with nothing but `proxy_pass`
    /// puts its own there; it needs `proxy_set_header Host $host`.
    pub fn same_host() -> Self {
        Self::with_same_host(true)
    }

    /// Allows pages of this origin alone, such as `https://app.example`; see [`and`](Self::and).
    ///
    /// # Errors
    /// As [`and`](Self::and).
    pub fn only(origin: &str) -> Result<Self, AllowedOriginError> {
        Self::with_same_host(false).and(origin)
    }

    /// Allows every page. For sockets that mean nothing to whom a cookie belongs, and for handlers
    /// that [check](crate::ws::WebSocketContext::check_origin) by themselves.
    pub const fn any() -> Self {
        Self(Rule::Any)
    }

    fn with_same_host(same_host: bool) -> Self {
        Self(Rule::Some {
            same_host,
            trusts_forwarded_host: false,
            listed: Vec::new(),
        })
    }

    /// Allows pages of this origin too: a scheme and a host, with a port unless it is the scheme's
    /// own, and no path, as a browser writes it. `null` stands for sandboxed pages and local files.
    ///
    /// # Errors
    /// [`AllowedOriginError`] if it is not written so, and would never match.
    pub fn and(mut self, origin: &str) -> Result<Self, AllowedOriginError> {
        let is_origin = origin == "null"
            || origin.split_once("://").is_some_and(|(scheme, host)| {
                !scheme.is_empty() && !host.is_empty() && !host.contains(['/', '?', '#', '@', '*'])
            });
        if !is_origin || !origin.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(AllowedOriginError {
                origin: origin.to_owned(),
            });
        }
        if let Rule::Some { listed, .. } = &mut self.0 {
            listed.push(origin.to_ascii_lowercase().into());
        }
        Ok(self)
    }

    /// Takes the request's own host from `X-Forwarded-Host`, if it has one. Default: no. Only for
    /// an application behind a server that sets this header or removes it, since any other client
    /// may send it.
    pub fn trusting_forwarded_host(mut self) -> Self {
        if let Rule::Some {
            trusts_forwarded_host,
            ..
        } = &mut self.0
        {
            *trusts_forwarded_host = true;
        }
        self
    }

    /// Checks the head of a request that opens a WebSocket.
    ///
    /// # Errors
    /// [`ForeignOrigin`] if it has an `Origin` that is not allowed, or several.
    pub fn verify(&self, headers: &HeaderMap) -> Result<(), ForeignOrigin> {
        let Rule::Some {
            same_host,
            trusts_forwarded_host,
            listed,
        } = &self.0
        else {
            return Ok(());
        };
        let mut origins = headers.get_all(ORIGIN).iter();
        let Some(origin) = origins.next() else {
            return Ok(());
        };
        let forwarded = headers
            .get(X_FORWARDED_HOST)
            .filter(|_| *trusts_forwarded_host);
        let host = forwarded.or_else(|| headers.get(HOST));
        let refused = || ForeignOrigin {
            origin: shown(origin),
            host: host.map_or_else(|| "unknown".into(), shown),
        };
        if origins.next().is_some() {
            return Err(refused());
        }
        let origin_text = origin.to_str().map_err(|_| refused())?;
        let is_listed = listed
            .iter()
            .any(|known| origin_text.eq_ignore_ascii_case(known));
        let is_own = || {
            let host = host
                .and_then(|host| host.to_str().ok())
                .and_then(first_host);
            let of_page = origin_text
                .strip_prefix("https://")
                .or_else(|| origin_text.strip_prefix("http://"))
                .and_then(host_of);
            matches!((host, of_page), (Some(host), Some(page)) if host.eq_ignore_ascii_case(page))
        };
        if is_listed || (*same_host && is_own()) {
            Ok(())
        } else {
            Err(refused())
        }
    }
}

impl Default for AllowedOrigins {
    fn default() -> Self {
        Self::same_host()
    }
}

/// Returns the first host of a list, as servers in a row make one of `X-Forwarded-Host`.
fn first_host(list: &str) -> Option<&str> {
    host_of(trim_ows(list.split(',').next()?))
}

/// Returns the host of `host:port`, without the dot of a fully qualified name.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => rest.split_once(']')?,
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let host = host.strip_suffix('.').unwrap_or(host);
    let is_whole = port.is_empty() || port.strip_prefix(':').is_some_and(is_port);
    (is_whole && !host.is_empty()).then_some(host)
}

/// A header for a log, cut where it is long.
fn shown(value: &HeaderValue) -> String {
    value
        .as_bytes()
        .iter()
        .take(100)
        .flat_map(|byte| byte.escape_ascii())
        .map(char::from)
        .collect()
}

/// A text is no origin that a browser would send.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{origin:?} is no origin: a scheme, a host and maybe a port, such as https://app.example")]
#[non_exhaustive]
pub struct AllowedOriginError {
    origin: String,
}

/// A page of another host opens a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the page is of {origin}, and the request is for the host {host}")]
#[non_exhaustive]
pub struct ForeignOrigin {
    origin: String,
    host: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_static(value));
        }
        map
    }

    #[test]
    fn a_page_of_the_requests_own_host_is_allowed() {
        for (host, origin) in [
            ("app.example", "https://app.example"),
            ("app.example:7999", "http://app.example"),
            ("App.Example.", "https://app.example:8443"),
            ("127.0.0.1:7999", "http://127.0.0.1:3000"),
            ("[::1]:7999", "http://[::1]"),
        ] {
            let headers = request(&[("host", host), ("origin", origin)]);
            assert_eq!(
                AllowedOrigins::default().verify(&headers),
                Ok(()),
                "{host} {origin}"
            );
        }
    }

    #[test]
    fn a_page_of_any_other_host_is_refused() {
        for (host, origin) in [
            ("app.example", "https://evil.example"),
            ("app.example", "https://app.example.evil.example"),
            ("app.example", "https://evil-app.example"),
            ("app.example", "https://evil.example:443@app.example"),
            ("app.example", "https://app.example:443@evil.example"),
            ("app.example", "https://app.example,https://evil.example"),
            ("app.example", "null"),
            ("app.example", ""),
            ("app.example", "app.example"),
            ("app.example", "file://app.example"),
            ("", "https://"),
            (":80", "http://:80"),
            ("[::1]", "http://[::2]"),
        ] {
            let headers = request(&[("host", host), ("origin", origin)]);
            assert!(
                AllowedOrigins::default().verify(&headers).is_err(),
                "{host} {origin}"
            );
        }
        let hostless = request(&[("origin", "https://app.example")]);
        assert!(AllowedOrigins::default().verify(&hostless).is_err());
        let twice = request(&[
            ("host", "app.example"),
            ("origin", "https://app.example"),
            ("origin", "https://evil.example"),
        ]);
        assert!(AllowedOrigins::default().verify(&twice).is_err());
    }

    #[test]
    fn what_is_no_browser_has_no_origin_and_passes() {
        let headers = request(&[("host", "app.example")]);
        assert_eq!(AllowedOrigins::default().verify(&headers), Ok(()));
        assert_eq!(
            AllowedOrigins::only("https://a.example")
                .unwrap()
                .verify(&headers),
            Ok(())
        );
    }

    #[test]
    fn listed_origins_are_compared_whole() {
        let allowed = AllowedOrigins::only("https://a.example").unwrap();
        let allowed = allowed.and("null").unwrap();
        for (origin, is_allowed) in [
            ("https://a.example", true),
            ("https://A.example", true),
            ("null", true),
            ("http://a.example", false),
            ("https://a.example:8443", false),
            ("https://app.example", false),
        ] {
            let headers = request(&[("host", "app.example"), ("origin", origin)]);
            assert_eq!(allowed.verify(&headers).is_ok(), is_allowed, "{origin}");
        }
    }

    #[test]
    fn a_forwarded_host_counts_where_it_is_trusted() {
        let headers = request(&[
            ("host", "backend:7999"),
            ("x-forwarded-host", "app.example, inner"),
            ("origin", "https://app.example"),
        ]);
        assert!(AllowedOrigins::same_host().verify(&headers).is_err());
        let trusting = AllowedOrigins::same_host().trusting_forwarded_host();
        assert_eq!(trusting.verify(&headers), Ok(()));
    }

    #[test]
    fn an_origin_that_would_never_match_is_refused_when_it_is_set() {
        for origin in [
            "",
            "a.example",
            "https://",
            "https://a.example/",
            "https://*.a",
            "https://é.a",
        ] {
            assert!(AllowedOrigins::only(origin).is_err(), "{origin}");
        }
    }
}
