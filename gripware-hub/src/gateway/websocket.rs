//! A client that asks for a WebSocket, up to the moment that it has one.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderValue, Method, Request, Response, StatusCode, header::SEC_WEBSOCKET_EXTENSIONS,
    request::Parts,
};
use hyper::{body::Incoming, ext::Protocol, upgrade::OnUpgrade};

use super::{
    acceptance::{Acceptance, Agreed},
    body_prefix::OriginBody,
    consent::{Denied, Opened, consent, no_websocket},
    disposition::Disposition,
    error_response::{busy, head_too_large},
    exchange::Exchange,
    forward::{Outcome, unanswered},
    handoff_slot::HandoffSlot,
    native,
    server::Gateway,
    share,
    share::{Counted, Share},
};
use crate::{
    connection_id::Id,
    http::{refusal::refusal, replay_request::ReplayRequest},
    log::TARGET,
    origin::Origin,
    ws::{deflate::Agreement, extensions, handshake, is_events},
};

/// A request for a WebSocket, as its version of HTTP expresses it.
pub(super) enum UpgradeRequest {
    Http1,
    /// An extended CONNECT (RFC 8441).
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
    /// How messages are compressed, where the client and the hub agree.
    pub(super) compression: Option<Agreement>,
}

impl Handshake<'_> {
    /// Lets the application decide what becomes of the client, and its connection leave HTTP.
    pub(super) async fn open<S: Origin>(
        mut self,
        gateway: &Gateway<S>,
        origin: S,
        client: Acceptance,
    ) -> Outcome<Counted<S::Body>> {
        let id = Id::random();
        if gateway.options.handshakes.are_events(&self.parts) {
            return self.converse(gateway, client, id, None).await;
        }
        let response = match self.ask(gateway, origin, id).await {
            Ok(response) => response,
            Err(response) => return response.into(),
        };
        let status = response.status();
        if status == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(gateway, client, id, response).await;
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

    /// Lets the application have the connection, or both: the hub listens where it speaks GRIP.
    async fn switch<S: Origin>(
        self,
        gateway: &Gateway<S>,
        client: Acceptance,
        id: Id,
        response: Response<OriginBody>,
    ) -> Outcome<Counted<S::Body>> {
        let exchange = &self.exchange;
        if !extensions::have_grip(response.headers()) {
            return native::switch(gateway, self.slot, exchange, client, id, response);
        }
        let replay = ReplayRequest::new(&self.parts, Bytes::new());
        match native::agree(gateway, exchange, id, replay, response).await {
            Ok(agreed) => {
                let agreed = agreed.compressed(self.compression);
                agreed.hold(gateway, self.slot, exchange, client).await
            }
            Err(response) => response.into(),
        }
    }

    /// Passes the handshake on as it is. An application that chooses GRIP and another extension is asked
    /// once more with GRIP alone: what is compressed cannot be obeyed.
    async fn ask<S: Origin>(
        &mut self,
        gateway: &Gateway<S>,
        origin: S,
        id: Id,
    ) -> Result<Response<OriginBody>, Response<Bytes>> {
        let response = self.ask_once(gateway, origin.clone(), id).await?;
        let chosen = response.headers();
        let is_mixed = extensions::have_grip(chosen) && extensions::have_others(chosen);
        if !is_mixed || response.status() != StatusCode::SWITCHING_PROTOCOLS {
            return Ok(response);
        }
        let offered = self.parts.headers.remove(SEC_WEBSOCKET_EXTENSIONS);
        if offered.is_none() {
            return Ok(response);
        }
        drop(response);
        self.ask_once(gateway, origin, id).await
    }

    async fn ask_once<S: Origin>(
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
                        "a WebSocket's route takes POST alone: one that takes GET too, as websocket(handler) makes \
                         it, opens at once"
                    );
                }
                let agreed = Agreed::in_events(opened, accepted).compressed(self.compression);
                agreed.hold(gateway, self.slot, exchange, client).await
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
        let are_events = gateway.options.handshakes.are_events(&self.parts);
        let Some(mut opened) = Opened::of(gateway, id, exchange, self.parts) else {
            let response = head_too_large();
            self.exchange.log(response.status(), "none");
            return response.into();
        };
        match consent(gateway, self.share.as_ref(), exchange, &mut opened, first).await {
            Ok(accepted) => {
                let agreed = Agreed::in_events(opened, accepted).compressed(self.compression);
                agreed.hold(gateway, self.slot, exchange, client).await
            }
            Err(Denied(response)) => {
                let status = response.status();
                if are_events && native::wants_native(status) {
                    tracing::warn!(
                        target: TARGET,
                        path = exchange.uri.path(),
                        status = status.as_u16(),
                        "the opening of a WebSocket is refused as events; if the application speaks \
                         WebSocket itself, set native_websockets (--native-websockets), or native_ws \
                         at its route"
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
        if let Some(refused) = no_websocket(&self.exchange, response.status()) {
            self.exchange.log(refused.status(), "none");
            return refused.into();
        }
        let exchange = self.exchange.clone();
        let disposition = Disposition {
            holder: &gateway.holder,
            origin_client: &gateway.origin_client,
            slot: self.slot,
            replay: ReplayRequest::new(&self.parts, Bytes::new()),
            exchange: self.exchange,
            rest: None,
        };
        let outcome = disposition.make(response).await;
        // An instruction may have set another status.
        if let Outcome::Answer(response) = &outcome
            && let Some(refused) = no_websocket(&exchange, response.status())
        {
            return refused.into();
        }
        outcome.boxed()
    }
}
