use std::{convert::Infallible, net::SocketAddr};

use async_compression::tokio::bufread::{BrotliDecoder, GzipDecoder};
use bytes::{Bytes, BytesMut};
use gripware_interop::PATIENCE;
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, Version,
    header::{CONTENT_ENCODING, CONTENT_TYPE, HOST},
};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use sha2::{Digest as _, Sha256};
use tokio::{
    io::AsyncReadExt as _,
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::Transcript;

/// The body of a request.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, Infallible>;

/// Who asks an application, each time over a connection of its own.
#[derive(Clone, Copy, Debug)]
pub struct Visitor {
    site: SocketAddr,
    version: Version,
}

/// An answer whose body has not been read.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) response: Response<Incoming>,
    pub(crate) client: SocketAddr,
    site: SocketAddr,
}

impl Visitor {
    /// One that speaks HTTP/1.1, or HTTP/2 without TLS.
    #[must_use]
    pub fn new(site: SocketAddr, version: Version) -> Self {
        Self { site, version }
    }

    pub(crate) fn site(&self) -> SocketAddr {
        self.site
    }

    /// Whether it speaks HTTP/2.
    #[must_use]
    pub fn is_http2(&self) -> bool {
        self.version == Version::HTTP_2
    }

    /// Sends a request, and writes down the whole answer as a step.
    pub(crate) async fn asks(
        &self,
        transcript: &mut Transcript,
        step: &'static str,
        request: Request<impl Into<Bytes>>,
    ) {
        transcript.step(step);
        let request = request.map(|body| Full::new(body.into()).boxed_unsync());
        let answer = within(step, self.sends(request)).await;
        transcript.lines(within(step, answer.lines()).await);
    }

    /// Sends a request to a path.
    pub(crate) async fn sends(&self, request: Request<RequestBody>) -> Answer {
        self.connects().await.answers(request).await
    }

    pub(crate) async fn connects(&self) -> Connection {
        let stream = connect(self.site).await;
        let client = stream.local_addr().expect("an address");
        let io = TokioIo::new(stream);
        let sender = if self.is_http2() {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io)
                .await
                .expect("HTTP/2");
            tokio::spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await.expect("HTTP/1.1");
            tokio::spawn(connection.with_upgrades());
            Sender::Http1(sender)
        };
        Connection {
            sender,
            client,
            site: self.site,
        }
    }
}

/// Connects from an address that no server has.
pub(crate) async fn connect(site: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().expect("a socket");
    let own = SocketAddr::from(([127, 9, 9, 9], 0));
    socket
        .bind(own)
        .expect("an address of the loopback interface");
    socket.connect(site).await.expect("a listener")
}

/// A connection over which one thing is asked after the other.
#[derive(Debug)]
pub(crate) struct Connection {
    sender: Sender,
    client: SocketAddr,
    site: SocketAddr,
}

#[derive(Debug)]
enum Sender {
    Http1(http1::SendRequest<RequestBody>),
    Http2(http2::SendRequest<RequestBody>),
}

impl Connection {
    pub(crate) async fn answers(mut self, request: Request<RequestBody>) -> Answer {
        Answer {
            response: self.sends(request).await,
            client: self.client,
            site: self.site,
        }
    }

    pub(crate) async fn sends(&mut self, mut request: Request<RequestBody>) -> Response<Incoming> {
        let site = self.site.to_string();
        let path = request.uri().to_string();
        let response = match &mut self.sender {
            Sender::Http1(sender) => {
                let host = site.parse().expect("a host");
                request.headers_mut().entry(HOST).or_insert(host);
                sender.ready().await.expect("a connection");
                sender.send_request(request).await
            }
            Sender::Http2(sender) => {
                let uri = Uri::builder()
                    .scheme("http")
                    .authority(site)
                    .path_and_query(&*path);
                *request.uri_mut() = uri.build().expect("a path");
                sender.ready().await.expect("a connection");
                sender.send_request(request).await
            }
        };
        response.unwrap_or_else(|error| panic!("{path}: {error:?}"))
    }
}

impl Answer {
    /// The status and the headers.
    pub(crate) fn head_lines(&self) -> Vec<String> {
        let names = Names::of(self.client, self.site);
        head_lines(self.response.status(), self.response.headers(), 0, &names)
    }

