//! Writing the head of an HTTP/1.x response, for connections that have left hyper. By hand, since a
//! server's library writes heads only to the connections that it serves.

use std::{fmt::Write as _, time::SystemTime};

use bytes::{BufMut as _, Bytes, BytesMut};
use gripware_core::header::is_instruction;
use http::{
    HeaderMap, HeaderName, Response, StatusCode, Version,
    header::{CONNECTION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING},
};
use httpdate::HttpDate;
use hyper::ext::ReasonPhrase;

use super::hop_by_hop::is_hop_by_hop;

/// How the end of a body is known (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Known(usize),
    Chunked,
    /// They end with the connection.
    UntilClose,
    /// There is no body, and there could not be one.
    Nothing,
}

/// Writes the head of a response for HTTP/1.x, with a `Date` if it has none.
///
/// Headers that are about the connection are left out; what is right for this one is put in.
pub(crate) fn write_head<T>(
    out: &mut BytesMut,
    response: &Response<T>,
    version: Version,
    length: Length,
    keep_alive: bool,
) {
    out.reserve(128 + 48 * response.headers().len());
    write_status_line(out, response, version);
    write_headers(out, response.headers(), |name| {
        // Only a 304 may say how long the body is that it does not have.
        let is_recomputed = *name == CONTENT_LENGTH
            && (length != Length::Nothing || response.status() != StatusCode::NOT_MODIFIED);
        is_hop_by_hop(name) || is_instruction(name) || is_recomputed
    });
    match length {
        Length::Known(length) => {
            let _ = write!(out, "{CONTENT_LENGTH}: {length}\r\n");
        }
        Length::Chunked => {
            let _ = write!(out, "{TRANSFER_ENCODING}: chunked\r\n");
        }
        Length::UntilClose | Length::Nothing => {}
    }
    if !keep_alive {
        let _ = write!(out, "{CONNECTION}: close\r\n");
    } else if version == Version::HTTP_10 {
        let _ = write!(out, "{CONNECTION}: keep-alive\r\n");
    }
    out.put_slice(b"\r\n");
}

/// Returns a whole response as bytes for HTTP/1.x: the answer of a response hold.
///
/// The reason phrase is that of a [`ReasonPhrase`] in its extensions, if there is one.
pub(crate) fn response_bytes(
    response: &Response<Bytes>,
    version: Version,
    is_head: bool,
    keep_alive: bool,
) -> Bytes {
    let has_body = allows_body(response.status());
    let length = if has_body {
        Length::Known(response.body().len())
    } else {
        Length::Nothing
    };
    let mut out = BytesMut::with_capacity(256 + response.body().len());
    write_head(&mut out, response, version, length, keep_alive);
    if has_body && !is_head {
        out.put_slice(response.body());
    }
    out.freeze()
}

/// Returns the 101 of a WebSocket as bytes.
pub(crate) fn switching_bytes(headers: &HeaderMap) -> Bytes {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    response.headers_mut().clone_from(headers);
    let mut out = BytesMut::with_capacity(256);
    write_status_line(&mut out, &response, Version::HTTP_11);
    write_headers(&mut out, headers, |_| false);
    out.put_slice(b"\r\n");
    out.freeze()
}

/// Returns `true` if a response with this status can have a body.
pub(crate) fn allows_body(status: StatusCode) -> bool {
    !status.is_informational()
        && status != StatusCode::NO_CONTENT
        && status != StatusCode::NOT_MODIFIED
}

/// Sets the reason phrase that the application chose. One with control characters is ignored
/// (response splitting).
pub(crate) fn set_reason<T>(response: &mut Response<T>, reason: Option<&str>) {
    let Some(reason) = reason else {
        return;
    };
    if let Ok(reason) = ReasonPhrase::try_from(reason.as_bytes()) {
        response.extensions_mut().insert(reason);
    }
}

