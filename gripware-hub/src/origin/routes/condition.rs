//! Which requests a route is for.

use std::cell::OnceCell;

use http::{Extensions, HeaderMap, HeaderValue, Request, Uri, header::HOST, uri::Authority};

use super::RouteError;

/// What a request has to be like: its host, the beginning of its path, and whether it came over TLS.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Condition {
    host: Host,
    path_beg: String,
    ssl: Option<bool>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Any,
    /// In lower case, without a port.
    Is(String),
    /// `*.example.com`, as `.example.com`.
    Below(String),
}

/// What routes look at of a request. Its host is read only where a route asks for one.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    uri: &'a Uri,
    header: Option<&'a HeaderValue>,
    host: OnceCell<Option<Authority>>,
    is_tls: bool,
}

/// In the extensions of a plain request that came over TLS. Those of the hub's own say it in their
/// URI.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OverTls;

impl Condition {
    /// Reads `*`, a host or `*.host`, and then `,path_beg=PREFIX` and `,ssl=yes` or `no`.
    pub(super) fn parse(text: &str) -> Result<Self, RouteError> {
        let mut parts = text.split(',');
        let host = match parts.next().unwrap_or_default() {
            "*" => Host::Any,
            name => match name.strip_prefix('*') {
                Some(below) if below.starts_with('.') => Host::Below(host_name(below)?),
                Some(_) => return Err(RouteError::Host),
                None => Host::Is(host_name(name)?),
            },
        };
        let mut condition = Self {
            host,
            path_beg: String::new(),
            ssl: None,
        };
        for part in parts {
            match part.split_once('=') {
                Some(("path_beg", path)) if path.starts_with('/') => {
                    condition.path_beg = path.to_owned();
                }
                Some(("path_beg", _)) => return Err(RouteError::Path),
                Some(("ssl", "yes")) => condition.ssl = Some(true),
                Some(("ssl", "no")) => condition.ssl = Some(false),
                _ => return Err(RouteError::Condition),
            }
        }
        Ok(condition)
    }

    pub(super) fn fits(&self, asked: &Asked<'_>) -> bool {
        let host = match &self.host {
            Host::Any => true,
            Host::Is(name) => asked.host().eq_ignore_ascii_case(name),
            Host::Below(suffix) => {
                let host = asked.host().as_bytes();
                let end = host.len().checked_sub(suffix.len()).filter(|end| *end > 0);
                let end = end.and_then(|end| host.get(end..));
                end.is_some_and(|end| end.eq_ignore_ascii_case(suffix.as_bytes()))
            }
        };
        host && path(asked.uri).starts_with(&self.path_beg)
            && self.ssl.is_none_or(|ssl| ssl == asked.is_tls)
    }
}

impl<'a> Asked<'a> {
    pub(super) fn of<B>(request: &'a Request<B>) -> Self {
        Self::new(request.uri(), request.headers(), request.extensions())
    }

    pub(super) fn new(uri: &'a Uri, headers: &'a HeaderMap, extensions: &Extensions) -> Self {
        Self {
            uri,
            header: headers.get(HOST),
            host: OnceCell::new(),
            is_tls: uri.scheme_str() == Some("https") || extensions.get::<OverTls>().is_some(),
        }
    }

    /// Returns the host, without a port, in any case; an empty one if there is none.
    fn host(&self) -> &str {
        let read = || Authority::try_from(self.header?.as_bytes()).ok();
        let authority = self.host.get_or_init(read).as_ref();
        authority
            .or(self.uri.authority())
            .map_or("", Authority::host)
    }
}

/// `OPTIONS *` has no path.
fn path(uri: &Uri) -> &str {
    match uri.path() {
        path if path.starts_with('/') => path,
        _ => "/",
    }
}

/// A host as requests have it, without a port.
fn host_name(name: &str) -> Result<String, RouteError> {
    // With something in front, `.example.com` is a host as well.
    let is_host = |text: &str| text.parse::<Authority>().is_ok_and(|it| it.host() == text);
    let is_name = !name.is_empty() && (is_host(name) || is_host(&format!("a{name}")));
    is_name
        .then(|| name.to_ascii_lowercase())
        .ok_or(RouteError::Host)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(uri: &str, host: &str) -> Request<()> {
        let request = Request::builder().uri(uri).header(HOST, host);
        request.body(()).unwrap()
    }

    #[test]
    fn a_request_fits_by_host_path_and_scheme() {
        for (condition, uri, host, fits) in [
            ("*", "/", "a.example", true),
            ("a.example", "/", "A.example:8080", true),
            ("A.example", "/", "a.example", true),
            ("a.example", "/", "b.a.example", false),
            ("*.example", "/", "b.a.example", true),
            ("*.example", "/", "B.A.EXAMPLE:80", true),
            ("*.example", "/", "example", false),
            ("*.example", "/", "badexample", false),
            ("[::1]", "/", "[::1]:80", true),
            ("*,path_beg=/api/", "/api/v1?x", "h", true),
            ("*,path_beg=/api/", "/api", "h", false),
            ("*,path_beg=/", "*", "h", true),
            ("*,ssl=yes", "/", "h", false),
            ("*,ssl=yes", "https://h/", "h", true),
            ("*,ssl=no", "https://h/", "h", false),
            ("h,path_beg=/a,ssl=no", "/ab", "h", true),
        ] {
            let condition_read = Condition::parse(condition).unwrap();
            assert_eq!(
                condition_read.fits(&Asked::of(&asked(uri, host))),
                fits,
                "{condition} {uri} {host}"
            );
        }
        let mut request = Request::new(());
        request.extensions_mut().insert(OverTls);
        assert!(
            Condition::parse("*,ssl=yes")
                .unwrap()
                .fits(&Asked::of(&request))
        );
    }

    #[test]
    fn what_is_no_condition_is_refused() {
        for (text, error) in [
            ("", RouteError::Host),
            ("*example", RouteError::Host),
            ("a.example:80", RouteError::Host),
            ("a@b", RouteError::Host),
            ("*,path_beg=api", RouteError::Path),
            ("*,ssl=maybe", RouteError::Condition),
            ("*,", RouteError::Condition),
            ("*,id=1", RouteError::Condition),
        ] {
            assert_eq!(Condition::parse(text), Err(error), "{text}");
        }
    }
}
