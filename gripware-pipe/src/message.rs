//! Requests and responses as HTTP/2 carries them, and back.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Uri,
    header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING},
    request::Parts,
    uri::{Authority, PathAndQuery, Scheme},
};

/// Asks the server to pass a request on to this client.
pub(crate) const PIPE_TO: HeaderName = HeaderName::from_static("pipe-to");

/// Which client a request came from that the server has passed on. A client believes it, since it
/// has verified the server; the server removes what a client says.
pub(crate) const PIPE_FROM: HeaderName = HeaderName::from_static("pipe-from");

/// That a response was made by the pipe and not by a handler, and why.
pub(crate) const PIPE_ERROR: HeaderName = HeaderName::from_static("pipe-error");

/// Which connection of a client a server's greeting was about, and its farewell is.
pub(crate) const PIPE_GENERATION: HeaderName = HeaderName::from_static("pipe-generation");

/// What the ends of a pipe say to each other, as requests that no handler sees.
///
/// `GET` is the first request of a server to a client: it is accepted. `DELETE`, in either direction,
/// says that the sender leaves: it answers what is under way, and should be asked nothing more.
/// HTTP/2 has `GOAWAY` for that, but a peer's HTTP/2 need not tell anybody before the next request.
/// A peer that knows neither answers 404, which is as good.
///
/// Such a request has [`PIPE_GENERATION`], which is removed from all others: a caller that names this
/// path, which may be anybody on the web where a hub stands in front, reaches a handler.
pub(crate) const CONTROL: &str = "/.well-known/gripware-pipe";

/// The scheme of requests on a pipe: it is always TLS.
const SCHEME: Scheme = Scheme::HTTPS;

/// Whether a header is about one connection and not about the message (RFC 9110, section 7.6.1).
fn is_hop_by_hop(name: &HeaderName) -> bool {
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
            | "http2-settings"
    )
}

/// Removes what is about one connection, with what `Connection` names, and what only a pipe itself
/// may say.
pub(crate) fn strip(headers: &mut HeaderMap) {
    for name in connection_tokens(headers) {
        // Without a host nobody can answer.
        if name != HOST {
            headers.remove(name);
        }
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        // It did not count, and would now: request smuggling (RFC 9112, section 6.3).
        headers.remove(CONTENT_LENGTH);
    }
    let is_ours =
        |name: &HeaderName| [PIPE_TO, PIPE_FROM, PIPE_ERROR, PIPE_GENERATION].contains(name);
    let goes = |name: &HeaderName| is_hop_by_hop(name) || is_ours(name) || *name == EXPECT;
    if headers.keys().any(goes) {
        let gone: Vec<_> = headers.keys().filter(|name| goes(name)).cloned().collect();
        for name in gone {
            headers.remove(name);
        }
    }
}

fn connection_tokens(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(CONNECTION).into_iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
        .collect()
}

/// The size of headers as HTTP/2 counts it (RFC 9113, section 6.5.2).
pub(crate) fn size(headers: &HeaderMap) -> usize {
    headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + 32)
        .fold(0, usize::saturating_add)
}

/// The size of a request's head, likewise.
pub(crate) fn head_size(parts: &Parts) -> usize {
    let path = parts.uri.path_and_query().map_or(1, |it| it.as_str().len());
    let authority = parts.uri.authority().map_or(0, |it| it.as_str().len());
    let pseudo = parts.method.as_str().len() + path + authority + 4 * 40;
    size(&parts.headers).saturating_add(pseudo)
}

