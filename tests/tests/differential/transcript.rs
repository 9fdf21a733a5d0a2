use std::net::SocketAddr;

use gripware_interop::{Answer, Frame, Recorded, Site, Socket};
use http::HeaderMap;

/// What happened, as text.
#[derive(Debug)]
pub(crate) struct Transcript {
    text: String,
    site: SocketAddr,
}

impl Transcript {
    pub(crate) fn of(site: &Site) -> Self {
        Self {
            text: String::new(),
            site: site.client(),
        }
    }

    /// Writes a line.
    pub(crate) fn note(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// Writes an answer's head.
    pub(crate) fn head(&mut self, what: &str, answer: &Answer) {
        self.note(format!(
            "client {what}: {} {}",
            answer.status(),
            answer.reason().unwrap_or_default()
        ));
        self.headers(answer.headers());
    }

    /// Writes a whole answer.
    pub(crate) async fn answer(&mut self, what: &str, answer: Answer) {
        self.head(what, &answer);
        self.body(answer).await;
    }

    /// Writes headers and body of an answer.
    pub(crate) async fn rest(&mut self, answer: Answer) {
        self.headers(answer.headers());
        self.body(answer).await;
    }

    async fn body(&mut self, answer: Answer) {
        let end = match answer.try_bytes().await {
            Ok(body) => text(&body),
            Err(body) => format!("{} and then a cut", text(&body)),
        };
        self.note(format!("  body {end}"));
    }

    /// Writes the head of a WebSocket's answer.
    pub(crate) fn socket(&mut self, what: &str, socket: &Socket) {
        self.note(format!("client {what}: 101"));
        self.headers(socket.headers());
    }

    /// Writes the next frame that a client gets.
    pub(crate) async fn frame(&mut self, what: &str, socket: &mut Socket) {
        self.frame_of("client", what, socket).await;
    }

    /// Writes the next frame of one end.
    pub(crate) async fn frame_of(&mut self, who: &str, what: &str, socket: &mut Socket) {
        let frame = match socket.next().await {
            Frame::Binary(content) => format!("Binary {}", text(&content)),
            Frame::Ping(content) => format!("Ping {}", text(&content)),
            Frame::Pong(content) => format!("Pong {}", text(&content)),
            frame => format!("{frame:?}"),
        };
        self.note(format!("{who} {what}: {frame}"));
    }

    /// Writes what the origin was asked, and ends.
    pub(crate) fn end(mut self, site: &Site) -> String {
        // The last request of the client that waited for Pushpin to be ready may be late.
        let requests = site.recorder().requests().into_iter();
        for request in requests.filter(|request| request.path != "/ws/echo") {
            self.request(&request);
        }
        std::mem::take(&mut self.text)
    }

    /// Writes a request as the origin gets it.
    pub(crate) fn request(&mut self, request: &Recorded) {
        self.note(format!("origin < {} {}", request.method, request.path));
        self.headers(&request.headers);
        self.note(format!("  body {}", text(&request.body)));
    }

    /// Writes headers by their names, and those of one name as they came.
    fn headers(&mut self, headers: &HeaderMap) {
        let mut names: Vec<_> = headers.keys().map(http::HeaderName::as_str).collect();
        names.sort_unstable();
        let site = self.site.to_string();
        for name in names {
            for value in headers.get_all(name) {
                let value = String::from_utf8_lossy(value.as_bytes());
                let value = match name {
                    // Of the connection, of the server, or of the moment.
                    "date" | "server" | "connection" | "keep-alive" => continue,
                    "grip-sig" => "(signed)".to_owned(),
                    "connection-id" => {
                        assert_eq!(value.len(), 36, "{value}");
                        "(a UUID)".to_owned()
                    }
                    "sec-websocket-key" | "sec-websocket-accept" => "(a key)".to_owned(),
                    _ => value.replace(&site, "(site)"),
                };
                self.note(format!("  {name}: {value}"));
            }
        }
    }
}

impl Drop for Transcript {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- so far:\n{}---", self.text);
        }
    }
}

/// Bytes as text, short where they are many.
pub(crate) fn text(bytes: &[u8]) -> String {
    if bytes.len() > 600 {
        let sum = bytes.iter().fold(0_u64, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
        });
        return format!("({} bytes, {sum:x})", bytes.len());
    }
    format!("\"{}\"", bytes.escape_ascii())
}
