//! Where an item ends up for one client.

pub(crate) mod response;
pub(crate) mod resync;
pub(crate) mod stream;
pub(crate) mod subscription;
pub(crate) mod websocket;

use crate::inspect::ConnectionKind;

/// How a client is held.
#[derive(Debug)]
pub(crate) enum Session {
    Response(Box<response::ResponseSession>),
    Stream(Box<stream::StreamSession>),
    WebSocket(Box<websocket::WebSocketSession>),
}

impl Session {
    pub(crate) fn kind(&self) -> ConnectionKind {
        match self {
            Self::Response(_) => ConnectionKind::Response,
            Self::Stream(_) => ConnectionKind::Stream,
            Self::WebSocket(_) => ConnectionKind::WebSocket,
        }
    }
}

/// What a connection needs after something came for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Effect {
    /// Nothing.
    Idle,
    /// Something waits to be written.
    Write,
    /// The origin is to be asked what was missed.
    Ask,
    /// The origin is to be told what came over a WebSocket.
    Converse,
    /// It has come to its end, which is written already.
    End,
    /// It is cut off without an end, so that the client knows that something is missing.
    Cut,
}
