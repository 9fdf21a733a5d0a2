//! What of a client's request goes to the origin (GRIP 1.2).

use std::net::{IpAddr, SocketAddr};

use gripware_core::header::{WEBSOCKET_EVENTS, trim_ows_bytes};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version,
    header::{CONTENT_TYPE, COOKIE, EXPECT, HOST, TE, TRANSFER_ENCODING},
    request::Parts,
    uri::{Authority, PathAndQuery},
};

use crate::http::{
    hop_by_hop::{KEEP_ALIVE, has_connection_token, strip_hop_by_hop_and},
    reserved::{X_FORWARDED_FOR, is_disguised, is_forwarding, is_reserved},
};

const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// How many headers the hub adds to most requests.
const ADDED: usize = 4;

const TRAILERS: HeaderValue = HeaderValue::from_static("trailers");

/// Turns a client's request into the one that goes to the origin, but for the signature.
///
/// `address` is that of the client, as [`forwarded_for`] makes it.
pub(super) fn clean(
    parts: &mut Parts,
    address: Option<&HeaderValue>,
    is_tls: bool,
    trust_forwarded: bool,
) {
    let headers = &mut parts.headers;
    // With those of the signature, so that the table grows once.
    headers.reserve(ADDED);
    let takes_trailers = takes_trailers(headers);
    strip_hop_by_hop_and(headers, |name| {
        let is_forged = is_reserved(name) || is_disguised(name);
        is_forged || *name == EXPECT || (!trust_forwarded && is_forwarding(name))
    });
    if takes_trailers {
        headers.insert(TE, TRAILERS);
    }
    if parts.version == Version::HTTP_2 {
        join_cookies(headers);
    }
    if let Some(address) = address {
        append_forwarded_for(headers, address);
    }
    let scheme = HeaderValue::from_static(if is_tls { "https" } else { "http" });
    headers.entry(X_FORWARDED_PROTO).or_insert(scheme);
    parts.extensions.clear();
}

/// Returns `true` if the client takes trailers, which the hub passes on; transfer codings are between
/// the client and the hub (RFC 9110, section 10.1.4).
fn takes_trailers(headers: &HeaderMap) -> bool {
    let values = headers.get_all(TE).into_iter();
    let mut codings = values.flat_map(|value| value.as_bytes().split(|byte| *byte == b','));
    codings.any(|coding| trim_ows_bytes(coding).eq_ignore_ascii_case(TRAILERS.as_bytes()))
}

/// Makes one header of the pieces that HTTP/2 allows, which applications do not expect (RFC 9113,
/// section 8.2.3).
fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<_> = headers.get_all(COOKIE).iter().collect();
    if cookies.len() < 2 {
        return;
    }
    let cookies: Vec<_> = cookies.iter().map(|cookie| cookie.as_bytes()).collect();
    // It is made of what headers have.
    if let Ok(cookie) = HeaderValue::try_from(cookies.join(&b"; "[..])) {
        headers.insert(COOKIE, cookie);
    }
}

/// Returns the address of a client for `X-Forwarded-For`.
pub(super) fn forwarded_for(peer: SocketAddr) -> Option<HeaderValue> {
    // An IPv4 client of an IPv6 listener is still one.
    HeaderValue::try_from(peer.ip().to_canonical().to_string()).ok()
}

/// Returns the address that a proxy in front has seen, which is the last in `X-Forwarded-For`.
pub(super) fn forwarded_address(headers: &HeaderMap) -> Option<IpAddr> {
    let last = headers.get_all(X_FORWARDED_FOR).into_iter().next_back()?;
    let last = last.to_str().ok()?.rsplit(',').next()?.trim_ascii();
    // Some proxies add a port.
    let with_port = || last.parse().ok().map(|it: SocketAddr| it.ip());
    last.parse().ok().or_else(with_port)
}

fn append_forwarded_for(headers: &mut HeaderMap, address: &HeaderValue) {
    if !headers.contains_key(X_FORWARDED_FOR) {
        headers.insert(X_FORWARDED_FOR, address.clone());
        return;
    }
    let known = headers.get_all(X_FORWARDED_FOR).into_iter();
    let list: Vec<_> = known.chain([address]).map(HeaderValue::as_bytes).collect();
    // It is made of what headers have.
    if let Ok(value) = HeaderValue::try_from(list.join(&b", "[..])) {
        headers.insert(X_FORWARDED_FOR, value);
    }
}

