use std::fmt;

use crate::report::count;

/// What a client is held as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Stream,
    WebSocket,
    Response,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Stream, Self::WebSocket, Self::Response];

    /// So many of them, in words.
    pub(crate) fn many(self, number: usize) -> String {
        let plural = if number == 1 { "" } else { "s" };
        format!("{} {self}{plural}", count(number))
    }

    /// A request to be held so, with a query where there is one.
    pub(crate) fn request(self, query: Option<&str>) -> String {
        let mark = if query.is_some() { "?" } else { "" };
        let query = query.unwrap_or_default();
        match self {
            Self::Stream => format!(
                "GET /stream{mark}{query} HTTP/1.1\r\nHost: load\r\n\
                 Accept: text/event-stream\r\n\r\n"
            ),
            Self::Response => {
                format!("GET /response{mark}{query} HTTP/1.1\r\nHost: load\r\n\r\n")
            }
            Self::WebSocket => upgrade(&format!("/websocket{mark}{query}"), ""),
        }
    }

    /// How its answer begins, where it is held.
    pub(crate) const fn held(self) -> &'static str {
        match self {
            Self::Stream | Self::Response => "HTTP/1.1 200 ",
            Self::WebSocket => "HTTP/1.1 101 ",
        }
    }
}

/// A request to open a WebSocket, with further headers.
pub(crate) fn upgrade(target: &str, further: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: load\r\nConnection: Upgrade\r\n\
         Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{further}\r\n"
    )
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream => "stream",
            Self::WebSocket => "WebSocket",
            Self::Response => "response hold",
        })
    }
}
