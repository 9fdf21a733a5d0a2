//! `/v1/receive_for_websockets` and `/v1/missed_for_websockets`: what other broadcasters have for the
//! connections of this one.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use bytes::Buf;
use gripware_topics::{
    Digest, Tracing,
    auth::Signed,
    http::{MAX_HEAD, Missed, ReceiveHead, Reply},
};
use http::HeaderMap;

use super::{Failure, answer};
use crate::{Broadcaster, broadcaster::PeerSide, clock::now, deliver::Message};

/// Most bytes that say what was missed: two fields of 65 535 bytes and their lengths.
const MAX_MISSED: usize = 2 * (2 + 65_535);

pub(super) async fn receive(
    State(broadcaster): State<Broadcaster>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let PeerSide { peer, verifier } = broadcaster.peer_side()?;
    let settings = &broadcaster.0.settings;
    let digest = headers
        .get("repr-digest")
        .and_then(|value| Digest::from_repr_digest(value.to_str().ok()?))
        .ok_or(Failure::Broken("the header Repr-Digest is missing"))?;
    let mut pieces = broadcaster.pieces(body);
    let (head, head_length, mut first) = pieces.head(MAX_HEAD, ReceiveHead::decode).await?;
    first.advance(head_length);
    let url = peer.receive.as_str();
    let signed = Signed::Receive {
        url,
        topic: &head.topic,
        identifier: &head.identifier,
        digest: &digest,
    };
    super::verify(verifier, &headers, &signed, &head.tracing)?;
    let length = usize::try_from(head.length).unwrap_or(usize::MAX);
    if length > settings.max_message {
        return Err(Failure::TooLarge);
    }
    let room = broadcaster.room(length)?;
    let body = pieces.message(first, length, &digest).await?;
    let message = Arc::new(Message::new(head.topic, digest, body));
    let sockets = broadcaster.sockets();
    let under_way = sockets.deliver(&message).await;
    // The other broadcaster waits for as long as a delivery may take, and is told before that.
    let time = settings.delivery_timeout.mul_f32(0.9);
    let cut = broadcaster.0.deliverer.cut();
    let subscribers = sockets.confirmed(under_way, time, cut).await;
    drop(room);
    let (identifier, tracing) = (head.identifier, Tracing::default());
    let signed = Signed::ConfirmReceive {
        identifier: &identifier,
        subscribers,
        url,
    };
    Ok(answer(&Reply::ConfirmReceive {
        authorization: broadcaster.0.to_broadcaster.sign(&signed, &tracing, now()),
        tracing,
        identifier,
        subscribers,
    }))
}

pub(super) async fn missed(
    State(broadcaster): State<Broadcaster>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let PeerSide { peer, verifier } = broadcaster.peer_side()?;
    let mut pieces = broadcaster.pieces(body);
    let Missed { tracing, topic } = Missed::decode(pieces.whole(MAX_MISSED).await?)?;
    let url = peer.missed.as_str();
    let signed = Signed::Missed { url, topic: &topic };
    super::verify(verifier, &headers, &signed, &tracing)?;
    broadcaster.sockets().note_missed(&topic).await;
    let (signed, tracing) = (
        Signed::ConfirmMissed { topic: &topic, url },
        Tracing::default(),
    );
    Ok(answer(&Reply::ConfirmMissed {
        authorization: broadcaster.0.to_broadcaster.sign(&signed, &tracing, now()),
        tracing,
    }))
}
