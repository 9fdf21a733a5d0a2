//! Requests of HTTP/2 that would be other requests, or two, if they were written down as HTTP/1.
//!
//! `{n}` and `{plant}` are as in [`http1_shapes`](crate::http1_shapes). The pseudo-headers that a
//! shape does not have are those of `POST http://a/shape{n}`.

use crate::http1_shapes::Becomes::{self, Body, Host, Refused};

/// What it is, the headers, the body where it has one, and what it is to become.
pub(crate) type Shape = (
    &'static str,
    &'static [(&'static str, &'static str)],
    Option<&'static str>,
    Becomes,
);

pub(crate) const SHAPES: &[Shape] = &[
    (
        "a length of 0 and a body",
        &[("content-length", "0")],
        Some("{plant}"),
        Refused,
    ),
    (
        "a length less than the body's",
        &[("content-length", "1")],
        Some("{plant}"),
        Refused,
    ),
    (
        "a length more than the body's",
        &[("content-length", "999")],
        Some("{plant}"),
        Refused,
    ),
    (
        "a length without a body",
        &[("content-length", "5")],
        None,
        Refused,
    ),
    (
        "two lengths",
        &[("content-length", "0"), ("content-length", "{length}")],
        Some("{plant}"),
        Refused,
    ),
    (
        "a length with a sign",
        &[("content-length", "+{length}")],
        Some("{plant}"),
        Refused,
    ),
    (
        "a list of lengths",
        &[("content-length", "0, {length}")],
        Some("{plant}"),
        Refused,
    ),
    (
        "chunks",
        &[("transfer-encoding", "chunked")],
        Some("0\r\n\r\n{plant}"),
        Refused,
    ),
    (
        "a connection that closes",
        &[("connection", "close")],
        None,
        Refused,
    ),
    (
        "a connection that is kept",
        &[("keep-alive", "timeout=5")],
        None,
        Refused,
    ),
    (
        "a connection to a proxy",
        &[("proxy-connection", "keep-alive")],
        None,
        Refused,
    ),
    ("an upgrade", &[("upgrade", "websocket")], None, Refused),
    (
        "a coding other than trailers",
        &[("te", "chunked")],
        None,
        Refused,
    ),
    (
        "a line break in a value",
        &[("x", "a\r\ntransfer-encoding: chunked")],
        Some("0\r\n\r\n{plant}"),
        Refused,
    ),
    (
        "a request in a value",
        &[("x", "a\r\n\r\n{plant}")],
        None,
        Refused,
    ),
    (
        "a line feed in a value",
        &[("x", "a\ncontent-length: 0")],
        Some("{plant}"),
        Refused,
    ),
    (
        "a carriage return in a value",
        &[("x", "a\rb")],
        None,
        Refused,
    ),
    ("a null in a value", &[("x", "a\0b")], None, Refused),
    (
        "a line break in a name",
        &[("x: a\r\ntransfer-encoding", "chunked")],
        Some("0\r\n\r\n{plant}"),
        Refused,
    ),
    (
        "a colon in a name",
        &[("grip-sig: planted", "a")],
        None,
        Refused,
    ),
    ("a space in a name", &[("x y", "a")], None, Refused),
    (
        "capitals in a name",
        &[("Transfer-Encoding", "chunked")],
        Some("0\r\n\r\n{plant}"),
        Refused,
    ),
    ("an empty name", &[("", "a")], None, Refused),
    (
        "a line break in the path",
        &[(":path", "/shape{n} HTTP/1.1\r\nHost: a\r\n\r\n{plant}")],
        None,
        Refused,
    ),
    (
        "a space in the path",
        &[(":path", "/shape{n} HTTP/1.1")],
        None,
        Refused,
    ),
    (
        "a tab in the path",
        &[(":path", "/shape{n}\tHTTP/1.1")],
        None,
        Refused,
    ),
    (
        "a path without a slash",
        &[(":path", "shape{n}")],
        None,
        Refused,
    ),
    ("an empty path", &[(":path", "")], None, Refused),
    ("no path", &[(":path", "-")], None, Refused),
    (
        "two paths",
        &[(":path", "/shape{n}"), (":path", "/plant{n}")],
        None,
        Refused,
    ),
    (
        "a line break in the method",
        &[(":method", "GET /plant{n} HTTP/1.1\r\nHost: a\r\n\r\nGET")],
        None,
        Refused,
    ),
    (
        "a space in the method",
        &[(":method", "GET /plant{n}")],
        None,
        Refused,
    ),
    ("no method", &[(":method", "-")], None, Refused),
    (
        "two methods",
        &[(":method", "GET"), (":method", "POST")],
        None,
        Refused,
    ),
    (
        "a line break in the scheme",
        &[(":scheme", "http\r\nx: a")],
        None,
        Refused,
    ),
    (
        "an address as the scheme",
        &[(":scheme", "http://b/plant{n}?")],
        None,
        Refused,
    ),
    (
        "a line break in the authority",
        &[(":authority", "a\r\nx: a")],
        None,
        Refused,
    ),
    (
        "a user in the authority",
        &[(":authority", "b@a")],
        None,
        Refused,
    ),
    (
        "a path in the authority",
        &[(":authority", "a/plant{n}?")],
        None,
        Refused,
    ),
    (
        "a pseudo-header behind a header",
        &[("x", "a"), (":path", "/shape{n}")],
        None,
        Refused,
    ),
    (
        "a pseudo-header that there is not",
        &[(":x", "a")],
        None,
        Refused,
    ),
    (
        "a pseudo-header of answers",
        &[(":status", "200")],
        None,
        Refused,
    ),
    (
        "a protocol without CONNECT",
        &[(":protocol", "websocket")],
        None,
        Refused,
    ),
    ("CONNECT", &[(":method", "CONNECT")], None, Refused),
    ("TRACE", &[(":method", "TRACE")], None, Refused),
    (
        "two hosts without an authority",
        &[(":authority", "-"), ("host", "a"), ("host", "b")],
        None,
        Refused,
    ),
    (
        "another host than the authority",
        &[("host", "b")],
        None,
        Host("a"),
    ),
    (
        "a body that is a request",
        &[],
        Some("{plant}"),
        Body("{plant}"),
    ),
    (
        "a body of chunks",
        &[],
        Some("0\r\n\r\n{plant}"),
        Body("0\r\n\r\n{plant}"),
    ),
];
