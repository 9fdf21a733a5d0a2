//! What one sees when looking into a hub.

use std::{net::SocketAddr, time::Duration};

use gripware_core::item::ItemParts;

/// A client that is held.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConnectionInfo {
    /// Its id: a UUID, which for a WebSocket is the `Connection-Id` that the application sees.
    pub id: String,
    /// How it is held.
    pub kind: ConnectionKind,
    /// The channels it is subscribed to.
    pub channels: Vec<String>,
    /// How long it has been held.
    pub age: Duration,
    /// The client's address, where the hub knows it.
    pub peer: Option<SocketAddr>,
    /// What waits for the client to read it, in bytes.
    pub queued: usize,
    /// The node that holds it, in a list of [all nodes](crate::Everywhere) of a relay.
    pub node: Option<String>,
}

/// A node of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NodeInfo {
    /// What it is called; `local` without a relay.
    pub name: String,
    /// Whether it is the one that was asked for the list.
    pub is_this: bool,
    /// How many clients it holds, of each kind.
    pub connections: Subscribers,
    /// How many channels its clients are subscribed to.
    pub channels: usize,
}

/// How a client is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ConnectionKind {
    /// A request that is answered once.
    Response,
    /// A response that is appended to.
    Stream,
    /// A WebSocket.
    WebSocket,
    /// A connection that the application speaks another protocol over itself, such as a WebSocket of
    /// its own. The hub passes the bytes on, and nothing can be published to it.
    Passed,
}

impl ConnectionKind {
    /// `response`, `stream`, `websocket` or `passed`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Stream => "stream",
            Self::WebSocket => "websocket",
            Self::Passed => "passed",
        }
    }
}

/// A channel that somebody is subscribed to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChannelInfo {
    /// Its name, with the application's prefix where it has one.
    pub name: String,
    /// How many subscribers there are of each kind.
    pub subscribers: Subscribers,
}

/// A number of subscribers, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Subscribers {
    /// Response holds.
    pub response: usize,
    /// Stream holds.
    pub stream: usize,
    /// WebSockets.
    pub websocket: usize,
}

impl Subscribers {
    /// Those for which an item has a format.
    pub(crate) fn of_formats(self, item: &ItemParts) -> Self {
        let count = |has_format: bool, count| if has_format { count } else { 0 };
        Self {
            response: count(item.http_response.is_some(), self.response),
            stream: count(item.http_stream.is_some(), self.stream),
            websocket: count(item.ws_message.is_some(), self.websocket),
        }
    }

    /// Both together.
    #[cfg(feature = "relay")]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            response: self.response.saturating_add(other.response),
            stream: self.stream.saturating_add(other.stream),
            websocket: self.websocket.saturating_add(other.websocket),
        }
    }

    /// How many there are in all.
    #[must_use]
    pub fn total(&self) -> usize {
        self.response
            .saturating_add(self.stream)
            .saturating_add(self.websocket)
    }
}
