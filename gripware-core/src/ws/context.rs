//! One request about one WebSocket, and the answer to it (GRIP 2).
//!
//! ```
//! use bytes::Bytes;
//! use gripware_core::{
//!     Limits,
//!     ws::{WebSocketContext, WebSocketErrorKind},
//! };
//! use http::HeaderMap;
//!
//! fn chat(ws: &mut WebSocketContext) -> Result<(), gripware_core::ws::WebSocketError> {
//!     if ws.is_opening() {
//!         ws.accept();
//!         ws.subscribe("room")?;
//!     }
//!     while let Some(message) = ws.receive()? {
//!         ws.send_text(message.to_str()?.to_uppercase())?;
//!     }
//!     Ok(())
//! }
//!
//! let mut headers = HeaderMap::new();
//! headers.insert("connection-id", "5c384ad4".parse()?);
//! headers.insert("sec-websocket-extensions", "grip".parse()?);
//! let request = |body| {
//!     WebSocketContext::from_request(&headers, Bytes::from(body), "", &Limits::default())
//! };
//!
//! let mut ws = request("OPEN\r\n")?;
//! chat(&mut ws)?;
//! assert_eq!(
//!     ws.into_reply().body,
//!     "OPEN\r\nTEXT 27\r\nc:{\"type\":\"subscribe\",\"channel\":\"room\"}\r\n",
//! );
//!
//! let mut ws = request("TEXT 2\r\nhi\r\nPING 1\r\n!\r\n")?;
//! chat(&mut ws)?;
//! assert_eq!(ws.into_reply().body, "TEXT 4\r\nm:HI\r\nPONG 1\r\n!\r\n");
//!
//! let error = request("TEXT 2\r\nhi").unwrap_err();
//! assert_eq!(error.kind(), WebSocketErrorKind::InvalidEvents);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod flow;
mod handshake;
mod instruct;
mod memory;
mod send;
#[cfg(test)]
mod tests;

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::de::DeserializeOwned;

pub use self::{flow::MIN_KEEP_ALIVE_INTERVAL, send::MESSAGE_PREFIX};
use self::{handshake::Handshake, send::Ending};
use super::{
    Close, ConnectionId, ConnectionIdError, Event, EventKind, Events, Message, Reply,
    WebSocketError, WebSocketErrorKind, encode, encode_into, encoded_len, incoming::Incoming,
    meta::Meta,
};
use crate::{
    Limits,
    header::{CONNECTION_ID, CONTENT_BYTES_ACCEPTED, KEEP_ALIVE_INTERVAL, offers_events},
};

/// What a proxy tells about one WebSocket in one request, and what it is told in the answer.
///
/// A handler gets one for every request, does what it wants with it, and returns it: it is the
/// answer. Between two requests there is nothing but the proxy, which repeats the client's
/// headers and the connection's meta.
///
/// ## What happens by itself
/// Pings are answered with a pong of the same content. A close of the client is answered with its
/// own code, unless the handler closes with another. A close that answers one of ours looks the
/// same and does no harm. Both happen in [`into_reply`](Self::into_reply), whether the handler
/// received anything or not.
///
/// Messages do not wait: those that a handler leaves unread are gone once it answers, see
/// [`unread`](Self::unread). [`accept_bytes`](Self::accept_bytes) has newer proxies offer the
/// rest again.
///
/// ## Two kinds of meta
/// [`meta`](Self::meta), [`insert_meta`](Self::insert_meta) and
/// [`remove_meta`](Self::remove_meta) are the application's memory of this connection: it comes
/// back with every request. [`set_filter_meta`](Self::set_filter_meta) and
/// [`remove_filter_meta`](Self::remove_filter_meta) tell the proxy's filters about the connection
/// and never come back. A proxy keeps the two apart.
#[derive(Clone)]
#[must_use = "a proxy drops the client that gets no answer"]
pub struct WebSocketContext {
    connection_id: ConnectionId,
    incoming: Incoming,
    handshake: Handshake,
    meta: Meta,
    prefix: Box<str>,
    limits: Limits,
    /// Events that are ready to be sent.
    out: Vec<u8>,
    ending: Option<Ending>,
    /// Channels that this answer subscribes to.
    subscribed: Vec<String>,
    keep_alive_interval: Option<u64>,
    accepted_bytes: Option<usize>,
    replayed_bytes: usize,
}

impl WebSocketContext {
    /// Reads a request. `prefix` is put before the name of every channel. A handshake that
    /// [offers](crate::header::offers_events) to be answered with events is an opening.
    ///
    /// That it is a `POST` with the right content type, and that its signature is right, is for
    /// the caller to see to.
    ///
    /// # Errors
    /// If there is not exactly one valid `Connection-Id`, or the body is not a list of events
    /// within `limits`. All of these are faults of whatever sent the request
    /// ([`WebSocketError::is_proxy`]).
    pub fn from_request(
        headers: &HeaderMap,
        body: Bytes,
        prefix: &str,
        limits: &Limits,
    ) -> Result<Self, WebSocketError> {
        let connection_id = connection_id(headers)?;
        let is_handshake = body.is_empty() && offers_events(headers);
        let body = match is_handshake {
            true => encode(&[Event::open()]),
            false => body,
        };
        let incoming = Incoming::read(body, limits)?;
        Ok(Self {
            connection_id,
            replayed_bytes: flow::replayed_bytes(headers, incoming.offered())?,
            handshake: Handshake::from_headers(headers, incoming.is_opening()),
            meta: Meta::from_headers(headers, limits),
            prefix: prefix.into(),
            limits: limits.clone(),
            out: Vec::new(),
            ending: None,
            subscribed: Vec::new(),
            keep_alive_interval: None,
            accepted_bytes: None,
            incoming,
        })
    }

