use std::{future::Future, net::SocketAddr, time::Duration};

use bytes::{Buf, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, client::conn::http1, ext::ReasonPhrase};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{net::TcpStream, task::JoinHandle, time::timeout};

use crate::PATIENCE;

/// A request, sent over a connection of its own.
#[derive(Debug)]
pub struct Request {
    address: SocketAddr,
    request: http::Request<Full<Bytes>>,
}

impl Request {
    /// A request to an address, with an empty body.
    #[must_use]
    pub fn new(method: &str, address: SocketAddr, path: &str) -> Self {
        Self::bare(method, address, path).header("host", address.to_string())
    }

    /// A request without any header, even `Host`.
    pub(crate) fn bare(method: &str, address: SocketAddr, path: &str) -> Self {
        let request = http::Request::builder()
            .method(method)
            .uri(path)
            .body(Full::default())
            .expect("a valid request");
        Self { address, request }
    }

    /// Adds a header, beside one of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.request.headers_mut().append(
            HeaderName::from_bytes(name.as_bytes()).expect("a header's name"),
            HeaderValue::from_bytes(value.as_ref()).expect("a header's value"),
        );
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        *self.request.body_mut() = Full::new(body.into());
        self
    }

    /// Sends it, and returns the answer once its head is there.
    ///
    /// # Panics
    /// Where no answer comes within [`PATIENCE`].
    pub async fn send(self) -> Answer {
        let path = self.request.uri().to_string();
        let answer = self.try_send();
        match timeout(PATIENCE, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => panic!("{path}: {error}"),
            Err(_) => panic!("{path}: no answer in {PATIENCE:?}"),
        }
    }

    /// Sends it, and lets the test go on while there is no answer.
    #[must_use]
    pub fn send_and_wait(self) -> Pending {
        Pending(tokio::spawn(self.send()))
    }

    /// Sends it, and returns the answer or why there is none.
    ///
    /// # Errors
    /// Where the connection is refused or ends without an answer.
    pub async fn try_send(self) -> Result<Answer, ConnectionError> {
        Ok(self.exchange().await?.into())
    }

    /// Sends it, and returns the answer as it is: the connection may be taken over.
    pub(crate) async fn exchange(self) -> Result<http::Response<Incoming>, ConnectionError> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection.with_upgrades());
        Ok(sender.send_request(self.request).await?)
    }
}

/// Why a connection ended without an answer.
pub type ConnectionError = Box<dyn std::error::Error + Send + Sync>;

/// A request that has been sent, and whose answer may be long in coming.
#[derive(Debug)]
pub struct Pending(JoinHandle<Answer>);

impl Pending {
    /// The answer, once its head is there.
    ///
    /// # Panics
    /// Where none comes within [`PATIENCE`].
    pub async fn answer(self) -> Answer {
        self.0.await.expect("an answer")
    }

    /// Goes away without waiting for the answer.
    pub fn goes(self) {
        self.0.abort();
    }

    /// Fails where the answer comes within this time.
    ///
    /// # Panics
    /// Where it does.
    pub async fn is_held_for(&mut self, time: Duration) {
        if let Ok(answer) = timeout(time, &mut self.0).await {
            let answer = answer.expect("an answer");
            let status = answer.status();
            panic!("answered with {status}: {}", answer.text().await);
        }
    }
}

/// An answer whose body is read as it comes.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    reason: Option<String>,
    headers: HeaderMap,
    body: Incoming,
    unread: BytesMut,
}

impl From<http::Response<Incoming>> for Answer {
    fn from(response: http::Response<Incoming>) -> Self {
        let (head, body) = response.into_parts();
        let reason = head.extensions.get::<ReasonPhrase>();
        let reason = reason.map(|reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
        Self {
            status: head.status,
            // The client leaves it out where it is the usual one.
            reason: reason.or_else(|| Some(head.status.canonical_reason()?.to_owned())),
            headers: head.headers,
            body,
            unread: BytesMut::new(),
        }
    }
}

impl Answer {
    /// The status code.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.status.as_u16()
    }

    /// The reason phrase, where it has one.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// A header's value, empty where it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map(|value| value.to_str().expect("a header of ASCII"))
            .unwrap_or_default()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The rest of the body, to its end.
    pub async fn bytes(mut self) -> Bytes {
        while within_patience("the end of a body", self.read_more()).await {}
        self.unread.freeze()
    }