    /// The whole of it. What belongs to the connection alone is left out, since it is not the same
    /// for all versions of HTTP.
    pub(crate) async fn lines(self) -> Vec<String> {
        let names = Names::of(self.client, self.site);
        let (head, mut body) = self.response.into_parts();
        let mut read = BytesMut::new();
        let mut trailers = Vec::new();
        while let Some(frame) = body.frame().await {
            match frame.map(Frame::into_data) {
                Ok(Ok(data)) => read.extend_from_slice(&data),
                Ok(Err(frame)) => {
                    let found = frame.into_trailers().unwrap_or_default();
                    trailers.extend(header_lines(&found, 0, &names));
                }
                Err(error) => {
                    trailers.push(format!("cut off: {error}"));
                    break;
                }
            }
        }
        let mut lines = head_lines(head.status, &head.headers, read.len(), &names);
        let coding = head.headers.get(CONTENT_ENCODING);
        let read = decoded(coding.map(HeaderValue::as_bytes), read.into()).await;
        lines.extend(body_lines(&read, &names));
        lines.extend(trailers.into_iter().map(|line| format!("trailer {line}")));
        let kind = head.headers.get(CONTENT_TYPE);
        let kind = kind.map(|kind| String::from_utf8_lossy(kind.as_bytes()));
        let boundary = kind
            .as_deref()
            .and_then(|kind| kind.split_once("boundary="));
        if let Some((_, boundary)) = boundary {
            // It is by chance.
            lines = lines
                .iter()
                .map(|line| line.replace(boundary, "BOUNDARY"))
                .collect();
        }
        lines
    }
}

/// What addresses are called in a transcript.
#[derive(Debug)]
pub(crate) struct Names {
    client: String,
    site: String,
}

impl Names {
    pub(crate) fn of(client: SocketAddr, site: SocketAddr) -> Self {
        Self {
            client: client.to_string(),
            site: site.to_string(),
        }
    }

    pub(crate) fn in_place_of_addresses(&self, text: &str) -> String {
        let text = text.replace(&self.client, "CLIENT");
        let text = text.replace(&self.site, "SITE");
        let mut parts = text.split("127.0.0.1:");
        let first = parts.next().unwrap_or_default().to_owned();
        // Any other is that of a connection between the servers.
        parts.fold(first, |text, part| {
            text + "PROXY" + part.trim_start_matches(|c: char| c.is_ascii_digit())
        })
    }
}

/// What is compressed, as it was: the same may be compressed in several ways.
async fn decoded(coding: Option<&[u8]>, body: Vec<u8>) -> Vec<u8> {
    let mut decoded = Vec::new();
    let read = match coding {
        Some(b"gzip") => GzipDecoder::new(&*body).read_to_end(&mut decoded).await,
        Some(b"br") => BrotliDecoder::new(&*body).read_to_end(&mut decoded).await,
        _ => return body,
    };
    read.expect("what the head says");
    decoded
}

fn head_lines(
    status: StatusCode,
    headers: &HeaderMap,
    length: usize,
    names: &Names,
) -> Vec<String> {
    let mut lines = vec![status.to_string()];
    lines.extend(header_lines(headers, length, names));
    lines
}

/// The headers in the order of their names, without those of the connection.
fn header_lines(headers: &HeaderMap, length: usize, names: &Names) -> Vec<String> {
    let is_shown = |name: &HeaderName| {
        !matches!(
            name.as_str(),
            "connection" | "keep-alive" | "transfer-encoding" | "upgrade" | "sec-websocket-accept"
        )
    };
    let shown = headers.iter().filter(|(name, _)| is_shown(name));
    let mut lines: Vec<_> = shown
        .map(|(name, value)| header_line(name.as_str(), value.as_bytes(), length, names))
        .collect();
    lines.sort();
    lines
}

/// A header of an answer whose body has this length.
pub(crate) fn header_line(name: &str, value: &[u8], length: usize, names: &Names) -> String {
    let name = name.to_ascii_lowercase();
    if name == "date" {
        return "date: ...".to_owned();
    }
    let value = names.in_place_of_addresses(&value.escape_ascii().to_string());
    if name == "content-length" && value == length.to_string() {
        // The body may tell of gripware, and be longer for it.
        return "content-length: that of the body".to_owned();
    }
    format!("{name}: {value}")
}

/// A short text as it is, and of all else the length and the hash.
pub(crate) fn body_lines(body: &[u8], names: &Names) -> Vec<String> {
    match std::str::from_utf8(body) {
        Ok(text) if text.len() < 4000 => names
            .in_place_of_addresses(text)
            .lines()
            .map(|line| format!("| {line}"))
            .collect(),
        _ => vec![format!("| {} bytes, {}", body.len(), hash(body))],
    }
}

pub(crate) fn hash(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Waits for what has to come.
pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: nothing in {PATIENCE:?}"),
    }
}
