//! A request that asks to leave HTTP, on its way to the application as it is; and the handshake of a
//! WebSocket for an application that may answer it in either of two ways.

use std::sync::Arc;

use bytes::Bytes;
use gripware_core::header::{CONNECTION_ID, GRIP_OFFER, OFFERED_EVENTS};
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode, Version,
    header::{CONNECTION, SEC_WEBSOCKET_KEY, TE, UPGRADE},
    request::Parts,
};
use http_body_util::BodyExt as _;
use hyper_util::rt::TokioIo;
use tokio::time::timeout;

use super::{
    acceptance::{Acceptance, Agreed, Line, UPGRADE_TIMEOUT},
    answer::Answer,
    body_prefix::OriginBody,
    exchange::Exchange,
    forward::{Outcome, unanswered},
    handoff_slot::{HandoffSlot, Leaving},
    options::Handshakes,
    passage::{self, Passage},
    server::Gateway,
    share::{Counted, InProgress},
};
use crate::{
    connection_id::Id,
    handoff::OriginConn,
    http::{
        body::Body,
        content_coding::{ContentCoding, decode},
        http1_head::switching_bytes,
        replay_request::ReplayRequest,
        silence::Silence,
    },
    origin::{ClientAddr, Origin, OriginError, collect, send_within},
    ws::{Accepted, extensions, handshake},
};

/// Sends a request for another protocol, signed. With an offer the application may answer the
/// handshake of a WebSocket with events as well, as if it had come as `OPEN`.
pub(super) async fn ask<S: Origin>(
    gateway: &Gateway<S>,
    origin: S,
    exchange: &Exchange,
    mut parts: Parts,
    protocol: HeaderValue,
    offer: Option<Id>,
    in_progress: Option<InProgress>,
) -> Result<Response<OriginBody>, OriginError> {
    parts.version = Version::HTTP_11;
    let headers = &mut parts.headers;
    // A 101 has no trailers.
    headers.remove(TE);
    if protocol == handshake::WEBSOCKET {
        // HTTP/2 has none.
        let key = headers.entry(SEC_WEBSOCKET_KEY);
        key.or_insert_with(handshake::random_key);
        extensions::offer_grip(headers);
    }
    passage::switching(headers, protocol);
    if let Some(id) = offer {
        headers.insert(GRIP_OFFER, OFFERED_EVENTS);
        headers.extend(HeaderValue::try_from(id.to_string()).map(|id| (CONNECTION_ID, id)));
    }
    gateway.holder.signature().write(headers);
    ClientAddr::insert(exchange.peer, &mut parts.extensions);
    let mut request = Request::from_parts(parts, Body::whole(Bytes::new()));
    let limit = gateway.holder.settings().origin_idle_timeout;
    let silence = Silence::new(limit);
    let answer = async {
        Ok(match gateway.options.handshakes {
            Handshakes::Within => send_within(origin, request)
                .await?
                .map(|body| Counted::new(body, in_progress, limit).boxed_unsync()),
            _ => origin
                .send(&mut request)
                .await?
                .map(|body| Counted::new(body, in_progress, limit).boxed_unsync()),
        })
    };
    Silence::within(silence.as_deref(), answer).await
}

/// Reads an answer of events whole, which an application may give to a handshake.
pub(super) async fn read<S: Origin>(
    gateway: &Gateway<S>,
    response: Response<OriginBody>,
) -> Result<Response<Bytes>, OriginError> {
    let (mut parts, body) = response.into_parts();
    let codings = ContentCoding::take(&mut parts.headers);
    let codings = codings.map_err(|unknown| OriginError::Failed(unknown.into()))?;
    let limit = gateway.ws_settings.limits.websocket_body;
    let wait = gateway.holder.settings().origin_timeout;
    let body = timeout(wait, collect(decode(body, &codings), limit)).await;
    let body = body.unwrap_or(Err(OriginError::TimedOut { limit: wait }))?;
    Ok(Response::from_parts(parts, body))
}

