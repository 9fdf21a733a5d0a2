use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    MaybeTlsStream, WebSocketStream, connect_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        protocol::{CloseFrame, frame::coding::CloseCode},
    },
};

use crate::{PATIENCE, Request};

/// A client's WebSocket.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    protocol: Option<String>,
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
    /// The status code; 0 where the answer was no HTTP or broke the rules for WebSockets.
    pub status: u16,
    /// The body, or what is wrong with the answer.
    pub body: String,
}

/// Asks once more, and reads the whole answer: the WebSocket client reads no more of a refusal than
/// what happens to come along with its head.
async fn refusal(address: SocketAddr, path: &str, headers: &[(&'static str, &str)]) -> Refusal {
    let mut request = Request::new("GET", address, path);
    for (name, value) in [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    .iter()
    .chain(headers)
    {
        request = request.header(name, value);
    }
    let answer = request.send().await;
    Refusal {
        status: answer.status(),
        body: answer.text().await,
    }
}

impl Socket {
    pub(crate) async fn connect(
        address: SocketAddr,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<Self, Refusal> {
        let mut request = format!("ws://{address}{path}")
            .into_client_request()
            .expect("a valid URL");
        for (name, value) in headers {
            let value = value.parse().expect("a header's value");
            request.headers_mut().append(*name, value);
        }
        let connected = timeout(PATIENCE, connect_async(request))
            .await
            .unwrap_or_else(|_| panic!("{path}: no answer in {PATIENCE:?}"));
        match connected {
            Ok((stream, answer)) => Ok(Self {
                stream,
                protocol: answer
                    .headers()
                    .get("sec-websocket-protocol")
                    .map(|value| value.to_str().expect("a protocol of ASCII").to_owned()),
            }),
            Err(Error::Http(_)) => Err(refusal(address, path, headers).await),
            Err(error) => Err(Refusal {
                status: 0,
                body: error.to_string(),
            }),
        }
    }

    /// The subprotocol that was agreed on.
    #[must_use]
    pub fn protocol(&self) -> Option<&str> {
        self.protocol.as_deref()
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
