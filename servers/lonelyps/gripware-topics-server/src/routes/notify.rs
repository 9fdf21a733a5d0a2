//! `/v1/notify`: its head is verified before its message is read.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use bytes::Buf;
use gripware_topics::{
    auth::Signed,
    http::{MAX_HEAD, NotifyHead, Reply},
    trace::{Trace, TraceEvent},
};
use http::HeaderMap;

use super::{Failure, answer};
use crate::{Broadcaster, clock::since_1970, deliver::Message};

pub(super) async fn notify(
    State(broadcaster): State<Broadcaster>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let received = since_1970();
    let mut pieces = broadcaster.pieces(body);
    let (head, head_length, mut first) = pieces.head(MAX_HEAD, NotifyHead::decode).await?;
    first.advance(head_length);
    let NotifyHead {
        topic,
        digest,
        tracing,
        identifier,
        length,
    } = head;
    let signed = Signed::Notify {
        topic: &topic,
        identifier: &identifier,
        digest: &digest,
    };
    broadcaster.verify(&headers, &signed, &tracing)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    if length > broadcaster.0.settings.max_message {
        return Err(Failure::TooLarge);
    }
    let room = broadcaster.room(length)?;
    let body = pieces.message(first, length, &digest).await?;
    let message = Message::new(topic.clone(), digest, body);
    let deliverer = Arc::clone(&broadcaster.0.deliverer);
    // Who has sent it may go: what was accepted is delivered.
    let delivery = tokio::spawn(async move {
        let confirmed = deliverer.deliver(message).await;
        drop(room);
        confirmed
    });
    let notified = delivery
        .await
        .map_err(|_| Failure::Busy("a delivery has ended early"))?;
    let signed = Signed::ConfirmNotify {
        identifier: &identifier,
        subscribers: notified,
        topic: &topic,
        digest: &digest,
    };
    let answered = since_1970();
    let tracing = Trace {
        received,
        sent: answered,
        events: vec![TraceEvent::new(
            "delivered",
            format!("{{\"subscribers\": {notified}}}"),
            answered,
        )],
    }
    .encode();
    Ok(answer(&Reply::Notify {
        authorization: broadcaster.sign_traced(&signed, &tracing),
        tracing,
        notified,
        identifier,
    }))
}