/// Prepares a request to be sent: the host becomes the authority, as HTTP/2 has it (RFC 9113,
/// section 8.3.1). Where there is none, `name` stands for it.
pub(crate) fn outgoing(parts: &mut Parts, name: &str) {
    strip(&mut parts.headers);
    let host = parts.headers.remove(HOST);
    let of_host = || Authority::try_from(host?.as_bytes()).ok();
    let authority = parts.uri.authority().cloned().or_else(of_host);
    let authority = authority.or_else(|| Authority::try_from(name).ok());
    let path = parts.uri.path_and_query().filter(|path| {
        // `OPTIONS *` stays, and nothing else that is no path.
        path.as_str().starts_with('/') || (path.as_str() == "*" && parts.method == Method::OPTIONS)
    });
    let path = path.cloned();
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(SCHEME);
    uri.authority = authority.or_else(|| Some(Authority::from_static("pipe")));
    uri.path_and_query = path.or_else(|| Some(PathAndQuery::from_static("/")));
    // It cannot fail, since it has all three parts.
    parts.uri = Uri::from_parts(uri).unwrap_or_default();
    parts.version = http::Version::HTTP_2;
}

/// Gives a request that was received the form that handlers know from HTTP/1.1: a path, and the
/// host in a header.
pub(crate) fn incoming(parts: &mut Parts) {
    strip(&mut parts.headers);
    let uri = std::mem::take(&mut parts.uri).into_parts();
    let host = uri
        .authority
        .as_ref()
        .map(|it| HeaderValue::from_str(it.as_str()));
    if let Some(Ok(host)) = host {
        parts.headers.insert(HOST, host);
    }
    let mut path = http::uri::Parts::default();
    path.path_and_query = uri.path_and_query;
    parts.uri = Uri::from_parts(path).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use http::Request;
    use proptest::prelude::*;

    use super::*;

    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let request = Request::builder().method(method).uri(uri);
        let request = headers.iter().fold(request, |request, (name, value)| {
            request.header(*name, *value)
        });
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_request_keeps_its_host_on_the_way() {
        let mut it = parts("GET", "/a//b%20c?d", &[("host", "example.com:8080")]);
        outgoing(&mut it, "app");
        assert_eq!(it.uri, "https://example.com:8080/a//b%20c?d");
        assert!(it.headers.is_empty());
        incoming(&mut it);
        assert_eq!(it.uri, "/a//b%20c?d");
        assert_eq!(it.headers[HOST], "example.com:8080");
    }

    #[test]
    fn a_request_without_a_host_gets_the_name_of_the_other_end() {
        let mut it = parts("GET", "/", &[]);
        outgoing(&mut it, "app");
        assert_eq!(it.uri, "https://app/");
        let mut it = parts("OPTIONS", "*", &[("host", "no host at all")]);
        outgoing(&mut it, "::1");
        assert_eq!(it.uri.authority().unwrap(), "pipe");
        assert_eq!(it.uri.path(), "*");
    }

    #[test]
    fn what_is_about_one_connection_is_removed() {
        let headers = [
            ("connection", "x-hop, close, host"),
            ("x-hop", "1"),
            ("te", "trailers"),
            ("upgrade", "websocket"),
            ("expect", "100-continue"),
            ("transfer-encoding", "chunked"),
            ("content-length", "3"),
            ("pipe-from", "somebody else"),
            ("x-end", "2"),
            ("host", "h"),
        ];
        let mut it = parts("POST", "/", &headers);
        outgoing(&mut it, "app");
        let names: Vec<_> = it.headers.keys().collect();
        assert_eq!(names, ["x-end"]);
        assert_eq!(it.uri, "https://h/");
    }

    proptest! {
        #[test]
        fn no_target_panics(path in "[/*?a-z%.#]{0,8}", host in "[ -~]{0,8}", name in "[ -~]{0,8}") {
            let Ok(uri) = path.parse::<Uri>() else { return Ok(()) };
            let mut it = parts("GET", "/", &[]);
            it.uri = uri;
            it.headers.insert(HOST, HeaderValue::from_str(&host).unwrap());
            outgoing(&mut it, &name);
            prop_assert!(it.uri.authority().is_some() && it.uri.path().starts_with('/'));
            incoming(&mut it);
            prop_assert!(it.uri.path().starts_with('/'));
        }
    }
}
