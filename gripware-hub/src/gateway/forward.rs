//! The way of a request through the gateway: it is checked, cleaned, signed and sent to the origin,
//! and the response goes to its [`Disposition`].

use std::{
    convert::Infallible,
    future::pending,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
};

use bytes::Bytes;
use gripware_core::{ErrorChain, header::trim_ows_bytes};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, header::CONTENT_TYPE, request::Parts,
};
use http_body::Body as _;
use hyper::{body::Incoming, service::Service};

use super::{
    acceptance,
    answer::Answer,
    body_prefix::OriginBody,
    delivery::Delivery,
    disposition::Disposition,
    error_response::{busy, fault_of_client},
    exchange::Exchange,
    handoff_slot::{HandoffSlot, Leaving},
    native, request,
    server::Gateway,
    share,
    share::{Counted, InProgress, Share, Shares},
    streams::StreamWatch,
    websocket,
};
use crate::{
    clock,
    connection_id::Id,
    handoff::Holder,
    http::{
        body::Body,
        refusal::{bad_gateway, refusal},
        replay_request::ReplayRequest,
        silence::Silence,
    },
    log::TARGET,
    origin::{ClientAddr, Origin, OriginError, OverTls},
    ws::deflate::Agreement,
};

/// The service that hyper calls for each request of one connection.
pub(super) struct Client<S> {
    pub(super) gateway: Arc<Gateway<S>>,
    pub(super) origin: S,
    pub(super) peer: Arc<Peer>,
    /// Where the handoff of a hold goes; `None` on HTTP/2, where a hold does not end the connection.
    pub(super) slot: Option<Arc<HandoffSlot>>,
}

/// The client of a connection.
#[derive(Debug)]
pub(super) struct Peer {
    at: Option<SocketAddr>,
    text: Option<Arc<str>>,
    /// Its address as text, made once for all requests.
    forwarded_for: Option<HeaderValue>,
    is_tls: bool,
    /// What its address may have in progress. `None` on a unix socket.
    share: Option<Arc<Share>>,
}

impl Peer {
    pub(super) fn new(at: Option<SocketAddr>, is_tls: bool, shares: &Arc<Shares>) -> Self {
        Self {
            at,
            text: at.map(|at| at.to_string().into()),
            forwarded_for: at.and_then(request::forwarded_for),
            is_tls,
            share: at.map(|at| shares.of(at.ip())),
        }
    }

    /// Returns the share that a request counts for: behind a trusted proxy that of the address which
    /// the proxy names.
    fn share<S>(&self, gateway: &Gateway<S>, headers: &HeaderMap) -> Option<Arc<Share>> {
        let trusted = gateway.options.trust_forwarded;
        let forwarded = trusted
            .then(|| request::forwarded_address(headers))
            .flatten();
        forwarded
            .map(|address| gateway.shares.of(address))
            .or_else(|| self.share.clone())
    }
}

/// What becomes of a request.
pub(super) enum Outcome<B> {
    Answer(Response<Answer<B>>),
    /// The connection leaves hyper.
    Leave(Leaving),
    /// The stream is reset: an answer that was promised will not come.
    Abandon,
}

impl Outcome<OriginBody> {
    /// The same among answers with bodies of another type.
    pub(super) fn boxed<B>(self) -> Outcome<B> {
        match self {
            Self::Answer(response) => Outcome::Answer(response.map(Answer::boxed)),
            Self::Leave(leaving) => Outcome::Leave(leaving),
            Self::Abandon => Outcome::Abandon,
        }
    }
}

impl<B> From<Response<Bytes>> for Outcome<B> {
    fn from(response: Response<Bytes>) -> Self {
        Self::Answer(response.map(Answer::Whole))
    }
}

/// Ends a stream of HTTP/2 without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the hold has ended without an answer")]
pub(super) struct Abandoned;

impl<S: Origin> Service<Request<Incoming>> for Client<S> {
    type Response = Response<Delivery<Counted<S::Body>>>;
    type Error = Abandoned;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Abandoned>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let (gateway, origin) = (Arc::clone(&self.gateway), self.origin.clone());
        let (peer, slot) = (Arc::clone(&self.peer), self.slot.clone());
        Box::pin(async move {
            match forward(&gateway, origin, &peer, slot.as_ref(), request).await {
                Outcome::Answer(response) => {
                    if let Some(slot) = slot.filter(|_| are_events(response.headers())) {
                        slot.is_followed();
                    }
                    Ok(response.map(|answer| Delivery::new(answer, StreamWatch::current())))
                }
                Outcome::Leave(leaving) => {
                    if let Some(slot) = slot {
                        slot.put(leaving);
                        match pending::<Infallible>().await {}
                    }
                    Err(Abandoned)
                }
                Outcome::Abandon => Err(Abandoned),
            }
        })
    }
}

/// Returns `true` for server-sent events. They have no end, so a client that sends no more and stays
/// for them would be one that nobody else can tell from one that has left.
fn are_events(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let essence = kind.and_then(|kind| kind.split(|byte| *byte == b';').next());
    essence.is_some_and(|it| trim_ows_bytes(it).eq_ignore_ascii_case(b"text/event-stream"))
}

