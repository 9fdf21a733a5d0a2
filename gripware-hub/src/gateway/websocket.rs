//! A client that asks for a WebSocket, up to the moment that it has one.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use gripware_core::ws::Event;
use http::{HeaderValue, Method, Request, Response, StatusCode, request::Parts};
use hyper::{
    body::Incoming,
    ext::Protocol,
    upgrade::{OnUpgrade, Upgraded},
};
use hyper_util::rt::TokioIo;
use tokio::time::{sleep, timeout};

use super::{
    answer::Answer,
    error_response::{busy, fault_of_client, head_too_large},
    exchange::Exchange,
    forward::{Outcome, failure},
    handoff_slot::{Handoff, HandoffSlot, Whom},
    request::absolute,
    server::Gateway,
    share,
    share::{Counted, Share},
};
use crate::{
    connection_id::Id,
    handoff::{ClientConn, HeldClient, HoldKind},
    http::{
        hop_by_hop::strip_hop_by_hop,
        http1_head::switching_bytes,
        refusal::{bad_gateway, refusal},
        replay_request::ReplayRequest,
    },
    log::TARGET,
    origin::{ClientAddr, Origin, OriginClient},
    socket::Io,
    turns::Client,
    ws::{Accepted, ConnectionMeta, EventsRequest, Opening, handshake, judge, request},
};

impl Io for TokioIo<Upgraded> {}

/// How long an HTTP/2 stream may take from its 200 until it carries the WebSocket.
const UPGRADE_TIMEOUT: Duration = Duration::from_secs(10);

/// A request for a WebSocket, as its version of HTTP expresses it.
pub(super) enum UpgradeRequest {
    Http1,
    /// An extended CONNECT (RFC 8441).
    Http2(OnUpgrade),
}

/// How a client is told that it has its WebSocket.
pub(super) enum Acceptance {
    /// By a 101 with this `Sec-WebSocket-Accept`.
    Http1(HeaderValue),
    Http2(OnUpgrade),
}

impl UpgradeRequest {
    /// Returns the request for a WebSocket; `None` if it is for something else. An extended CONNECT
    /// becomes a GET.
    pub(super) fn of(request: &mut Request<Incoming>) -> Option<Self> {
        if handshake::is_asked_for(request.headers()) {
            return Some(Self::Http1);
        }
        let protocol = request.extensions().get::<Protocol>()?;
        if request.method() != Method::CONNECT || protocol.as_str() != "websocket" {
            return None;
        }
        let upgrade = hyper::upgrade::on(&mut *request);
        *request.method_mut() = Method::GET;
        Some(Self::Http2(upgrade))
    }

    /// Checks the request; the error is the response to it.
    pub(super) fn check(
        self,
        parts: &Parts,
        has_no_body: bool,
    ) -> Result<Acceptance, Box<Response<Bytes>>> {
        let refused = |error: handshake::HandshakeError| {
            let text = Bytes::from(format!("{error}\n"));
            Box::new(error.to_response().map(|()| text))
        };
        match self {
            Self::Http1 if !has_no_body => {
                let text = "A request for a WebSocket has no body.\n";
                Err(Box::new(refusal(StatusCode::BAD_REQUEST, text)))
            }
            Self::Http1 => handshake::check(&parts.method, parts.version, &parts.headers)
                .map(Acceptance::Http1)
                .map_err(refused),
            Self::Http2(upgrade) => handshake::check_version(&parts.headers)
                .map(|()| Acceptance::Http2(upgrade))
                .map_err(refused),
        }
    }
}

