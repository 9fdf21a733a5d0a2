//! The connection to a broadcaster, up to the confirmation of its CONFIGURE.

use std::{error::Error, io, time::Duration};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use hyper_rustls::MaybeHttpsStream;
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, protocol::WebSocketConfig},
};
use tower_service::Service;

use super::{
    opening::{Keys, Limits, Opening},
    session::Session,
};
use crate::{
    Address,
    client::{broadcasters::Broadcasters, clock::now, connect::Connector, send::Retries},
    http::WEBSOCKET,
    ws::MAX_MESSAGE,
};

/// How long it may take until a connection is configured: twice as long as it may take to connect.
pub(in crate::client) const OPENING: Duration = Duration::from_secs(10);

/// Bytes that are read at a time.
const READ_BUFFER: usize = 16 * 1024;

/// Bytes that wait to be written together. A message that is larger is written by itself, and the
/// next one waits for it.
const WRITE_BUFFER: usize = 16 * 1024;

pub(super) type WebSocket = WebSocketStream<TokioIo<MaybeHttpsStream<TokioIo<TcpStream>>>>;

/// What it takes to connect.
pub(in crate::client) struct Dial {
    pub(in crate::client) broadcasters: Broadcasters,
    pub(in crate::client) connector: Connector,
    /// How long it may take until the connection to one broadcaster is configured.
    pub(in crate::client) opening: Duration,
    pub(in crate::client) retries: Retries,
    pub(in crate::client) limits: Limits,
    pub(in crate::client) zstd: bool,
}

/// The broadcaster has closed the connection.
#[derive(Debug, Error)]
#[error("the broadcaster has closed the connection with {code}: {reason}")]
pub(super) struct Closed {
    code: u16,
    reason: String,
}

impl Dial {
    /// Connects to a broadcaster, and configures the connection.
    pub(super) async fn open(
        &mut self,
        keys: &Keys,
        broadcaster: &Address,
    ) -> Result<(Session, WebSocket), Box<dyn Error + Send + Sync>> {
        let uri = broadcaster.join(WEBSOCKET).uri();
        std::future::poll_fn(|cx| self.connector.poll_ready(cx)).await?;
        let connection = self.connector.call(uri.clone()).await?;
        // http and https, which are as long as the schemes of WebSockets.
        let request = uri.to_string().replacen("http", "ws", 1);
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(WRITE_BUFFER)
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let stream = TokioIo::new(connection);
        let opened = client_async_with_config(request, stream, Some(config)).await;
        let (mut socket, _) = opened?;
        let (opening, message) = Opening::new(keys, self.limits, self.zstd, now())?;
        socket.send(Message::Binary(message)).await?;
        loop {
            let ended = || io::Error::from(io::ErrorKind::UnexpectedEof);
            let heard = socket.next().await.ok_or_else(ended)??;
            if let Some(answer) = content(heard)? {
                return Ok((opening.configured(answer, now())?, socket));
            }
        }
    }
}

/// Returns what a message of the broadcaster has for the protocol; `None` for pings and pongs.
pub(super) fn content(message: Message) -> Result<Option<Bytes>, Box<dyn Error + Send + Sync>> {
    match message {
        Message::Binary(bytes) => Ok(Some(bytes)),
        Message::Text(_) => Err("a message is text, and all are binary".into()),
        Message::Close(frame) => {
            let frame = frame.map(|frame| (u16::from(frame.code), frame.reason.to_string()));
            let (code, reason) = frame.unwrap_or((1005, String::new()));
            Err(Closed { code, reason }.into())
        }
        _ => Ok(None),
    }
}
