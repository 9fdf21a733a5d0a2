use futures_util::{SinkExt as _, StreamExt as _};
use http::{HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::{ext::Protocol, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        Message,
        handshake::{client::generate_key, derive_accept_key},
        protocol::{
            CloseFrame, Role,
            frame::{
                Frame,
                coding::{CloseCode, Data, OpCode},
            },
        },
    },
};

use crate::{
    Visitor,
    visitor::{Answer, RequestBody, hash, within},
};

/// A client's WebSocket, over HTTP/1.1 or HTTP/2 (RFC 8441).
#[derive(Debug)]
pub(crate) struct Socket(WebSocketStream<TokioIo<Upgraded>>);

impl Socket {
    /// Asks for one. Returns what is said about it, which is the same for both versions of HTTP.
    pub(crate) async fn opens(
        visitor: &Visitor,
        path: &str,
        headers: &[(&'static str, &str)],
    ) -> Result<(Vec<String>, Self), Vec<String>> {
        let key = generate_key();
        let mut request = Request::new(Empty::new().boxed_unsync());
        *request.uri_mut() = path.parse().expect("a path");
        let said = request.headers_mut();
        said.insert("sec-websocket-version", HeaderValue::from_static("13"));
        for (name, value) in headers {
            said.insert(*name, value.parse().expect("a value"));
        }
        let is_http2 = visitor.is_http2();
        if is_http2 {
            *request.method_mut() = http::Method::CONNECT;
            let protocol = Protocol::from_static("websocket");
            request.extensions_mut().insert(protocol);
        } else {
            said.insert("upgrade", HeaderValue::from_static("websocket"));
            said.insert("connection", HeaderValue::from_static("Upgrade"));
            said.insert("sec-websocket-key", key.parse().expect("a key"));
        }
        let mut answer = within(path, asks(visitor, request)).await;
        let accepted = if is_http2 {
            StatusCode::OK
        } else {
            StatusCode::SWITCHING_PROTOCOLS
        };
        let response = &mut answer.response;
        let accepts = response.headers().get("sec-websocket-accept");
        if response.status() != accepted {
            return Err(within(path, answer.lines()).await);
        }
        if !is_http2 {
            let expected = derive_accept_key(key.as_bytes());
            assert_eq!(accepts.expect("a key's answer"), expected.as_str());
        }
        let upgraded = hyper::upgrade::on(&mut *response)
            .await
            .expect("an upgrade");
        let io = TokioIo::new(upgraded);
        let stream = WebSocketStream::from_raw_socket(io, Role::Client, None).await;
        *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
        Ok((answer.head_lines(), Self(stream)))
    }

    pub(crate) async fn sends(&mut self, text: &str) {
        self.put(Message::text(text)).await;
    }

    pub(crate) async fn sends_binary(&mut self, content: &[u8]) {
        self.put(Message::binary(content.to_vec())).await;
    }

    pub(crate) async fn pings(&mut self, content: &[u8]) {
        self.put(Message::Ping(content.to_vec().into())).await;
    }

    /// Sends one message in as many frames.
    pub(crate) async fn sends_in_parts(&mut self, parts: &[&str]) {
        for (at, part) in parts.iter().enumerate() {
            let kind = if at == 0 { Data::Text } else { Data::Continue };
            let is_last = at + 1 == parts.len();
            let frame = Frame::message(part.to_string(), OpCode::Data(kind), is_last);
            self.put(Message::Frame(frame)).await;
        }
    }

    pub(crate) async fn closes(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: reason.into(),
        };
        // Over HTTP/2 the answer may be there before all is written.
        let _ = self.0.send(Message::Close(Some(frame))).await;
    }

    /// The next message, or the end.
    pub(crate) async fn next(&mut self) -> String {
        match within("a message", self.0.next()).await {
            Some(Ok(Message::Text(text))) if text.len() < 1000 => {
                format!("text {:?}", text.as_str())
            }
            Some(Ok(Message::Text(text))) => {
                format!("text of {} bytes, {}", text.len(), hash(text.as_bytes()))
            }
            Some(Ok(Message::Close(Some(frame)))) => {
                format!(
                    "closed with {} {:?}",
                    u16::from(frame.code),
                    frame.reason.as_str()
                )
            }
            Some(Ok(Message::Close(None))) => "closed".to_owned(),
            Some(Ok(other)) => format!("{other:?}"),
            // Some libraries end the connection as soon as both have said that they close.
            Some(Err(_)) | None => "gone".to_owned(),
        }
    }

    async fn put(&mut self, message: Message) {
        self.0.send(message).await.expect("an open WebSocket");
    }
}

/// The settings of a server that speaks HTTP/2 say whether it may be asked for a WebSocket: an answer
/// comes behind them.
async fn asks(visitor: &Visitor, request: Request<RequestBody>) -> Answer {
    let mut connection = visitor.connects().await;
    if visitor.is_http2() {
        let plain = Request::get("/hello").body(Empty::new().boxed_unsync());
        connection.sends(plain.expect("a request")).await;
    }
    connection.answers(request).await
}