/// Settles which host a request is for, and refuses what no origin should see.
pub(super) fn check(parts: &mut Parts) -> Result<(), (StatusCode, &'static str)> {
    // TRACE would show a client the signature.
    if parts.method == Method::TRACE || parts.method == Method::CONNECT {
        return Err((
            StatusCode::METHOD_NOT_ALLOWED,
            "This method is not allowed.\n",
        ));
    }
    if !is_decodable(&parts.headers) {
        return Err((
            StatusCode::NOT_IMPLEMENTED,
            "This transfer coding is not known.\n",
        ));
    }
    if carries_events(&parts.headers) {
        return Err((
            StatusCode::FORBIDDEN,
            "WebSocket events are a proxy's to send.\n",
        ));
    }
    let wrong = Err((StatusCode::BAD_REQUEST, "The host is missing or wrong.\n"));
    if let Some(authority) = parts.uri.authority() {
        // It counts more than `Host` (RFC 9112 section 3.2.2, RFC 9113 section 8.3.1).
        let host = HeaderValue::try_from(authority.as_str());
        let (Ok(host), false) = (host, authority.as_str().contains('@')) else {
            return wrong;
        };
        parts.headers.insert(HOST, host);
        let path = parts.uri.path_and_query().cloned();
        parts.uri = path
            .unwrap_or_else(|| PathAndQuery::from_static("/"))
            .into();
        return Ok(());
    }
    let mut hosts = parts.headers.get_all(HOST).into_iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) if is_host(host) => Ok(()),
        (None, _) if parts.version < Version::HTTP_11 => Ok(()),
        _ => wrong,
    }
}

/// Returns `true` if the body has no transfer coding but chunks. What is compressed for this
/// connection would reach an origin that is not told so, and codings that two servers read in two
/// ways are how requests are smuggled.
fn is_decodable(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let is_chunked = codings
        .next()
        .is_none_or(|coding| trim_ows_bytes(coding.as_bytes()).eq_ignore_ascii_case(b"chunked"));
    is_chunked && codings.next().is_none()
}

/// Returns `true` if a request pretends to carry the events of a WebSocket, which the origin would
/// take for the hub's own, signed as it is (GRIP 2.2). One of several types counts, as does one of a
/// list.
fn carries_events(headers: &HeaderMap) -> bool {
    let types = headers.get_all(CONTENT_TYPE).into_iter();
    let mut essences = types.flat_map(|value| {
        value
            .as_bytes()
            .split(|byte| matches!(byte, b';' | b','))
            .map(trim_ows_bytes)
    });
    essences.any(|essence| essence.eq_ignore_ascii_case(WEBSOCKET_EVENTS.as_bytes()))
}

fn is_host(value: &HeaderValue) -> bool {
    is_plain_host(value.as_bytes()) || is_other_host(value)
}

/// Returns `true` for names and IPv4 addresses, with a port or without: what nearly all hosts are, and
/// what needs no parser that copies it.
fn is_plain_host(host: &[u8]) -> bool {
    let mut parts = host.split(|byte| *byte == b':');
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    let name = parts.next().unwrap_or_default();
    let is_port =
        |port: &[u8]| (1..=5).contains(&port.len()) && port.iter().all(u8::is_ascii_digit);
    !name.is_empty()
        && name.iter().all(is_name)
        && parts.next().is_none_or(is_port)
        && parts.next().is_none()
}

fn is_other_host(value: &HeaderValue) -> bool {
    // An empty one is allowed where the target has no authority, but then nobody could be asked
    // again under it.
    Authority::try_from(value.as_bytes()).is_ok_and(|it| !it.as_str().contains('@'))
}

/// Returns the absolute URI of a request, against which links are resolved.
pub(super) fn absolute(uri: &Uri, host: Option<&[u8]>, is_tls: bool) -> Uri {
    let authority = host.and_then(|host| Authority::try_from(host).ok());
    let path = uri.path_and_query().cloned();
    let path = path.filter(|path| path.as_str().starts_with('/'));
    Uri::builder()
        .scheme(if is_tls { "https" } else { "http" })
        .authority(authority.unwrap_or_else(|| Authority::from_static("localhost")))
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build()
        .unwrap_or_else(|_| uri.clone())
}

/// Returns `true` if the connection may be used for another request (keep-alive).
pub(super) fn keeps_alive(version: Version, headers: &HeaderMap) -> bool {
    const CLOSE: HeaderName = HeaderName::from_static("close");
    match version {
        Version::HTTP_11 => !has_connection_token(headers, &CLOSE),
        Version::HTTP_10 => has_connection_token(headers, &KEEP_ALIVE),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_plain_host_is_one_for_the_parser_too(host in "[a-zA-Z0-9.:-]{0,12}") {
            let value = HeaderValue::try_from(host).unwrap();
            if is_plain_host(value.as_bytes()) {
                prop_assert!(is_other_host(&value));
            }
        }
    }

    #[test]
    fn most_hosts_are_plain_and_the_parser_decides_about_the_others() {
        for (host, is_plain, is_right) in [
            ("example.org", true, true),
            ("127.0.0.1:8080", true, true),
            ("[::1]:80", false, true),
            ("a_b", false, true),
            ("", false, false),
            ("me@host", false, false),
            ("a b", false, false),
            ("a/b", false, false),
        ] {
            let value = HeaderValue::from_static(host);
            assert_eq!(is_plain_host(value.as_bytes()), is_plain, "{host}");
            assert_eq!(is_host(&value), is_right, "{host}");
        }
    }
}
