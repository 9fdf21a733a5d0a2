use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use http::HeaderMap;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::{client::generate_key, derive_accept_key},
        protocol::{CloseFrame, Role, frame::coding::CloseCode},
    },
};

use crate::{Answer, ConnectionError, PATIENCE, Request};

/// One end of a WebSocket: a client's, or that of an [origin](crate::NativeOrigin) which speaks it.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TokioIo<Upgraded>>,
    protocol: Option<String>,
    headers: HeaderMap,
}

/// What a client receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping.
    Ping(Vec<u8>),
    /// A pong.
    Pong(Vec<u8>),
    /// A close, with its code and reason where it has them.
    Close(Option<(u16, String)>),
    /// The connection is gone, without a close.
    Cut,
}

/// The answer in place of a WebSocket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

impl Socket {
    /// Opens a WebSocket at an address.
    ///
    /// # Panics
    /// Where it is refused, or there is no answer within [`PATIENCE`].
    pub async fn open(address: SocketAddr, path: &str) -> Self {
        Self::open_with(address, path, &[]).await
    }

    /// Opens one with further headers in its handshake.
    ///
    /// # Panics
    /// As [`open`](Self::open).
    pub async fn open_with(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Self {
        let opened = Self::connect(address, path, headers).await;
        opened.unwrap_or_else(|refusal| panic!("{path}: {refusal:?}"))
    }

    /// Opens a WebSocket at an address, with further headers in its request.
    ///
    /// # Errors
    /// Where it is refused.
    ///
    /// # Panics
    /// Where there is no answer within [`PATIENCE`].
    pub async fn connect(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Refusal> {
        match timeout(PATIENCE, Self::try_connect(address, path, headers)).await {
            Ok(Ok(result)) => result,
            Ok(Err(error)) => panic!("{path}: {error}"),
            Err(_) => panic!("{path}: no answer in {PATIENCE:?}"),
        }
    }

    /// Does the handshake. The whole body of a refusal is read, which a client of a WebSocket
    /// library may leave where it is.
    ///
    /// # Errors
    /// Where the connection fails; in it, where it is refused.
    pub async fn try_connect(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Result<Self, Refusal>, ConnectionError> {
        let key = generate_key();
        let mut request = Request::new("GET", address, path)
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", &key);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.exchange().await?;
        if answer.status() != 101 {
            let answer = Answer::from(answer);
            return Ok(Err(Refusal {
                status: answer.status(),
                body: answer.text().await,
            }));
        }
        let header = |name: &str| {
            let value = answer.headers().get(name)?;
            Some(value.to_str().expect("a header of ASCII").to_owned())
        };
        assert_eq!(
            header("sec-websocket-accept"),
            Some(derive_accept_key(key.as_bytes()))
        );
        let protocol = header("sec-websocket-protocol");
        let headers = answer.headers().clone();
        let io = TokioIo::new(hyper::upgrade::on(answer).await?);
        let stream = WebSocketStream::from_raw_socket(io, Role::Client, None).await;
        Ok(Ok(Self {
            stream,
            protocol,
            headers,
        }))
    }

    /// The end of an origin that has accepted a handshake.
    pub(crate) async fn of_origin(upgraded: Upgraded) -> Self {
        let io = TokioIo::new(upgraded);
        Self {
            stream: WebSocketStream::from_raw_socket(io, Role::Server, None).await,
            protocol: None,
            headers: HeaderMap::new(),
        }
    }

    /// Whether a message comes back within this time.
    pub(crate) async fn echoes(&mut self, text: &str, time: Duration) -> bool {
        let echo = async {
            self.stream.send(Message::text(text)).await.ok()?;
            self.stream.next().await?.ok()
        };
        timeout(time, echo).await == Ok(Some(Message::text(text)))
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
    }

    /// The headers of the answer that accepted it.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Sends a text message.
    pub async fn sends(&mut self, text: &str) {
        self.put(Message::text(text)).await;
    }

    /// Sends a binary message.
    pub async fn sends_binary(&mut self, content: &[u8]) {
        self.put(Message::binary(content.to_vec())).await;
    }

    /// Sends a ping.
    pub async fn pings(&mut self, content: &[u8]) {
        self.put(Message::Ping(content.to_vec().into())).await;
    }

    /// Sends a close with a code and a reason.
    pub async fn closes(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        self.put(Message::Close(Some(frame))).await;
    }

    /// Sends a close that has no code.
    pub async fn closes_without_code(&mut self) {
        self.put(Message::Close(None)).await;
    }

    /// Goes away without a close.
    pub fn vanishes(self) {
        drop(self);
    }

    /// The next frame.
    ///
    /// # Panics
    /// Where none comes within [`PATIENCE`].
    pub async fn next(&mut self) -> Frame {
        match timeout(PATIENCE, self.stream.next()).await {
            Err(_) => panic!("no frame in {PATIENCE:?}"),
            Ok(Some(Ok(message))) => message.into(),
            Ok(Some(Err(_)) | None) => Frame::Cut,
        }
    }

    /// Waits for a text message, which has to come next.
    pub async fn receives(&mut self, text: &str) {
        assert_eq!(self.next().await, Frame::Text(text.to_owned()));
    }

    /// Waits for a close with this code and reason, which has to come next.
    pub async fn is_closed(&mut self, code: u16, reason: &str) {
        let expected = Frame::Close(Some((code, reason.to_owned())));
        assert_eq!(self.next().await, expected);
    }

    /// Fails where anything comes within this time, even the end.
    pub async fn stays_quiet(&mut self, time: Duration) {
        if let Ok(frame) = timeout(time, self.next()).await {
            panic!("received {frame:?}");
        }
    }

    async fn put(&mut self, message: Message) {
        self.stream.send(message).await.expect("an open WebSocket");
    }
}

impl From<Message> for Frame {
    fn from(message: Message) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.to_string()),
            Message::Binary(content) => Self::Binary(content.into()),
            Message::Ping(content) => Self::Ping(content.into()),
            Message::Pong(content) => Self::Pong(content.into()),
            Message::Close(frame) => {
                Self::Close(frame.map(|frame| (frame.code.into(), frame.reason.to_string())))
            }
            Message::Frame(_) => panic!("a raw frame is never read"),
        }
    }
}