fn write_status_line<T>(out: &mut BytesMut, response: &Response<T>, version: Version) {
    out.put_slice(if version == Version::HTTP_10 {
        b"HTTP/1.0 "
    } else {
        b"HTTP/1.1 "
    });
    let status = response.status();
    out.put_slice(status.as_str().as_bytes());
    out.put_u8(b' ');
    match response.extensions().get::<ReasonPhrase>() {
        Some(reason) => out.put_slice(reason.as_bytes()),
        None => out.put_slice(status.canonical_reason().unwrap_or_default().as_bytes()),
    }
    out.put_slice(b"\r\n");
    if !response.headers().contains_key(DATE) {
        let _ = write!(out, "{DATE}: {}\r\n", HttpDate::from(SystemTime::now()));
    }
}

fn write_headers(out: &mut BytesMut, headers: &HeaderMap, skip: impl Fn(&HeaderName) -> bool) {
    for (name, value) in headers {
        if !skip(name) {
            out.put_slice(name.as_ref());
            out.put_slice(b": ");
            out.put_slice(value.as_bytes());
            out.put_slice(b"\r\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(response: &Response<Bytes>, version: Version, is_head: bool, keep: bool) -> String {
        let bytes = response_bytes(response, version, is_head, keep);
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let (start, rest) = text.split_once("\r\ndate: ").unwrap();
        let (_, rest) = rest.split_once("\r\n").unwrap();
        format!("{start}\r\n{rest}")
    }

    fn response(status: u16) -> Response<Bytes> {
        Response::builder()
            .status(status)
            .header("x-a", "1")
            .header("content-length", "7")
            .header("transfer-encoding", "chunked")
            .header("connection", "keep-alive")
            .header("grip-x", "y")
            .body(Bytes::from("hello"))
            .unwrap()
    }

    #[test]
    fn a_response_is_written_for_its_connection() {
        assert_eq!(
            written(&response(200), Version::HTTP_11, false, true),
            "HTTP/1.1 200 OK\r\nx-a: 1\r\ncontent-length: 5\r\n\r\nhello"
        );
        assert_eq!(
            written(&response(404), Version::HTTP_11, true, false),
            "HTTP/1.1 404 Not Found\r\nx-a: 1\r\ncontent-length: 5\r\nconnection: close\r\n\r\n"
        );
        assert_eq!(
            written(&response(299), Version::HTTP_10, false, true),
            "HTTP/1.0 299 \r\nx-a: 1\r\ncontent-length: 5\r\nconnection: keep-alive\r\n\r\nhello"
        );
    }

    #[test]
    fn what_cannot_have_a_body_has_none() {
        assert_eq!(
            written(&response(204), Version::HTTP_11, false, true),
            "HTTP/1.1 204 No Content\r\nx-a: 1\r\n\r\n"
        );
        assert_eq!(
            written(&response(304), Version::HTTP_11, false, true),
            "HTTP/1.1 304 Not Modified\r\nx-a: 1\r\ncontent-length: 7\r\n\r\n"
        );
    }

    #[test]
    fn a_101_has_one_date_whoever_has_set_it() {
        let mut headers = HeaderMap::new();
        for _ in 0..2 {
            let bytes = switching_bytes(&headers);
            let text = std::str::from_utf8(&bytes).unwrap();
            assert_eq!(text.matches("\r\ndate: ").count(), 1, "{text}");
            headers.insert(DATE, "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        }
    }

    #[test]
    fn a_reason_cannot_break_out_of_its_line() {
        let mut chosen = response(200);
        set_reason(&mut chosen, Some("Fine\r\nx: y"));
        assert!(written(&chosen, Version::HTTP_11, false, true).starts_with("HTTP/1.1 200 OK\r\n"));
        set_reason(&mut chosen, Some("Fine"));
        assert!(
            written(&chosen, Version::HTTP_11, false, true).starts_with("HTTP/1.1 200 Fine\r\n")
        );
    }
}