/// Asks the origin for its consent (GRIP 2.2, 2.3), and lets the connection leave HTTP.
pub(super) async fn open<S: Origin>(
    gateway: &Gateway<S>,
    slot: Option<&Arc<HandoffSlot>>,
    share: Option<Arc<Share>>,
    exchange: Exchange,
    client: Acceptance,
    parts: Parts,
) -> Outcome<Counted<S::Body>> {
    let id = Id::random();
    let mut opening = Opened::new(gateway, id, &exchange, parts);
    if opening.replay.head_len() > gateway.holder.settings().max_held_head {
        let response = head_too_large();
        exchange.log(response.status(), "none");
        return response.into();
    }
    let accepted = match consent(gateway, share.as_ref(), &exchange, &mut opening).await {
        Ok(accepted) => accepted,
        Err(response) => {
            exchange.log(response.status(), "none");
            return response.into();
        }
    };
    gateway.holder.metrics().held_websockets.add(1);
    match (client, slot) {
        (Acceptance::Http1(accept), Some(_)) => {
            exchange.log_held(StatusCode::SWITCHING_PROTOCOLS, "websocket", Some(id));
            let response = handshake::switching(accept, accepted.headers.clone());
            let head = switching_bytes(response.headers());
            Outcome::Leave(Box::new(opening.handoff(&exchange, accepted, head)))
        }
        (Acceptance::Http2(upgrade), _) => {
            exchange.log_held(StatusCode::OK, "websocket", Some(id));
            let mut response = Response::new(Answer::Whole(Bytes::new()));
            response.headers_mut().clone_from(&accepted.headers);
            strip_hop_by_hop(response.headers_mut());
            let handoff = opening.handoff(&exchange, accepted, Bytes::new());
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
        (Acceptance::Http1(_), None) => Outcome::Abandon,
    }
}

/// Sends `OPEN` until the origin accepts or refuses.
async fn consent<S: Origin>(
    gateway: &Gateway<S>,
    share: Option<&Arc<Share>>,
    exchange: &Exchange,
    opening: &mut Opened,
) -> Result<Box<Accepted>, Response<Bytes>> {
    let settings = gateway.holder.settings();
    let limit = gateway.ws_settings.limits.websocket_body;
    loop {
        let Ok(in_progress) = share::enter(share.cloned()).await else {
            gateway.holder.metrics().busy.add(1);
            return Err(busy());
        };
        let mut request = opening.request(Event::open());
        ClientAddr::insert(exchange.peer, request.extensions_mut());
        // From now on the origin may know of the connection.
        opening.is_known = true;
        let answer = gateway.origin_client.send(request, limit).await;
        drop(in_progress);
        let answer = answer.map_err(|error| {
            if let Some(response) = fault_of_client(&error) {
                opening.is_known = false;
                return response;
            }
            gateway.holder.metrics().bad_gateway.add(1);
            failure(exchange, &error, settings.development)
        })?;
        let client = opening.replay.headers();
        let meta = std::mem::take(&mut opening.meta);
        match judge(answer, &client, meta, &gateway.ws_settings) {
            Opening::Accepted(accepted) => {
                opening.meta = accepted.meta.clone();
                return Ok(accepted);
            }
            Opening::Again { after, meta } => {
                opening.meta = meta;
                tokio::select! {
                    () = sleep(after) => {}
                    () = gateway.server.stop().cancelled() => {
                        let text = "The server is shutting down.\n";
                        return Err(refusal(StatusCode::SERVICE_UNAVAILABLE, text));
                    }
                }
            }
            Opening::Refused(response) => {
                opening.is_known = false;
                return Err(response);
            }
            Opening::Invalid(why) => {
                gateway.holder.metrics().bad_gateway.add(1);
                tracing::warn!(
                    target: TARGET,
                    path = exchange.uri.path(),
                    reason = why,
                    "an answer to the opening of a WebSocket cannot be obeyed"
                );
                let why = settings.development.then_some(why);
                return Err(bad_gateway(why));
            }
        }
    }
}

/// A WebSocket that the origin may know of already. If it is dropped before the client is held, the
/// origin is told that the client has gone.
#[derive(Debug)]
pub(super) struct Opened {
    id: Id,
    replay: ReplayRequest,
    meta: ConnectionMeta,
    origin_client: OriginClient,
    is_known: bool,
    has_peer: bool,
}

impl Opened {
    fn new<S: Origin>(gateway: &Gateway<S>, id: Id, exchange: &Exchange, mut parts: Parts) -> Self {
        parts.uri = absolute(&parts.uri, &parts.headers, exchange.is_tls);
        parts.method = Method::POST;
        parts.headers = request::headers(&parts.headers, &id.to_string());
        Self {
            id,
            replay: ReplayRequest::new(&parts, Bytes::new()),
            meta: ConnectionMeta::default(),
            origin_client: gateway.origin_client.clone(),
            is_known: false,
            has_peer: exchange.peer.is_some(),
        }
    }

    fn request(&self, event: Event) -> Request<Bytes> {
        let mut request = self.replay.to_request();
        EventsRequest::of(event, &self.meta).apply(&mut request);
        request
    }

    fn handoff(self, exchange: &Exchange, accepted: Box<Accepted>, head: Bytes) -> Handoff {
        Handoff {
            client: Whom::Client(Box::new(HeldClient {
                id: self.id,
                peer: exchange.peer,
                since: exchange.since,
                request: self.replay.clone(),
                origin_client: self.origin_client.clone(),
                kind: HoldKind::WebSocket { accepted, head },
                conn: None,
                arrival: None,
            })),
            keep_alive: false,
            opened: Some(self),
        }
    }

    /// From now on the shard tells the origin how it ends.
    pub(super) fn disarm(mut self) {
        self.is_known = false;
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if self.is_known {
            let mut request = self.request(Event::disconnect());
            let client = Client::of(request.headers(), self.has_peer);
            request.extensions_mut().insert(client);
            self.origin_client.tell(request);
        }
    }
}
