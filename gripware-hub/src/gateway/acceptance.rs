//! A client gets its WebSocket: its connection leaves HTTP, and it is held.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::{
    answer::Answer,
    consent::Opened,
    exchange::Exchange,
    forward::Outcome,
    handoff_slot::{Handoff, HandoffSlot, Leaving, Whom},
    server::Gateway,
};
use crate::{
    connection_id::Id,
    handoff::{ClientConn, HeldClient, HoldKind, OriginConn},
    http::{
        hop_by_hop::strip_hop_by_hop, http1_head::switching_bytes, replay_request::ReplayRequest,
    },
    origin::Origin,
    socket::Io,
    ws::{Accepted, deflate::Agreement, handshake},
};

impl Io for TokioIo<Upgraded> {}

/// How long an HTTP/2 stream may take from its 200, and a connection to the application from its 101,
/// until it carries the new protocol.
pub(super) const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// How a client is told that it has its WebSocket.
pub(super) enum Acceptance {
    /// By a 101 with this `Sec-WebSocket-Accept`, if it is for a WebSocket.
    Http1(Option<HeaderValue>),
    Http2(OnUpgrade),
}

impl Acceptance {
    /// The status that says so.
    fn status(&self) -> StatusCode {
        match self {
            Self::Http1(_) => StatusCode::SWITCHING_PROTOCOLS,
            Self::Http2(_) => StatusCode::OK,
        }
    }
}

/// A WebSocket that the application agrees to.
pub(super) struct Agreed {
    pub(super) id: Id,
    pub(super) replay: ReplayRequest,
    pub(super) accepted: Box<Accepted>,
    pub(super) line: Line,
}

/// How the application and the hub talk about a WebSocket.
pub(super) enum Line {
    /// In events, one turn after the other.
    Turns(Opened),
    /// In frames, on a connection of its own (GRIP 2.8).
    Socket(OriginConn),
}

impl Agreed {
    pub(super) fn in_events(opened: Opened, accepted: Box<Accepted>) -> Self {
        Self {
            id: opened.id,
            replay: opened.replay.clone(),
            accepted,
            line: Line::Turns(opened),
        }
    }

    /// Compresses messages as the client and the hub agree.
    pub(super) fn compressed(mut self, agreement: Option<Agreement>) -> Self {
        self.accepted.compress(agreement);
        self
    }

    /// Lets the connection of the client leave HTTP.
    pub(super) async fn hold<S: Origin, B>(
        self,
        gateway: &Gateway<S>,
        slot: Option<&Arc<HandoffSlot>>,
        exchange: &Exchange,
        client: Acceptance,
    ) -> Outcome<B> {
        gateway.holder.metrics().held_websockets.add(1);
        let (status, id) = (client.status(), Some(self.id));
        match (client, slot) {
            (Acceptance::Http1(Some(accept)), Some(_)) => {
                exchange.log_held(status, "websocket", id);
                let response = handshake::switching(accept, self.accepted.headers.clone());
                let head = switching_bytes(response.headers());
                let handoff = self.handoff(gateway, exchange, head);
                Outcome::Leave(Leaving::Held(Box::new(handoff)))
            }
            (Acceptance::Http2(upgrade), _) => {
                exchange.log_held(status, "websocket", id);
                let mut response = Response::new(Answer::Whole(Bytes::new()));
                response.headers_mut().clone_from(&self.accepted.headers);
                strip_hop_by_hop(response.headers_mut());
                let handoff = self.handoff(gateway, exchange, Bytes::new());
                // Whoever has read a byte of the answer follows its channels.
                let Some(awaited) = handoff.hold_ahead(&*gateway.holder).await else {
                    return Outcome::Abandon;
                };
                tokio::spawn(async move {
                    // If the client is gone, the shard tells the origin.
                    if let Ok(Ok(upgraded)) = timeout(UPGRADE_TIMEOUT, upgrade).await {
                        awaited.arrive(ClientConn::new(TokioIo::new(upgraded)));
                    }
                });
                Outcome::Answer(response)
            }
            (Acceptance::Http1(_), _) => Outcome::Abandon,
        }
    }

    fn handoff<S: Origin>(self, gateway: &Gateway<S>, exchange: &Exchange, head: Bytes) -> Handoff {
        let (opened, origin) = match self.line {
            Line::Turns(opened) => (Some(opened), None),
            Line::Socket(conn) => (None, Some(conn)),
        };
        let kind = HoldKind::WebSocket {
            accepted: self.accepted,
            head,
            origin,
        };
        Handoff {
            client: Whom::Client(Box::new(HeldClient {
                id: self.id,
                peer: exchange.peer,
                since: exchange.since,
                request: self.replay,
                origin_client: gateway.origin_client.clone(),
                kind,
                conn: None,
                arrival: None,
            })),
            keep_alive: false,
            opened,
        }
    }
}
