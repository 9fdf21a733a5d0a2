//! The question whether a client gets a WebSocket, to an application that talks in events (GRIP 2.2,
//! 2.3).

use std::sync::Arc;

use bytes::Bytes;
use gripware_core::ws::Event;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, Version, header::HOST, request::Parts,
};
use tokio::time::sleep;

use super::{
    error_response::{busy, fault_of_client},
    exchange::Exchange,
    forward::failure,
    request::absolute,
    server::Gateway,
    share,
    share::Share,
};
use crate::{
    connection_id::Id,
    http::{
        refusal::{bad_gateway, refusal},
        replay_request::ReplayRequest,
    },
    log::TARGET,
    origin::{ClientAddr, Origin, OriginClient},
    turns::Client,
    ws::{Accepted, ConnectionMeta, EventsRequest, Opening, judge, request},
};

/// What the client gets instead of a WebSocket.
pub(super) struct Denied(pub(super) Response<Bytes>);

/// Sends `OPEN` until the origin accepts or refuses. `first` is an answer that is there already.
pub(super) async fn consent<S: Origin>(
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
                let refused = no_websocket(exchange, response.status());
                return Err(Denied(refused.unwrap_or(response)));
            }
            Opening::Invalid(why) => {
                gateway.holder.metrics().bad_gateway.add(1);
                tracing::warn!(
                    target: TARGET,
                    path = exchange.uri.path(),
                    reason = &*why,
                    "an answer to the opening of a WebSocket cannot be obeyed"
                );
                let why = settings.development.then_some(&*why);
                return Err(Denied(bad_gateway(why)));
            }
        }
    }
}

/// Returns what a client gets in place of an answer that would be a WebSocket to it: over HTTP/2 any
/// 2xx accepts (RFC 8441, section 5), and what comes behind it would be read as frames.
pub(super) fn no_websocket(exchange: &Exchange, status: StatusCode) -> Option<Response<Bytes>> {
    let accepts = exchange.version == Version::HTTP_2 && status.is_success();
    accepts.then(|| refusal(StatusCode::NOT_IMPLEMENTED, "There is no WebSocket here.\n"))
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
    pub(super) id: Id,
    pub(super) replay: ReplayRequest,
    meta: ConnectionMeta,
    origin_client: OriginClient,
    is_known: bool,
    has_peer: bool,
}

impl Opened {
    /// Makes one of a handshake; `None` if its head is too large to be kept.
    pub(super) fn of<S: Origin>(
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
        let host = parts.headers.get(HOST).map(HeaderValue::as_bytes);
        parts.uri = absolute(&parts.uri, host, exchange.is_tls);
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

    /// From now on the shard tells the origin how it ends.
    pub(super) fn disarm(mut self) {
        self.is_known = false;
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if self.is_known {
            let request = self.request(Event::disconnect());
            let client = Client::of(request.headers(), self.has_peer);
            self.origin_client.tell(client, request);
        }
    }
}
