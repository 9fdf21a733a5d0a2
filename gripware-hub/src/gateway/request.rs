//! What of a client's request goes to the origin (GRIP 1.2).

use std::net::SocketAddr;

use gripware_core::header::{CONNECTION_ID, META_PREFIX, is_instruction};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, Version,
    header::{
        ACCEPT_ENCODING, CONNECTION, EXPECT, FORWARDED, HOST, PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
    },
    request::Parts,
    uri::{Authority, PathAndQuery},
};

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const X_FORWARDED: &str = "x-forwarded-";

/// Whether a header is about one connection, and not about the message.
pub(super) fn is_hop_by_hop(name: &HeaderName) -> bool {
    // `Trailer` is not among them: without it trailers would not be passed on.
    const NAMES: [HeaderName; 8] = [
        CONNECTION,
        KEEP_ALIVE,
        PROXY_AUTHENTICATE,
        PROXY_AUTHORIZATION,
        PROXY_CONNECTION,
        TE,
        TRANSFER_ENCODING,
        UPGRADE,
    ];
    NAMES.contains(name)
}

/// Removes what is about the connection, with what `Connection` names.
pub(super) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        for name in connection_tokens(headers) {
            // Without a host the origin cannot answer, whatever a client says.
            if name != HOST {
                headers.remove(name);
            }
        }
    }
    retain(headers, |name| !is_hop_by_hop(name));
}

/// Whether `Connection` has this token.
pub(super) fn has_connection_token(headers: &HeaderMap, token: &HeaderName) -> bool {
    connection_tokens(headers).contains(token)
}

fn connection_tokens(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(CONNECTION).into_iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
        .collect()
}

fn retain(headers: &mut HeaderMap, keep: impl Fn(&HeaderName) -> bool) {
    // Most requests have none of them, and then nothing is allocated.
    if headers.keys().all(&keep) {
        return;
    }
    let gone: Vec<_> = headers.keys().filter(|name| !keep(name)).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
}

/// Makes of a client's request what goes to the origin, but for the signature.
///
/// `Accept-Encoding` goes, as it does with Pushpin: only the answer tells whether it is a hold, and
/// what is published later could not be appended to a compressed body.
pub(super) fn clean(
    parts: &mut Parts,
    peer: Option<SocketAddr>,
    is_tls: bool,
    trust_forwarded: bool,
) {
    let headers = &mut parts.headers;
    strip_hop_by_hop(headers);
    retain(headers, |name| {
        let is_forged = is_instruction(name)
            || name.as_str().starts_with(META_PREFIX)
            || *name == CONNECTION_ID
            || *name == ACCEPT_ENCODING
            || *name == EXPECT;
        let is_forwarded =
            *name == FORWARDED || *name == X_REAL_IP || name.as_str().starts_with(X_FORWARDED);
        !is_forged && (trust_forwarded || !is_forwarded)
    });
    if let Some(peer) = peer {
        append_forwarded_for(headers, peer);
    }
    let scheme = HeaderValue::from_static(if is_tls { "https" } else { "http" });
    headers.entry(X_FORWARDED_PROTO).or_insert(scheme);
    parts.extensions.clear();
}

fn append_forwarded_for(headers: &mut HeaderMap, peer: SocketAddr) {
    // An IPv4 client of an IPv6 listener is still one.
    let address = peer.ip().to_canonical();
    let known = headers.get_all(X_FORWARDED_FOR).into_iter();
    let known: Vec<_> = known.map(HeaderValue::as_bytes).collect();
    let value = if known.is_empty() {
        HeaderValue::try_from(address.to_string())
    } else {
        let mut list = known.join(&b", "[..]);
        list.extend_from_slice(format!(", {address}").as_bytes());
        HeaderValue::try_from(list)
    };
    // Both are made of what headers have.
    if let Ok(value) = value {
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

fn is_host(value: &HeaderValue) -> bool {
    // An empty one is allowed where the target has no authority, but then nobody could be asked
    // again under it.
    Authority::try_from(value.as_bytes()).is_ok_and(|it| !it.as_str().contains('@'))
}

/// The whole URI of a request, as links are resolved against it.
pub(super) fn absolute(uri: &Uri, headers: &HeaderMap, is_tls: bool) -> Uri {
    let host = headers.get(HOST);
    let authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    let path = uri.path_and_query().cloned();
    let path = path.filter(|path| path.as_str().starts_with('/'));
    Uri::builder()
        .scheme(if is_tls { "https" } else { "http" })
        .authority(authority.unwrap_or_else(|| Authority::from_static("localhost")))
        .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
        .build()
        .unwrap_or_else(|_| uri.clone())
}

/// Whether a connection goes on after this request.
pub(super) fn keeps_alive(version: Version, headers: &HeaderMap) -> bool {
    const CLOSE: HeaderName = HeaderName::from_static("close");
    match version {
        Version::HTTP_11 => !has_connection_token(headers, &CLOSE),
        Version::HTTP_10 => has_connection_token(headers, &KEEP_ALIVE),
        _ => false,
    }
}
