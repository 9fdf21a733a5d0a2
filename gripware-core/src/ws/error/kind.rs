//! What can go wrong, one by one.

use http::StatusCode;
use thiserror::Error;

/// What can go wrong. Where it says so, the error's `source` has the details.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum WebSocketErrorKind {
    /// The request has no `Connection-Id`.
    #[error("the request has no Connection-Id")]
    MissingConnectionId,
    /// The request's `Connection-Id` is none; the source is a
    /// [`ConnectionIdError`](crate::ws::ConnectionIdError).
    #[error("the request has an invalid Connection-Id")]
    InvalidConnectionId,
    /// The body is not a list of events, or has an `OPEN` that is not its first; the source is a
    /// [`DecodeError`](crate::ws::DecodeError) where there is one.
    #[error("the body is not a list of WebSocket events")]
    InvalidEvents,
    /// The body, one of its events or their number is over a limit; the source is a
    /// [`DecodeError`](crate::ws::DecodeError).
    #[error("the request is over a limit")]
    RequestTooLarge,
    /// `Content-Bytes-Replayed` is not a number, or more than the body has.
    #[error("the request has an invalid Content-Bytes-Replayed")]
    InvalidReplayedBytes,

    /// An opening does not have the head of one, so a layer for openings was passed over.
    #[error("an opening has another length than that of its one event")]
    DisguisedOpening,
    /// A page of another host opens the connection; the source is a
    /// [`ForeignOrigin`](crate::ws::ForeignOrigin).
    #[error(
        "a WebSocket from a page of another host is refused: if it is meant, allow the page's \
             origin (allowed_origins), or have the server in front pass on the client's Host \
             (nginx: proxy_set_header Host $host)"
    )]
    ForeignOrigin,
    /// A text message is not UTF-8; the source is a [`Utf8Error`](std::str::Utf8Error).
    #[error("a message is not UTF-8")]
    NotUtf8,
    /// A message is not the JSON that the handler asked for; the source is a
    /// [`serde_json::Error`].
    #[error("a message is not the expected JSON")]
    InvalidJson,

    /// Something was asked for before the connection was accepted.
    #[error("the connection has not been accepted")]
    NotAccepted,
    /// The connection can only be refused while it is opening.
    #[error("the connection is open already")]
    NotOpening,
    /// Something was sent after the handler had closed or dropped the connection.
    #[error("the connection has been closed by this answer")]
    Closed,
    /// The answer would be larger than [`Limits::websocket_body`](crate::Limits::websocket_body).
    #[error("an answer of {length} bytes is over the limit of {limit}")]
    ReplyTooLarge {
        /// How large it would be, in bytes, with what is kept free for pongs and a close.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A ping or pong has more content than a control frame holds.
    #[error("a ping or pong of {length} bytes is over the limit of {limit}")]
    PingTooLarge {
        /// Its length in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A value could not be written as JSON; the source is a [`serde_json::Error`].
    #[error("a value cannot be written as JSON")]
    Serialize,
    /// A channel's name; the source is a [`ChannelError`](crate::ChannelError).
    #[error("not a channel")]
    InvalidChannel,
    /// One answer subscribes to more channels than [`Limits::channels`](crate::Limits::channels).
    #[error("more than {limit} channels")]
    TooManyChannels {
        /// The limit.
        limit: usize,
    },
    /// A control message that a proxy would drop; the source is a
    /// [`ControlError`](crate::ws::ControlError).
    #[error("not a control message that a proxy obeys")]
    InvalidControl,
    /// A close code that must not be sent; the source is a
    /// [`CloseCodeError`](crate::ws::CloseCodeError).
    #[error("not a close code that may be sent")]
    InvalidCloseCode,
    /// An item of the connection's meta; the source is a [`MetaError`](crate::ws::MetaError).
    #[error("not an item of meta that a proxy keeps")]
    InvalidMeta,
    /// An interval that a proxy would round, or raise in silence.
    #[error("a keep-alive interval is 0, or whole seconds and at least {minimum}")]
    InvalidKeepAliveInterval {
        /// The shortest interval, in seconds.
        minimum: u64,
    },
    /// A number of accepted bytes that a proxy takes for an error.
    #[error("{accepted} of {offered} content bytes cannot be accepted")]
    InvalidAcceptedBytes {
        /// How many were to be accepted.
        accepted: usize,
        /// How many the request has.
        offered: usize,
    },
    /// A status that does not refuse.
    #[error("status {status} does not refuse a connection")]
    InvalidRefusal {
        /// The status.
        status: StatusCode,
    },
    /// The body of a refusal is larger than
    /// [`Limits::refusal_body`](crate::Limits::refusal_body).
    #[error("a refusal with {length} bytes is over the limit of {limit}")]
    RefusalTooLarge {
        /// Its length in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
}
