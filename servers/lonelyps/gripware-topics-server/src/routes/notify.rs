//! `/v1/notify`: its head is verified before its message is read.

use std::sync::Arc;

use axum::{body::Body, extract::State, response::Response};
use bytes::{Bytes, BytesMut};
use gripware_topics::{
    Digest,
    auth::Signed,
    http::{MAX_HEAD, NotifyHead, Reply},
    trace::{Trace, TraceEvent},
};
use http::HeaderMap;

use super::{Failure, answer, body::Pieces};
use crate::{Broadcaster, clock::since_1970, deliver::Message};

pub(super) async fn notify(
    State(broadcaster): State<Broadcaster>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Failure> {
    let received = since_1970();
    let settings = &broadcaster.0.settings;
    let mut pieces = Pieces::new(body, settings.body_timeout);
    let (head, head_length, arrived) = pieces.head(MAX_HEAD, NotifyHead::decode).await?;
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
    if length > settings.max_message {
        return Err(Failure::TooLarge);
    }
    let room = broadcaster.room(length)?;
    let body = message(&mut pieces, arrived.slice(head_length..), length).await?;
    if Digest::of(&body) != digest {
        return Err(Failure::Broken("the message has another digest"));
    }
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

/// Reads a message of so many bytes, of which the first ones have come.
pub(super) async fn message(
    pieces: &mut Pieces,
    first: Bytes,
    length: usize,
) -> Result<Bytes, Failure> {
    let other = Failure::Broken("the message has another length");
    // What has come whole is not copied.
    if first.len() == length {
        return match pieces.next().await? {
            None => Ok(first),
            Some(more) if more.is_empty() => Ok(first),
            Some(_) => Err(other),
        };
    }
    let mut message = BytesMut::with_capacity(length);
    let mut next = Some(first);
    while let Some(piece) = next {
        if message.len() + piece.len() > length {
            return Err(other);
        }
        message.extend_from_slice(&piece);
        next = pieces.next().await?;
    }
    match message.len() == length {
        true => Ok(message.freeze()),
        false => Err(other),
    }
}