    /// The rest of the body, to its end.
    ///
    /// # Errors
    /// Where the connection is lost before: what came until then.
    pub async fn try_bytes(mut self) -> Result<Bytes, Bytes> {
        let read = async {
            while let Some(frame) = self.body.frame().await {
                let Ok(frame) = frame else {
                    return false;
                };
                let data = frame.into_data().unwrap_or_default();
                self.unread.extend_from_slice(&data);
            }
            true
        };
        if within_patience("the end of a body", read).await {
            Ok(self.unread.freeze())
        } else {
            Err(self.unread.freeze())
        }
    }

    /// The rest of the body, to its end, as text.
    pub async fn text(self) -> String {
        String::from_utf8(self.bytes().await.into()).expect("a body of UTF-8")
    }

    /// The rest of the body, to its end, as JSON.
    pub async fn json(self) -> Value {
        let text = self.text().await;
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Reads as much as is expected, which is what has to come next.
    ///
    /// # Panics
    /// Where something else comes, or nothing within [`PATIENCE`].
    pub async fn receives(&mut self, expected: impl AsRef<[u8]>) {
        let expected = expected.as_ref();
        let what = format!("{:?}", Bytes::copy_from_slice(expected));
        while self.unread.len() < expected.len() && expected.starts_with(&self.unread) {
            let so_far = format!("{what} (so far {:?})", self.unread);
            if !within_patience(&so_far, self.read_more()).await {
                break;
            }
        }
        assert!(
            self.unread.starts_with(expected),
            "waited for {what}, but got {:?}",
            self.unread
        );
        self.unread.advance(expected.len());
    }

    /// The next so many bytes.
    pub async fn next_bytes(&mut self, length: usize) -> Bytes {
        while self.unread.len() < length {
            let what = format!("{length} bytes");
            if !within_patience(&what, self.read_more()).await {
                break;
            }
        }
        let length = length.min(self.unread.len());
        self.unread.split_to(length).freeze()
    }

    /// Whether this comes next and within this time.
    pub(crate) async fn has_next(&mut self, expected: &str, time: Duration) -> bool {
        let read = async {
            while self.unread.len() < expected.len() {
                match self.body.frame().await {
                    Some(Ok(frame)) => {
                        let empty = Bytes::new();
                        self.unread
                            .extend_from_slice(frame.data_ref().unwrap_or(&empty));
                    }
                    Some(Err(_)) | None => return false,
                }
            }
            true
        };
        let found = matches!(timeout(time, read).await, Ok(true))
            && self.unread.starts_with(expected.as_bytes());
        if found {
            self.unread.advance(expected.len());
        }
        found
    }

    /// Fails where anything comes within this time, even the end.
    pub async fn stays_quiet(&mut self, time: Duration) {
        assert!(self.unread.is_empty(), "received {:?}", self.unread);
        if let Ok(more) = timeout(time, self.read_more()).await {
            assert!(more, "the answer ended");
            panic!("received {:?}", self.unread);
        }
    }

    /// Waits for the end, before which nothing may come.
    pub async fn ends(self) {
        let rest = self.bytes().await;
        assert!(rest.is_empty(), "waited for the end, but got {rest:?}");
    }

    /// Waits until the connection is lost before the body's end, before which nothing may come.
    pub async fn is_cut(mut self) {
        within_patience("a cut", async {
            while let Some(frame) = self.body.frame().await {
                match frame {
                    Ok(frame) => assert!(frame.data_ref().is_none_or(Bytes::is_empty)),
                    Err(_) => return,
                }
            }
            panic!("the answer ended as it should");
        })
        .await;
    }

    /// Collects what comes within this time.
    pub async fn collects(&mut self, time: Duration) -> Bytes {
        let _ = timeout(time, async { while self.read_more().await {} }).await;
        self.unread.split().freeze()
    }

    /// Whether there was more of the body.
    async fn read_more(&mut self) -> bool {
        match self.body.frame().await {
            Some(frame) => {
                let frame = frame.expect("a body that is not cut off");
                self.unread
                    .extend_from_slice(frame.data_ref().unwrap_or(&Bytes::new()));
                true
            }
            None => false,
        }
    }
}

async fn within_patience<T>(what: &str, future: impl Future<Output = T>) -> T {
    match timeout(PATIENCE, future).await {
        Ok(value) => value,
        Err(_) => panic!("waited {PATIENCE:?} for {what}"),
    }
}

/// A text as it stands in a query: everything but ASCII letters and digits is escaped.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}