/// Returns `true` for a refusal that may be due to the method alone: the route takes the events of a
/// WebSocket, and they come by POST.
pub(super) fn wants_post(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED
    )
}

/// Returns `true` for a refusal of events by an application that may well speak WebSocket itself.
pub(super) fn wants_native(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::UNSUPPORTED_MEDIA_TYPE
            | StatusCode::UPGRADE_REQUIRED
            | StatusCode::NOT_IMPLEMENTED
    )
}

/// Lets the connection leave HTTP with the application's 101.
pub(super) fn switch<S: Origin, B>(
    gateway: &Gateway<S>,
    slot: Option<&Arc<HandoffSlot>>,
    exchange: &Exchange,
    client: Acceptance,
    id: Id,
    mut response: Response<OriginBody>,
) -> Outcome<B> {
    let protocol = response.headers().get(UPGRADE).cloned();
    let mut headers = passage::for_client(response.headers());
    let origin = hyper::upgrade::on(&mut response);
    let all = gateway.holder.passed();
    let mut passage = Passage {
        head: Bytes::new(),
        origin,
        listed: all.enter(id, exchange.since, exchange.peer),
    };
    gateway.holder.metrics().passed_sockets.add(1);
    match (client, slot) {
        (Acceptance::Http1(_), Some(_)) => {
            exchange.log(StatusCode::SWITCHING_PROTOCOLS, "passed");
            let protocol = protocol.unwrap_or(HeaderValue::from_static(handshake::WEBSOCKET));
            passage::switching(&mut headers, protocol);
            passage.head = switching_bytes(&headers);
            Outcome::Leave(Leaving::Passed(Box::new(passage)))
        }
        (Acceptance::Http2(upgrade), _) => {
            exchange.log(StatusCode::OK, "passed");
            gateway.server.spawn(async move {
                if let Ok(Ok(upgraded)) = timeout(UPGRADE_TIMEOUT, upgrade).await {
                    passage.run(TokioIo::new(upgraded), Bytes::new()).await;
                }
            });
            let mut response = Response::new(Answer::Whole(Bytes::new()));
            passage::accepting(&mut headers);
            *response.headers_mut() = headers;
            Outcome::Answer(response)
        }
        (Acceptance::Http1(_), None) => Outcome::Abandon,
    }
}

/// Takes the connection of an application that speaks GRIP on its own WebSocket (GRIP 2.8). The error is
/// the response to the client.
pub(super) async fn agree<S: Origin>(
    gateway: &Gateway<S>,
    exchange: &Exchange,
    id: Id,
    replay: ReplayRequest,
    mut response: Response<OriginBody>,
) -> Result<Agreed, Response<Bytes>> {
    let upgraded = timeout(UPGRADE_TIMEOUT, hyper::upgrade::on(&mut response)).await;
    let Ok(Ok(upgraded)) = upgraded else {
        return Err(unanswered(&*gateway.holder, exchange, &OriginError::Ended));
    };
    let (parts, _) = response.into_parts();
    let accepted = Box::new(Accepted::natively(parts.headers));
    let line = Line::Socket(OriginConn(Box::new(TokioIo::new(upgraded))));
    Ok(Agreed {
        id,
        replay,
        accepted,
        line,
    })
}

/// Returns which other protocol a request of HTTP/1.1 asks for; `None` if it asks for none that can
/// be passed on.
///
/// With `h2c` a client would speak to the application behind the hub's back, in headers that nobody
/// cleans (h2c smuggling).
pub(super) fn other_protocol(version: Version, headers: &HeaderMap) -> Option<HeaderValue> {
    let protocol = headers.get(UPGRADE)?;
    let name = protocol.as_bytes();
    let is_http = |name: &[u8]| name.to_ascii_lowercase().starts_with(b"h");
    let is_one = !name.contains(&b',') && !name.is_empty();
    (version == Version::HTTP_11
        && is_one
        && !is_http(name)
        && handshake::has_token(headers, &CONNECTION, "upgrade"))
    .then(|| protocol.clone())
}
