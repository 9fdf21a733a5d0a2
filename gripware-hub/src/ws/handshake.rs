//! The opening handshake with a client (RFC 6455, section 4; RFC 8441 for HTTP/2).

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use gripware_core::header::trim_ows_bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode, Version,
    header::{CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use sha1::{Digest, Sha1};
use thiserror::Error;

/// What the standard has a server put behind the client's key.
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const VERSION: &str = "13";
pub(crate) const WEBSOCKET: &str = "websocket";
const KEY_LEN: usize = 16;

/// Bits that say nothing may be anything: some clients draw all 24 characters of a key.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// Why a request for a WebSocket cannot be fulfilled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum HandshakeError {
    #[error("a WebSocket is asked for with GET and HTTP/1.1")]
    Method,
    #[error("the version of the WebSocket protocol is not 13")]
    Version,
    #[error("Sec-WebSocket-Key is not 16 bytes in base64")]
    Key,
}

impl HandshakeError {
    /// What the client is told.
    pub(crate) fn to_response(self) -> Response<()> {
        let mut response = Response::new(());
        *response.status_mut() = match self {
            Self::Method | Self::Key => StatusCode::BAD_REQUEST,
            Self::Version => StatusCode::UPGRADE_REQUIRED,
        };
        if self == Self::Version {
            let headers = response.headers_mut();
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
            headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        }
        response
    }
}

/// Whether a request of HTTP/1.x asks for a WebSocket. One that asks for something else as well is
/// understood as asking for a WebSocket.
pub(crate) fn is_asked_for(headers: &HeaderMap) -> bool {
    has_token(headers, &UPGRADE, WEBSOCKET) && has_token(headers, &CONNECTION, "upgrade")
}

/// Checks a request that [asks for](is_asked_for) a WebSocket, and gives what its 101 says in
/// `Sec-WebSocket-Accept`.
///
/// # Errors
/// Where it cannot have one.
pub(crate) fn check(
    method: &Method,
    version: Version,
    headers: &HeaderMap,
) -> Result<HeaderValue, HandshakeError> {
    if method != Method::GET || version < Version::HTTP_11 {
        return Err(HandshakeError::Method);
    }
    check_version(headers)?;
    let mut keys = headers.get_all(SEC_WEBSOCKET_KEY).iter();
    match (keys.next(), keys.next()) {
        (Some(key), None) if is_key(key) => Ok(accept_key(key)),
        _ => Err(HandshakeError::Key),
    }
}

/// Checks that a client speaks the one version there is. An extended CONNECT of HTTP/2 has
/// nothing else to check.
///
/// # Errors
/// Where it says another version, or none.
pub(crate) fn check_version(headers: &HeaderMap) -> Result<(), HandshakeError> {
    let mut versions = headers.get_all(SEC_WEBSOCKET_VERSION).iter();
    match (versions.next(), versions.next()) {
        (Some(version), None) if trim_ows_bytes(version.as_bytes()) == VERSION.as_bytes() => Ok(()),
        _ => Err(HandshakeError::Version),
    }
}

/// What answers a client's key.
pub(crate) fn accept_key(key: &HeaderValue) -> HeaderValue {
    let mut hash = Sha1::new();
    hash.update(trim_ows_bytes(key.as_bytes()));
    hash.update(GUID);
    // Base64 is always a header's value.
    HeaderValue::try_from(BASE64.encode(hash.finalize())).unwrap_or(HeaderValue::from_static(""))
}

/// Draws a key, for a client of HTTP/2 in front of an application that speaks HTTP/1.1.
pub(crate) fn random_key() -> HeaderValue {
    let mut key = [0; KEY_LEN];
    // It is no secret, and only there to be answered.
    let _ = getrandom::fill(&mut key);
    HeaderValue::try_from(BASE64.encode(key)).unwrap_or(HeaderValue::from_static(""))
}

/// The 101, with what the origin [adds](super::Accepted::headers).
pub(crate) fn switching(accept: HeaderValue, headers: HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    *response.headers_mut() = headers;
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

fn is_key(key: &HeaderValue) -> bool {
    BASE64
        .decode(trim_ows_bytes(key.as_bytes()))
        .is_ok_and(|key| key.len() == KEY_LEN)
}

/// Whether a header that is a list has this token.
pub(crate) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers.get_all(name).iter();
    values
        .map(HeaderValue::as_bytes)
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|value| trim_ows_bytes(value).eq_ignore_ascii_case(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(items: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in items {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    const KEY: (&str, &str) = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
    const V13: (&str, &str) = ("sec-websocket-version", "13");

    fn checked(items: &[(&'static str, &'static str)]) -> Result<HeaderValue, HandshakeError> {
        check(&Method::GET, Version::HTTP_11, &headers(items))
    }

    #[test]
    fn the_standards_own_example_is_answered_as_it_says() {
        assert_eq!(
            checked(&[KEY, V13]).unwrap(),
            "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        );
    }

    #[test]
    fn a_websocket_is_asked_for_by_tokens_in_any_case() {
        for (upgrade, connection, is_asked) in [
            ("websocket", "Upgrade", true),
            ("WebSocket", "keep-alive, UPGRADE", true),
            ("h2c, websocket", "upgrade", true),
            ("websockets", "upgrade", false),
            ("websocket", "keep-alive", false),
            ("h2c", "upgrade", false),
        ] {
            let headers = headers(&[("upgrade", upgrade), ("connection", connection)]);
            assert_eq!(is_asked_for(&headers), is_asked, "{upgrade} {connection}");
        }
        assert!(!is_asked_for(&headers(&[("connection", "upgrade")])));
    }

    #[test]
    fn another_version_is_told_which_one_there_is() {
        for items in [
            &[KEY][..],
            &[KEY, ("sec-websocket-version", "8")],
            &[KEY, V13, V13],
        ] {
            let error = checked(items).unwrap_err();
            let response = error.to_response();
            assert_eq!(response.status(), 426);
            assert_eq!(response.headers()["sec-websocket-version"], "13");
        }
    }

    #[test]
    fn a_key_is_16_bytes_in_base64_and_there_is_one() {
        for key in [
            "",
            "x",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZQ==",
            "AAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let error = checked(&[("sec-websocket-key", key), V13]).unwrap_err();
            assert_eq!(error, HandshakeError::Key, "{key}");
            assert_eq!(error.to_response().status(), 400);
        }
        assert_eq!(checked(&[V13]), Err(HandshakeError::Key));
        assert_eq!(checked(&[KEY, KEY, V13]), Err(HandshakeError::Key));
        assert!(checked(&[("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZZ=="), V13]).is_ok());
    }

    #[test]
    fn only_get_and_http_1_1_can_be_upgraded() {
        let headers = headers(&[KEY, V13]);
        for (method, version) in [
            (Method::POST, Version::HTTP_11),
            (Method::GET, Version::HTTP_10),
        ] {
            let error = check(&method, version, &headers).unwrap_err();
            assert_eq!(error, HandshakeError::Method);
        }
    }

    #[test]
    fn the_101_has_what_the_origin_adds_and_what_the_standard_wants() {
        let accept = accept_key(&HeaderValue::from_static(KEY.1));
        let response = switching(accept, headers(&[("x-a", "1"), ("connection", "close")]));
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["connection"], "upgrade");
        assert_eq!(response.headers()["x-a"], "1");
        assert!(response.headers().contains_key("sec-websocket-accept"));
    }
}
