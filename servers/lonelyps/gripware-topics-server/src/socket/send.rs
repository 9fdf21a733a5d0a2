//! What is due, signed and sent.

use std::num::NonZeroU64;

use gripware_axum::{WebSocketError, WebSocketErrorKind};
use gripware_topics::{
    Tracing,
    auth::Signed,
    ws::{Counter, FromBroadcaster, MAX_MESSAGE, MAX_PAYLOAD, StreamHead, StreamPart},
};

use super::{
    fault::Fault,
    outbox::{Next, Part},
    turn::Turn,
};
use crate::Broadcaster;

/// What a message may take beside its payload: the longest topic and token, and what a turn has beside
/// the message.
const HEADERS: usize = MAX_MESSAGE - MAX_PAYLOAD + 1024;

impl Turn {
    /// Sends what is due, as far as there is room in the answer and the client has acknowledged what
    /// was sent before.
    pub(super) fn flush(&mut self) -> Result<(), Fault> {
        let limit = self.broadcaster.0.answer_limit;
        let mut is_first = true;
        loop {
            let next = {
                let outbox = self.socket.outbox();
                if let Some(loss) = outbox.loss() {
                    return Err(loss.into());
                }
                outbox.peek(MAX_PAYLOAD.min(limit.saturating_sub(HEADERS)))
            };
            let Some(next) = next else {
                return Ok(());
            };
            let configured = self.configured.as_mut().ok_or(Fault::NotConfigured)?;
            let before = configured.broadcaster.peek();
            let message = message(&self.broadcaster, &mut configured.broadcaster, &next);
            match self.ws.send_binary(message.encode(true)?) {
                Ok(()) => self.socket.outbox().pop(&next),
                Err(error) if is_full(&error) && !is_first => {
                    // It was not sent, so its number was not used.
                    configured.go_back_to(before);
                    let (broadcaster, socket) = (self.broadcaster.clone(), self.socket.clone());
                    let runtime = self.broadcaster.0.runtime.clone();
                    runtime.spawn(async move { broadcaster.sockets().wake(&[socket]).await });
                    return Ok(());
                }
                Err(error) => return Err(error.into()),
            }
            is_first = false;
        }
    }
}

fn is_full(error: &WebSocketError) -> bool {
    matches!(error.kind(), WebSocketErrorKind::ReplyTooLarge { .. })
}

/// Makes of what is due the message that says it.
fn message(broadcaster: &Broadcaster, counter: &mut Counter, next: &Next) -> FromBroadcaster {
    let tracing = Tracing::default();
    match next {
        Next::Answer(answer) => answer.clone(),
        Next::Missed(topic) => {
            let url = counter.next_url();
            FromBroadcaster::Missed {
                authorization: broadcaster.sign(&Signed::Missed { url: &url, topic }),
                tracing,
                topic: topic.clone(),
            }
        }
        Next::Part(Part {
            identifier,
            number,
            payload,
            message,
            whole,
        }) => {
            let url = counter.next_url();
            let signed = Signed::Receive {
                url: &url,
                topic: &message.topic,
                identifier,
                digest: &whole.digest,
            };
            FromBroadcaster::ReceiveStream(StreamPart {
                authorization: broadcaster.sign(&signed),
                tracing,
                identifier: identifier.clone(),
                part: NonZeroU64::new(*number).map_or_else(
                    || {
                        Ok(StreamHead {
                            topic: message.topic.clone(),
                            compressor: u64::from(whole.compressor),
                            compressed_length: whole.body.len() as u64,
                            decompressed_length: message.body.len() as u64,
                            digest: whole.digest,
                        })
                    },
                    Err,
                ),
                payload: payload.clone(),
            })
        }
    }
}
