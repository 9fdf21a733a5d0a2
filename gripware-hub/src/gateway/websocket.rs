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
    body_prefix::OriginBody,
    disposition::Disposition,
    error_response::{busy, fault_of_client, head_too_large},
    exchange::Exchange,
    forward::{Outcome, failure, unanswered},
    handoff_slot::{Handoff, HandoffSlot, Leaving, Whom},
    native,
    options::Handshakes,
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
    ws::{Accepted, ConnectionMeta, EventsRequest, Opening, handshake, is_events, judge, request},
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
    /// By a 101 with this `Sec-WebSocket-Accept`, if it is for a WebSocket.
    Http1(Option<HeaderValue>),
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
                .map(|accept| Acceptance::Http1(Some(accept)))
                .map_err(refused),
            Self::Http2(upgrade) => handshake::check_version(&parts.headers)
                .map(|()| Acceptance::Http2(upgrade))
                .map_err(refused),
        }
    }
}

/// A handshake that is in order, and whose it is.
pub(super) struct Handshake<'a> {
    pub(super) slot: Option<&'a Arc<HandoffSlot>>,
    pub(super) share: Option<Arc<Share>>,
    pub(super) exchange: Exchange,
    pub(super) parts: Parts,
}

impl Handshake<'_> {
    /// Lets the application decide what becomes of the client, and its connection leave HTTP.
    pub(super) async fn open<S: Origin>(
        self,
        gateway: &Gateway<S>,
        origin: S,
        client: Acceptance,
    ) -> Outcome<Counted<S::Body>> {
        let id = Id::random();
        if gateway.options.handshakes == Handshakes::Events {
            return self.converse(gateway, client, id, None).await;
        }
        let response = match self.ask(gateway, origin, id).await {
            Ok(response) => response,
            Err(response) => return response.into(),
        };
        let status = response.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return native::switch(gateway, self.slot, &self.exchange, client, id, response);
        }
        let is_offer = gateway.options.handshakes.are_offers();
        if is_offer && is_events(&response) {
            return match native::read(gateway, response).await {
                Ok(first) => self.converse(gateway, client, id, Some(first)).await,
                Err(error) => unanswered(&*gateway.holder, &self.exchange, &error).into(),
            };
        }
        if is_offer && native::wants_post(status) {
            return self.fall_back(gateway, client, id, response).await;
        }
        self.answer(gateway, response).await
    }

    /// Passes the handshake on as it is.
    async fn ask<S: Origin>(
        &self,
        gateway: &Gateway<S>,
        origin: S,
        id: Id,
    ) -> Result<Response<OriginBody>, Response<Bytes>> {
        let exchange = &self.exchange;
        let Ok(in_progress) = share::enter(self.share.clone()).await else {
            gateway.holder.metrics().busy.add(1);
            let response = busy();
            exchange.log(response.status(), "none");
            return Err(response);
        };
        let offer = gateway.options.handshakes.are_offers().then_some(id);
        let protocol = HeaderValue::from_static(handshake::WEBSOCKET);
        let parts = self.parts.clone();
        native::ask(
            gateway,
            origin,
            exchange,
            parts,
            protocol,
            offer,
            in_progress,
        )
        .await
        .map_err(|error| unanswered(&*gateway.holder, exchange, &error))
    }

    /// Repeats as events a handshake that was refused, maybe for its method alone. If the events are
    /// refused alike, the first answer is that of the route for WebSockets.
    async fn fall_back<S: Origin>(
        self,
        gateway: &Gateway<S>,
        client: Acceptance,
        id: Id,
        refused: Response<OriginBody>,
    ) -> Outcome<Counted<S::Body>> {
        let handshake = Handshake {
            parts: self.parts.clone(),
            share: self.share.clone(),
            exchange: self.exchange.clone(),
            ..self
        };
        let Some(mut opened) = Opened::of(gateway, id, &self.exchange, self.parts) else {
            let response = head_too_large();
            self.exchange.log(response.status(), "none");
            return response.into();
        };
        let exchange = &self.exchange;
        match consent(gateway, self.share.as_ref(), exchange, &mut opened, None).await {
            Ok(accepted) => {
                if gateway.holder.settings().development {
                    let path = exchange.uri.path();
                    tracing::info!(
                        target: TARGET, path,
                        "a WebSocket's route takes POST alone: one that takes GET too opens at once"
                    );
                }
                accept(gateway, self.slot, exchange, client, opened, accepted).await
            }
            Err(Denied(response)) if native::wants_native(response.status()) => {
                handshake.answer(gateway, refused).await
            }
            Err(Denied(response)) => {
                exchange.log(response.status(), "none");
                response.into()
            }
        }
    }

    /// Talks in events (GRIP 2.2, 2.3). `first` is the answer to an opening that was offered.
    async fn converse<S: Origin>(
        self,
        gateway: &Gateway<S>,
        client: Acceptance,
        id: Id,
        first: Option<Response<Bytes>>,
    ) -> Outcome<Counted<S::Body>> {
        let exchange = &self.exchange;
        let Some(mut opened) = Opened::of(gateway, id, exchange, self.parts) else {
            let response = head_too_large();
            self.exchange.log(response.status(), "none");
            return response.into();
        };
        match consent(gateway, self.share.as_ref(), exchange, &mut opened, first).await {
            Ok(accepted) => accept(gateway, self.slot, exchange, client, opened, accepted).await,
            Err(Denied(response)) => {
                let status = response.status();
                if gateway.options.handshakes == Handshakes::Events && native::wants_native(status)
                {
                    tracing::warn!(
                        target: TARGET,
                        path = exchange.uri.path(),
                        status = status.as_u16(),
                        "the opening of a WebSocket is refused as events; if the application speaks \
                         WebSocket itself, set native_websockets (--native-websockets)"
                    );
                }
                exchange.log(status, "none");
                response.into()
            }
        }
    }

    /// Gives the client the answer of an application that wants no WebSocket.
    async fn answer<S: Origin>(
        self,
        gateway: &Gateway<S>,
        response: Response<OriginBody>,
    ) -> Outcome<Counted<S::Body>> {
        let disposition = Disposition {
            holder: &gateway.holder,
            origin_client: &gateway.origin_client,
            slot: self.slot,
            replay: ReplayRequest::new(&self.parts, Bytes::new()),
            exchange: self.exchange,
            rest: None,
        };
        disposition.make(response).await.boxed()
    }
}

