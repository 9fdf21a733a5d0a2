//! Requests of HTTP/1 that two readers may read in two ways.
//!
//! `{n}` is the number of the shape, `{plant}` the request that is to be smuggled, `{length}` and
//! `{hex}` its length, and `{all}` that of an end of chunks with the plant behind it.

/// What a shape is to become behind the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Becomes {
    /// An error for the client, and nothing at the origin.
    Refused,
    /// One request with this body.
    Body(&'static str),
    /// One request for this host, without a body.
    Host(&'static str),
    /// Two requests, since the client sent two by the rules of RFC 9112: the hub has read and signed
    /// each.
    Two,
}

use Becomes::{Body, Host, Refused, Two};

pub(crate) type Shape = (&'static str, &'static str, Becomes);

/// A `POST` whose headers and body come next.
macro_rules! post {
    ($rest:literal) => {
        concat!("POST /shape{n} HTTP/1.1\r\nHost: a\r\n", $rest)
    };
}

/// The same in chunks.
macro_rules! chunks {
    ($rest:literal) => {
        concat!(
            "POST /shape{n} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
            $rest
        )
    };
}

/// A `GET` that is the last on its connection, whose other headers come next.
macro_rules! get {
    ($rest:literal) => {
        concat!(
            "GET /shape{n} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n",
            $rest
        )
    };
}

/// `Transfer-Encoding` in some disguise, with a length for whoever does not see it.
macro_rules! disguised {
    ($coding:literal) => {
        concat!(
            "POST /shape{n} HTTP/1.1\r\nHost: a\r\nContent-Length: {all}\r\n",
            $coding,
            "\r\n\r\n0\r\n\r\n{plant}"
        )
    };
}

/// A length in some disguise.
macro_rules! length {
    ($length:literal) => {
        concat!(
            "POST /shape{n} HTTP/1.1\r\nHost: a\r\n",
            $length,
            "\r\n\r\n{plant}"
        )
    };
}

pub(crate) const FRAMING: &[Shape] = &[
    ("CL.TE", disguised!("Transfer-Encoding: chunked"), Body("")),
    (
        "TE.CL",
        post!(
            "Connection: close\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n{hex}\r\n{plant}\r\n0\r\n\r\n"
        ),
        Body("{plant}"),
    ),
    (
        "a coding in capitals",
        disguised!("TRANSFER-ENCODING: CHUNKED"),
        Body(""),
    ),
    (
        "a coding behind a tab",
        disguised!("Transfer-Encoding:\tchunked"),
        Body(""),
    ),
    (
        "a coding without a space",
        disguised!("Transfer-Encoding:chunked"),
        Body(""),
    ),
    (
        "a coding with spaces behind it",
        disguised!("Transfer-Encoding: chunked \t "),
        Body(""),
    ),
    (
        "a coding that only ends like one",
        disguised!("Transfer-Encoding: xchunked"),
        Refused,
    ),
    (
        "a space before the coding's colon",
        disguised!("Transfer-Encoding : chunked"),
        Refused,
    ),
    (
        "a tab before the coding's colon",
        disguised!("Transfer-Encoding\t: chunked"),
        Refused,
    ),
    (
        "a line feed before the coding's colon",
        disguised!("Transfer-Encoding\n: chunked"),
        Refused,
    ),
    (
        "a vertical tab before the coding",
        disguised!("Transfer-Encoding: \x0bchunked"),
        Refused,
    ),
    (
        "a null behind the coding",
        disguised!("Transfer-Encoding: chunked\0"),
        Refused,
    ),
    (
        "a coding in quotes",
        disguised!("Transfer-Encoding: \"chunked\""),
        Refused,
    ),
    (
        "a coding with a parameter",
        disguised!("Transfer-Encoding: chunked;q=1"),
        Refused,
    ),
    (
        "a coding on a folded line",
        disguised!("Transfer-Encoding:\r\n chunked"),
        Refused,
    ),
    (
        "a coding that folds another header",
        disguised!("X: x\r\n Transfer-Encoding: chunked"),
        Refused,
    ),
    (
        "an empty coding",
        disguised!("Transfer-Encoding: "),
        Refused,
    ),
    (
        "the coding identity",
        disguised!("Transfer-Encoding: identity"),
        Refused,
    ),
    (
        "chunked, then identity",
        disguised!("Transfer-Encoding: chunked, identity"),
        Refused,
    ),
    (
        "identity, then chunked",
        disguised!("Transfer-Encoding: identity, chunked"),
        Refused,
    ),
    (
        "gzip, then chunked",
        disguised!("Transfer-Encoding: gzip, chunked"),
        Refused,
    ),
    (
        "chunked twice in a list",
        disguised!("Transfer-Encoding: chunked, chunked"),
        Refused,
    ),
    (
        "chunked twice",
        disguised!("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        Refused,
    ),
    (
        "chunked, then another header of a coding",
        disguised!("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow"),
        Refused,
    ),
    (
        "another header of a coding, then chunked",
        disguised!("Transfer-Encoding: cow\r\nTransfer-Encoding: chunked"),
        Refused,
    ),
    (
        "an underscore in the coding's name",
        "POST /shape{n} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {all}\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n{plant}",
        Body("0\r\n\r\n{plant}"),
    ),
    (
        "a coding in HTTP/1.0",
        "POST /shape{n} HTTP/1.0\r\nHost: a\r\nContent-Length: {all}\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{plant}",
        Refused,
    ),
    (
        "a coding that Connection names",
        post!(
            "Connection: close, transfer-encoding\r\nTransfer-Encoding: chunked\r\n\r\n{hex}\r\n{plant}\r\n0\r\n\r\n"
        ),
        Body("{plant}"),
    ),
    (
        "a length that Connection names",
        post!("Connection: close, content-length\r\nContent-Length: {length}\r\n\r\n{plant}"),
        Body("{plant}"),
    ),
    (
        "two lengths, 0 first",
        length!("Content-Length: 0\r\nContent-Length: {length}"),
        Refused,
    ),
    (
        "two lengths, 0 last",
        length!("Content-Length: {length}\r\nContent-Length: 0"),
        Refused,
    ),
    (
        "a list of lengths",
        length!("Content-Length: 0, {length}"),
        Refused,
    ),
    (
        "a length with a plus",
        length!("Content-Length: +{length}"),
        Refused,
    ),
    (
        "a length below zero",
        length!("Content-Length: -1"),
        Refused,
    ),
    (
        "a length in hexadecimal",
        length!("Content-Length: 0x10"),
        Refused,
    ),
    (
        "a length with a space in it",
        length!("Content-Length: 0 {length}"),
        Refused,
    ),
    (
        "a length with an exponent",
        length!("Content-Length: 1e1"),
        Refused,
    ),
    (
        "a length with a point",
        length!("Content-Length: 0.0"),
        Refused,
    ),
    ("no length at all", length!("Content-Length:"), Refused),
    (
        "a length past 64 bits",
        length!("Content-Length: 18446744073709551616"),
        Refused,
    ),
    (
        "a length behind a vertical tab",
        length!("Content-Length: \x0b{length}"),
        Refused,
    ),
    (
        "a length of other digits",
        length!("Content-Length: \u{662}\u{663}"),
        Refused,
    ),
    (
        "a space before the length's colon",
        length!("Content-Length : {length}"),
        Refused,
    ),
    (
        "a length on a folded line",
        length!("Content-Length:\r\n {length}"),
        Refused,
    ),
    (
        "an underscore in the length's name",
        length!("Content_Length: {length}"),
        Two,
    ),
    (
        "a length with zeros before it",
        post!("Connection: close\r\nContent-Length: 000{length}\r\n\r\n{plant}"),
        Body("{plant}"),
    ),
    (
        "a GET with a body",
        get!("Content-Length: {length}\r\n\r\n{plant}"),
        Body("{plant}"),
    ),
    (
        "a body that is waited for",
        post!(
            "Connection: close\r\nExpect: 100-continue\r\nContent-Length: {length}\r\n\r\n{plant}"
        ),
        Body("{plant}"),
    ),
    (
        "an upgrade to HTTP/2 with a body",
        post!(
            "Connection: close, Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAA\r\nContent-Length: {length}\r\n\r\n{plant}"
        ),
        Body("{plant}"),
    ),
];

pub(crate) const CHUNKS: &[Shape] = &[
    (
        "an extension",
        chunks!("{hex};a=b\r\n{plant}\r\n0\r\n\r\n"),
        Body("{plant}"),
    ),
    (
        "an extension with a line feed in it",
        chunks!("{hex};a\nb\r\n{plant}\r\n0\r\n\r\n"),
        Refused,
    ),
    (
        "an extension with a carriage return in it",
        chunks!("{hex};a\rb\r\n{plant}\r\n0\r\n\r\n"),
        Refused,
    ),
    (
        "an extension that ends in a line feed",
        chunks!("0;\n\n{plant}"),
        Refused,
    ),
    (
        "a size with a sign",
        chunks!("+{hex}\r\n{plant}\r\n0\r\n\r\n"),
        Refused,
    ),
    (
        "a size below zero",
        chunks!("-1\r\n{plant}\r\n0\r\n\r\n"),
        Refused,
    ),
    (
        "a size with a prefix",
        chunks!("0x{hex}\r\n{plant}\r\n0\r\n\r\n"),
        Refused,
    ),
    (
        "a size with an underscore",
        chunks!("1_0\r\n{plant}\r\n0\r\n\r\n"),
        Refused,
    ),
    (
        "a size of 64 bits",
        chunks!("ffffffffffffffff0\r\n{plant}\r\n0\r\n\r\n"),
        Refused,
    ),
    (
        "a size that is 0 in 64 bits",
        chunks!("10000000000000000\r\n\r\n{plant}"),
        Refused,
    ),
    ("no size", chunks!("\r\n{plant}\r\n0\r\n\r\n"), Refused),
    (
        "a size that ends in a line feed",
        chunks!("{hex}\n{plant}\r\n0\r\n\r\n"),
        Refused,
    ),
    (
        "a chunk without an end",
        chunks!("1\r\na0\r\n\r\n{plant}"),
        Refused,
    ),
    (
        "a chunk that ends in a line feed",
        chunks!("1\r\na\n0\r\n\r\n{plant}"),
        Refused,
    ),
    (
        "a chunk longer than its size",
        chunks!("1\r\nabc\r\n0\r\n\r\n{plant}"),
        Refused,
    ),
    (
        "trailers of framing",
        chunks!(
            "{hex}\r\n{plant}\r\n0\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nHost: b\r\n\r\n"
        ),
        Body("{plant}"),
    ),
    (
        "a trailer that is no header",
        chunks!("0\r\nGET /plant{n} HTTP/1.1\r\n\r\n"),
        Refused,
    ),
];

pub(crate) const LINES: &[Shape] = &[
    ("a folded header", get!("X: a\r\n b\r\n\r\n"), Refused),
    (
        "a folded first header",
        "GET /shape{n} HTTP/1.1\r\n Host: a\r\n\r\n",
        Refused,
    ),
    ("a space before a colon", get!("X : a\r\n\r\n"), Refused),
    ("a header without a colon", get!("X\r\n\r\n"), Refused),
    ("a header without a name", get!(": a\r\n\r\n"), Refused),
    ("a name with a space in it", get!("X Y: a\r\n\r\n"), Refused),
    (
        "a carriage return in a value",
        get!("X: a\rGrip-Sig: planted\r\n\r\n"),
        Refused,
    ),
    ("a null in a value", get!("X: a\0\r\n\r\n"), Refused),
    (
        "a carriage return in the target",
        "GET /shape{n}\r HTTP/1.1\r\nHost: a\r\n\r\n",
        Refused,
    ),
    (
        "a tab in the target",
        "GET /shape{n}\tHTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n",
        Refused,
    ),
    (
        "a space in the target",
        "GET /shape{n} /x HTTP/1.1\r\nHost: a\r\n\r\n",
        Refused,
    ),
    (
        "a line break in the target",
        "GET /shape{n} HTTP/1.1\n\nHost: a\r\n\r\n",
        Refused,
    ),
    (
        "a version that is none",
        "GET /shape{n} HTTP/1.1x\r\nHost: a\r\n\r\n",
        Refused,
    ),
    (
        "a version of 2 in text",
        "GET /shape{n} HTTP/2.0\r\nHost: a\r\n\r\n",
        Refused,
    ),
    ("no version", "GET /shape{n}\r\n\r\n", Refused),
    (
        "a method with a colon",
        "GE:T /shape{n} HTTP/1.1\r\nHost: a\r\n\r\n",
        Refused,
    ),
    (
        "TRACE",
        "TRACE /shape{n} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        Refused,
    ),
    (
        "CONNECT",
        "CONNECT /shape{n} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        Refused,
    ),
];

pub(crate) const HOSTS: &[Shape] = &[
    (
        "another host in the target",
        "GET http://b/shape{n} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        Host("b"),
    ),
    (
        "a user in the target",
        "GET http://a@b/shape{n} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        Refused,
    ),
    (
        "two hosts",
        "GET /shape{n} HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
        Refused,
    ),
    (
        "no host",
        "GET /shape{n} HTTP/1.1\r\nConnection: close\r\n\r\n",
        Refused,
    ),
    (
        "an empty host",
        "GET /shape{n} HTTP/1.1\r\nHost:\r\nConnection: close\r\n\r\n",
        Refused,
    ),
    (
        "a list of hosts",
        "GET /shape{n} HTTP/1.1\r\nHost: a, b\r\nConnection: close\r\n\r\n",
        Refused,
    ),
    (
        "a host with a path",
        "GET /shape{n} HTTP/1.1\r\nHost: a/b\r\nConnection: close\r\n\r\n",
        Refused,
    ),
    (
        "a host with a user",
        "GET /shape{n} HTTP/1.1\r\nHost: b@a\r\nConnection: close\r\n\r\n",
        Refused,
    ),
    (
        "a host with a space",
        "GET /shape{n} HTTP/1.1\r\nHost: a b\r\nConnection: close\r\n\r\n",
        Refused,
    ),
    (
        "a host that Connection names",
        "GET /shape{n} HTTP/1.1\r\nHost: a\r\nConnection: close, host\r\n\r\n",
        Host("a"),
    ),
];
