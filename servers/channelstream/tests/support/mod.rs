//! A channelstream with the hub inside, its backend and browsers over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "each test uses some of it, and one that cannot go on panics"
)]

use std::{net::SocketAddr, time::Duration};

use axum::Router;
use futures_util::StreamExt as _;
use gripware_channelstream::{ChannelStream, ChannelStreamBuilder};
use gripware_hub::Hub;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};

/// How long anything may take that happens.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long to wait for what is not to happen.
const QUIET: Duration = Duration::from_millis(300);

/// A secret, and a token of it that is good for ever where tokens do not expire.
pub(crate) const SECRET: &str = "s3cret";
const TOKEN: &str = "/connect.ZVPxAA.QFuQun62pFuoCaEnUrF17Omxb_4";

pub(crate) struct Site {
    pub(crate) address: SocketAddr,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: http::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {}", self.text))
    }
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(|builder| builder).await
    }

    pub(crate) async fn with(
        set: impl FnOnce(ChannelStreamBuilder) -> ChannelStreamBuilder,
    ) -> Self {
        Self::mounted(set, |router| router).await
    }

    /// The same as a part of an application.
    pub(crate) async fn mounted(
        set: impl FnOnce(ChannelStreamBuilder) -> ChannelStreamBuilder,
        mount: impl FnOnce(Router) -> Router,
    ) -> Self {
        let hub = Hub::builder().max_channels(102).build().unwrap();
        let builder = ChannelStream::builder(&hub.grip(), SECRET).validate_requests(false);
        let app = mount(set(builder).build().router());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(hub.serve(listener, app).into_future());
        Self { address }
    }

    pub(crate) async fn request(&self, request: Request<Full<bytes::Bytes>>) -> Answer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let response = timeout(PATIENCE, sender.send_request(request))
            .await
            .unwrap()
            .unwrap();
        let (head, body) = response.into_parts();
        let body = timeout(PATIENCE, body.collect())
            .await
            .unwrap()
            .unwrap()
            .to_bytes();
        Answer {
            status: head.status,
            headers: head.headers,
            text: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    pub(crate) async fn raw(
        &self,
        method: Method,
        path: &str,
        body: impl Into<bytes::Bytes>,
    ) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", self.address.to_string())
            .header("x-channelstream-secret", TOKEN)
            .body(Full::new(body.into()))
            .unwrap();
        self.request(request).await
    }

    /// A call of the backend, which is not refused.
    pub(crate) async fn call(&self, path: &str, body: Value) -> Value {
        let answer = self.raw(Method::POST, path, body.to_string()).await;
        assert_eq!(answer.status, 200, "{path} {body}: {}", answer.text);
        answer.json()
    }

    /// One that is.
    pub(crate) async fn refused(&self, path: &str, body: Value) -> (u16, Value) {
        let answer = self.raw(Method::POST, path, body.to_string()).await;
        assert!(
            answer.status.is_client_error(),
            "{}: {}",
            answer.status,
            answer.text
        );
        (answer.status.as_u16(), answer.json())
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        let request = Request::get(path)
            .header("host", self.address.to_string())
            .body(Full::default())
            .unwrap();
        self.request(request).await
    }

    /// Makes a connection of a user in channels known, and opens its socket.
    pub(crate) async fn open(&self, user: &str, channels: &[&str]) -> Browser {
        let body = serde_json::json!({"username": user, "channels": channels});
        let id = self.call("/connect", body).await["conn_id"]
            .as_str()
            .unwrap()
            .to_owned();
        self.socket(&id).await
    }

    pub(crate) async fn socket(&self, id: &str) -> Browser {
        self.socket_at("/ws", id).await
    }

    pub(crate) async fn socket_at(&self, path: &str, id: &str) -> Browser {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let url = format!("ws://{}{path}?conn_id={id}", self.address);
        let opening = tokio_tungstenite::client_async(url, stream);
        let (socket, _) = timeout(PATIENCE, opening).await.unwrap().unwrap();
        Browser {
            id: id.to_owned(),
            socket,
        }
    }
}

pub(crate) struct Browser {
    pub(crate) id: String,
    socket: WebSocketStream<TcpStream>,
}

impl Browser {
    /// The next frame that is no heartbeat, or `None` where the socket is closed.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let message = timeout(PATIENCE, self.socket.next())
                .await
                .expect("a frame in time");
            match message {
                Some(Ok(Message::Text(text))) => {
                    let mut frames: Vec<Value> = serde_json::from_str(&text).unwrap();
                    if let Some(frame) = frames.pop() {
                        assert!(frames.is_empty());
                        return Some(frame);
                    }
                }
                Some(Ok(Message::Close(_)) | Err(_)) | None => return None,
                Some(Ok(_)) => {}
            }
        }
    }

    /// The message of the next frame.
    pub(crate) async fn hears(&mut self) -> Value {
        self.next().await.expect("a frame")["message"].clone()
    }

    pub(crate) async fn is_quiet(&mut self) {
        let next = timeout(QUIET, self.next()).await;
        assert!(next.is_err(), "{next:?}");
    }

    pub(crate) async fn is_closed(&mut self) {
        assert_eq!(self.next().await, None);
    }

    pub(crate) async fn close(mut self) {
        self.socket.close(None).await.unwrap();
        self.is_closed().await;
    }
}