/// What the client gets instead of a WebSocket.
struct Denied(Response<Bytes>);

/// Lets the connection of a client with the origin's consent leave HTTP.
async fn accept<S: Origin>(
    gateway: &Gateway<S>,
    slot: Option<&Arc<HandoffSlot>>,
    exchange: &Exchange,
    client: Acceptance,
    opening: Opened,
    accepted: Box<Accepted>,
) -> Outcome<Counted<S::Body>> {
    gateway.holder.metrics().held_websockets.add(1);
    match (client, slot) {
        (Acceptance::Http1(Some(accept)), Some(_)) => {
            exchange.log_held(
                StatusCode::SWITCHING_PROTOCOLS,
                "websocket",
                Some(opening.id),
            );
            let response = handshake::switching(accept, accepted.headers.clone());
            let head = switching_bytes(response.headers());
            let handoff = opening.handoff(exchange, accepted, head);
            Outcome::Leave(Leaving::Held(Box::new(handoff)))
        }
        (Acceptance::Http2(upgrade), _) => {
            exchange.log_held(StatusCode::OK, "websocket", Some(opening.id));
            let mut response = Response::new(Answer::Whole(Bytes::new()));
            response.headers_mut().clone_from(&accepted.headers);
            strip_hop_by_hop(response.headers_mut());
            let handoff = opening.handoff(exchange, accepted, Bytes::new());
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

/// Sends `OPEN` until the origin accepts or refuses. `first` is an answer that is there already.
async fn consent<S: Origin>(
    gateway: &Gateway<S>,
    share: Option<&Arc<Share>>,
    exchange: &Exchange,
    opening: &mut Opened,
    mut first: Option<Response<Bytes>>,
) -> Result<Box<Accepted>, Denied> {
    let settings = gateway.holder.settings();
    loop {
        let answer = match first.take() {
            Some(answer) => {
                opening.is_known = true;
                answer
            }
            None => send_open(gateway, share, exchange, opening).await?,
        };
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
                        return Err(Denied(refusal(StatusCode::SERVICE_UNAVAILABLE, text)));
                    }
                }
            }
            Opening::Refused(response) => {
                opening.is_known = false;
                return Err(Denied(response));
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
                return Err(Denied(bad_gateway(why)));
            }
        }
    }
}

async fn send_open<S: Origin>(
    gateway: &Gateway<S>,
    share: Option<&Arc<Share>>,
    exchange: &Exchange,
    opening: &mut Opened,
) -> Result<Response<Bytes>, Denied> {
    let Ok(_in_progress) = share::enter(share.cloned()).await else {
        gateway.holder.metrics().busy.add(1);
        return Err(Denied(busy()));
    };
    // From now on the origin may know of the connection.
    opening.is_known = true;
    let mut request = opening.request(Event::open());
    ClientAddr::insert(exchange.peer, request.extensions_mut());
    let limit = gateway.ws_settings.limits.websocket_body;
    let answer = gateway.origin_client.send(request, limit).await;
    answer.map_err(|error| {
        if let Some(response) = fault_of_client(&error) {
            opening.is_known = false;
            return Denied(response);
        }
        gateway.holder.metrics().bad_gateway.add(1);
        let development = gateway.holder.settings().development;
        Denied(failure(exchange, &error, development))
    })
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
    /// Makes one of a handshake; `None` if its head is too large to be kept.
    fn of<S: Origin>(
        gateway: &Gateway<S>,
        id: Id,
        exchange: &Exchange,
        parts: Parts,
    ) -> Option<Self> {
        let opened = Self::new(gateway, id, exchange, parts);
        let limit = gateway.holder.settings().max_held_head;
        (opened.replay.head_len() <= limit).then_some(opened)
    }

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