    /// Returns the next message of the client, or `None` if there is no more in this request.
    ///
    /// Pings, pongs and the end of the connection are no messages and are passed over. After a
    /// close or disconnect there are no more messages.
    ///
    /// # Errors
    /// If a message came along with the opening, and it has not been accepted.
    pub fn receive(&mut self) -> Result<Option<Message>, WebSocketError> {
        if self.unread() > 0 {
            self.check_accepted()?;
        }
        Ok(self.incoming.next_message())
    }

    /// Returns the next message of the client, read as JSON.
    ///
    /// # Errors
    /// As [`receive`](Self::receive), and where the message is not JSON of that shape. It counts
    /// as received then, too.
    pub fn receive_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>, WebSocketError> {
        match self.receive()? {
            Some(message) => match message.json() {
                Ok(value) => Ok(Some(value)),
                Err(error) => Err(error.while_opening(self.is_opening())),
            },
            None => Ok(None),
        }
    }

    /// Returns the proxy's name for this WebSocket.
    #[must_use]
    pub const fn connection_id(&self) -> &ConnectionId {
        &self.connection_id
    }

    /// Returns `true` if the client asks for a connection, which is to be accepted or refused.
    #[must_use]
    pub const fn is_opening(&self) -> bool {
        self.incoming.is_opening()
    }

    /// Returns `true` if the request has no events: the proxy asks whether there is something to
    /// send, because of a keep-alive interval or a refresh.
    #[must_use]
    pub const fn is_keep_alive(&self) -> bool {
        self.incoming.is_empty()
    }

    /// Returns `true` if the client has gone without a close. It is the last request about this
    /// connection, and its answer goes nowhere.
    ///
    /// This is known from the start, before the messages that came with it are received.
    #[must_use]
    pub const fn is_disconnected(&self) -> bool {
        self.incoming.is_disconnected()
    }

    /// Returns the client's close, or its answer to ours.
    ///
    /// This is known from the start, before the messages that came with it are received. What is
    /// sent in the answer still reaches the client, before the close.
    #[must_use]
    pub const fn close_received(&self) -> Option<&Close> {
        self.incoming.close()
    }

    /// Returns how many messages have not been received yet. They are dropped with the answer.
    #[must_use]
    pub const fn unread(&self) -> usize {
        self.incoming.messages_left()
    }

    /// Returns all events of the request from its first one on, those that
    /// [`receive`](Self::receive) passes over included. This receives nothing.
    #[must_use]
    pub fn events(&self) -> Events {
        self.incoming.events()
    }

    /// Returns the answer.
    ///
    /// An opening connection that was not accepted is refused: as
    /// [`refuse`](Self::refuse) said, otherwise with 403. In every other case the status is 200
    /// and the body has, in this order, the `OPEN`, what the handler sent, a pong for each ping,
    /// and the end where there is one.
    #[must_use]
    pub fn into_reply(mut self) -> Reply {
        if !self.is_accepted() {
            return self.handshake.into_refusal();
        }
        if self.is_disconnected() {
            return Reply::events(Bytes::new());
        }
        let is_opening = self.is_opening();
        let ending = self.ending();
        let ending_len = ending.as_ref().map_or(0, encoded_len);
        let accepted = self.accepted_bytes.unwrap_or(self.incoming.offered());
        for ping in self.incoming.pings(accepted) {
            let pong = Event::pong(ping.into_content());
            // Room was kept, unless limits are far below those of any proxy.
            if self.out.len() + encoded_len(&pong) + ending_len <= self.limits.websocket_body {
                encode_into(&pong, &mut self.out);
            }
        }
        if let Some(ending) = ending {
            encode_into(&ending, &mut self.out);
        }
        let mut headers = if is_opening {
            self.handshake.into_headers()
        } else {
            HeaderMap::new()
        };
        self.meta.write_changes(&mut headers);
        if let Some(interval) = self.keep_alive_interval {
            headers.insert(KEEP_ALIVE_INTERVAL, HeaderValue::from(interval));
        }
        if let Some(accepted) = self.accepted_bytes {
            headers.insert(CONTENT_BYTES_ACCEPTED, HeaderValue::from(accepted));
        }
        Reply::with_headers(headers, self.out.into())
    }

    fn error(&self, kind: WebSocketErrorKind) -> WebSocketError {
        WebSocketError::new(kind).while_opening(self.is_opening())
    }

    fn error_by(
        &self,
        kind: WebSocketErrorKind,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> WebSocketError {
        WebSocketError::caused_by(kind, source).while_opening(self.is_opening())
    }
}

impl fmt::Debug for WebSocketContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let meta: Vec<_> = self.meta_items().map(|(name, _)| name).collect();
        f.debug_struct("WebSocketContext")
            .field("connection_id", &self.connection_id)
            .field("is_opening", &self.is_opening())
            .field("is_accepted", &self.is_accepted())
            .field("close_received", &self.close_received())
            .field("is_disconnected", &self.is_disconnected())
            .field("unread", &self.unread())
            .field("meta", &meta)
            .field("reply_len", &self.out.len())
            .finish_non_exhaustive()
    }
}

fn connection_id(headers: &HeaderMap) -> Result<ConnectionId, WebSocketError> {
    let mut ids = headers.get_all(CONNECTION_ID).iter();
    let id = ids.next().ok_or(WebSocketErrorKind::MissingConnectionId)?;
    let id = match ids.next() {
        None => ConnectionId::try_from(id.as_bytes()),
        Some(_) => Err(ConnectionIdError::Repeated),
    };
    id.map_err(|error| WebSocketError::caused_by(WebSocketErrorKind::InvalidConnectionId, error))
}
