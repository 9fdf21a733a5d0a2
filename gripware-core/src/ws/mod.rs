//! WebSockets over HTTP (GRIP 2): events, control messages, and the context of a handler.
//!
//! A proxy holds the client's WebSocket and tells the application what happens in short `POST`
//! requests; the application says in the answers what is to happen. [`WebSocketContext`] is such a
//! request and its answer. [`decode`], [`encode`] and [`ControlMessage`] are what it is made of,
//! for those who are at the other end.
//!
//! ```
//! use bytes::Bytes;
//! use gripware_core::{
//!     Limits,
//!     ws::{WebSocketContext, WebSocketErrorKind},
//! };
//! use http::HeaderMap;
//!
//! let mut headers = HeaderMap::new();
//! headers.insert("connection-id", "5c384ad4".parse()?);
//! let body = Bytes::from_static(b"TEXT 2\r\nhi\r\nCLOSE 5\r\n\x0f\xa1bye\r\n");
//! let mut ws = WebSocketContext::from_request(&headers, body, "", &Limits::default())?;
//!
//! let close = ws.close_received().ok_or("no close")?;
//! assert_eq!((close.code(), close.reason()), (Some(4001), "bye"));
//!
//! // 1006 stands for a connection that broke, and is never sent.
//! let error = ws.close_with(1006, "").unwrap_err();
//! assert_eq!(error.kind(), WebSocketErrorKind::InvalidCloseCode);
//!
//! // A close that the handler does not answer is echoed.
//! assert_eq!(ws.into_reply().body, &b"CLOSE 5\r\n\x0f\xa1bye\r\n"[..]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod allowed_origins;
mod close;
mod connection_id;
mod context;
mod control;
mod decode;
mod encode;
mod error;
mod event;
mod guard;
mod incoming;
mod message;
mod meta;
mod reply;

pub use self::{
    allowed_origins::{AllowedOriginError, AllowedOrigins, ForeignOrigin, ORIGIN_HEADERS},
    close::{Close, CloseCode, CloseCodeError, MAX_REASON_LEN},
    connection_id::{ConnectionId, ConnectionIdError, MAX_CONNECTION_ID_LEN},
    context::{MESSAGE_PREFIX, MIN_KEEP_ALIVE_INTERVAL, WebSocketContext},
    control::{
        CONTROL_PREFIX, ControlError, ControlMessage, Frame, FrameKind, MAX_PING_LEN, WsKeepAlive,
    },
    decode::{DecodeError, DecodeErrorKind, Events, Scan, decode, scan},
    encode::{encode, encode_into, encoded_len},
    error::{WebSocketError, WebSocketErrorKind},
    event::{Event, EventKind},
    guard::Guard,
    message::Message,
    meta::MetaError,
    reply::Reply,
};