async fn forward<S: Origin>(
    gateway: &Gateway<S>,
    origin: S,
    peer: &Peer,
    slot: Option<&Arc<HandoffSlot>>,
    mut request: Request<Incoming>,
) -> Outcome<Counted<S::Body>> {
    let holder = &gateway.holder;
    let (settings, metrics) = (holder.settings(), holder.metrics());
    metrics.requests.add(1);
    let upgrade = websocket::UpgradeRequest::of(&mut request);
    let other = native::other_protocol(request.version(), request.headers());
    let (mut parts, incoming) = request.into_parts();
    if let Some(slot) = slot {
        slot.begins(!incoming.is_end_stream(), upgrade.is_some());
    }
    let exchange = Exchange {
        method: parts.method.clone(),
        uri: parts.uri.clone(),
        version: parts.version,
        keep_alive: request::keeps_alive(parts.version, &parts.headers),
        is_tls: peer.is_tls,
        peer: peer.at,
        peer_text: peer.text.clone(),
        since: clock::now(),
    };
    if let Err((status, text)) = request::check(&mut parts) {
        exchange.log(status, "none");
        return refusal(status, text).into();
    }
    let upgrade = upgrade.map(|it| it.check(&parts, incoming.is_end_stream()));
    let share = peer.share(gateway, &parts.headers);
    let trusted = gateway.options.trust_forwarded;
    request::clean(
        &mut parts,
        peer.forwarded_for.as_ref(),
        peer.is_tls,
        trusted,
    );
    if peer.is_tls {
        parts.extensions.insert(OverTls);
    }
    match upgrade {
        Some(Ok(client)) => {
            // In a box, since the future of each plain request would have room for it.
            let deflates = gateway.holder.settings().permessage_deflate;
            let opening = websocket::Handshake {
                slot,
                share,
                exchange,
                compression: Agreement::of(&parts.headers).filter(|_| deflates),
                parts,
            };
            return Box::pin(opening.open(gateway, origin, client)).await;
        }
        Some(Err(response)) => {
            exchange.log(response.status(), "none");
            return (*response).into();
        }
        None => {}
    }
    let Ok(in_progress) = share::enter(share).await else {
        metrics.busy.add(1);
        let response = busy();
        exchange.log(response.status(), "none");
        return response.into();
    };
    let replay = ReplayRequest::new(&parts, Bytes::new());
    ClientAddr::insert(peer.at, &mut parts.extensions);
    holder.signature().write(&mut parts.headers);
    if let Some(protocol) = other.filter(|_| incoming.is_end_stream()) {
        let request = Passing {
            exchange,
            parts,
            replay,
        };
        return Box::pin(request.pass(gateway, origin, slot, protocol, in_progress)).await;
    }
    let (body, rest) = if incoming.is_end_stream() {
        (Body::whole(Bytes::new()), None)
    } else {
        let (body, rest) = Body::kept(incoming, settings.max_held_request);
        (body, Some(rest))
    };
    let limit = settings.origin_idle_timeout;
    let silence = Silence::new(limit);
    let body = body.with_silence(silence.clone());
    let answered = {
        let mut request = Request::from_parts(parts, body);
        // Pinned here: whoever took it by value would have room for it twice.
        let answer = pin!(origin.send(&mut request));
        Silence::within(silence.as_deref(), answer).await
    };
    let response = match answered {
        Ok(response) => response.map(|body| Counted::new(body, in_progress, limit)),
        Err(error) => return unanswered(&**holder, &exchange, &error).into(),
    };
    let disposition = Disposition {
        holder,
        origin_client: &gateway.origin_client,
        slot,
        exchange,
        replay,
        rest,
    };
    disposition.make(response).await
}

/// A request for another protocol than HTTP or WebSocket.
struct Passing {
    exchange: Exchange,
    parts: Parts,
    replay: ReplayRequest,
}

impl Passing {
    /// Lets the application decide: the connection is the new protocol's from its 101 on, and any
    /// other answer is one like all.
    async fn pass<S: Origin, B>(
        self,
        gateway: &Gateway<S>,
        origin: S,
        slot: Option<&Arc<HandoffSlot>>,
        protocol: HeaderValue,
        in_progress: Option<InProgress>,
    ) -> Outcome<B> {
        let (exchange, parts) = (self.exchange, self.parts);
        let answer = native::ask(
            gateway,
            origin,
            &exchange,
            parts,
            protocol,
            None,
            in_progress,
        );
        let response = match answer.await {
            Ok(response) => response,
            Err(error) => return unanswered(&*gateway.holder, &exchange, &error).into(),
        };
        if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            let client = acceptance::Acceptance::Http1(None);
            return native::switch(gateway, slot, &exchange, client, Id::random(), response);
        }
        let disposition = Disposition {
            holder: &gateway.holder,
            origin_client: &gateway.origin_client,
            slot,
            exchange,
            replay: self.replay,
            rest: None,
        };
        disposition.make(response).await.boxed()
    }
}

/// Returns the response where the origin has given none.
pub(super) fn unanswered(
    holder: &dyn Holder,
    exchange: &Exchange,
    error: &OriginError,
) -> Response<Bytes> {
    let response = fault_of_client(error).unwrap_or_else(|| {
        holder.metrics().bad_gateway.add(1);
        failure(exchange, error, holder.settings().development)
    });
    exchange.log(response.status(), "none");
    response
}

pub(super) fn failure(
    exchange: &Exchange,
    error: &OriginError,
    development: bool,
) -> Response<Bytes> {
    let why = ErrorChain(error).to_string();
    tracing::warn!(
        target: TARGET,
        method = %exchange.method,
        path = exchange.uri.path(),
        reason = %why,
        "the origin has not answered"
    );
    let mut response = bad_gateway(development.then_some(&*why));
    if let OriginError::TimedOut { .. } = error {
        *response.status_mut() = StatusCode::GATEWAY_TIMEOUT;
    }
    response
}
