//! What a client publishes: whole, or in parts.

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use gripware_topics::{
    Authorization, Digest, Identifier, Tracing,
    auth::Signed,
    ws::{FromBroadcaster, Joined, StreamError, StreamHead, StreamPart, zstd},
};
use tokio::{sync::OwnedSemaphorePermit, task::spawn_blocking};

use super::{fault::Fault, turn::Turn};
use crate::deliver::Message;

/// Messages of more bytes are hashed and decompressed where blocking is allowed, which takes some
/// milliseconds a MiB: other connections have the same thread.
const AT_ONCE: usize = 64 * 1024;

/// Does some work about so many bytes. How much of it there is at a time is bounded by the room that the
/// messages take.
async fn beside<T: Send + 'static>(
    length: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    match length {
        ..=AT_ONCE => Ok(work()),
        _ => spawn_blocking(work).await.map_err(|_| Fault::State),
    }
}

impl Turn {
    pub(super) fn verify_notify(
        &self,
        authorization: Option<&Authorization>,
        tracing: &Tracing,
        identifier: &Identifier,
        head: &StreamHead,
    ) -> Result<(), Fault> {
        let configured = self.configured.as_ref().ok_or(Fault::NotConfigured)?;
        let signed = Signed::Notify {
            topic: &head.topic,
            identifier,
            digest: &head.digest,
        };
        self.verify(authorization, &signed, tracing)?;
        match head.compressor {
            0 => Ok(()),
            compressor if configured.is_compressed && compressor == u64::from(zstd::STANDARD) => {
                Ok(())
            }
            _ => Err(Fault::Compressed),
        }
    }

    pub(super) async fn notify(
        &self,
        identifier: Identifier,
        head: StreamHead,
        payload: Bytes,
    ) -> Result<(), Fault> {
        let room = self.reserve(&head)?;
        let digest = head.digest;
        let checked = beside(payload.len(), move || {
            // It is a part of all that came with this turn, which would be kept with it.
            (Digest::of(&payload) == digest).then(|| payload.to_vec().into())
        });
        let body = checked.await?.ok_or(Fault::Digest)?;
        self.publish(identifier, head, body, room).await
    }

    pub(super) async fn notify_part(&self, part: StreamPart) -> Result<(), Fault> {
        let StreamPart {
            authorization,
            tracing,
            identifier,
            part,
            payload,
        } = part;
        let head = match &part {
            Ok(head) => head.clone(),
            Err(_) => {
                let head = self.socket.incoming().joiner.head().cloned();
                head.ok_or(StreamError::NotNext)?
            }
        };
        self.verify_notify(authorization.as_ref(), &tracing, &identifier, &head)?;
        if part.is_ok() {
            let until = Instant::now() + self.broadcaster.0.settings.body_timeout;
            let room = self.reserve(&head)?;
            self.socket.incoming().reserved = Some((room, until));
        }
        let mut joiner = self.socket.incoming().take_joiner();
        let of = identifier.clone();
        let joining = beside(payload.len(), move || {
            let joined = joiner.push(&of, part, payload.to_vec().into());
            (joiner, joined)
        });
        let (joiner, joined) = joining.await?;
        self.socket.incoming().joiner = joiner;
        match joined? {
            Joined::More(number) => {
                let signed = Signed::ContinueNotify {
                    identifier: &identifier,
                    part: number,
                };
                let authorization = self.broadcaster.sign(&signed);
                self.answer(FromBroadcaster::ContinueNotify {
                    identifier,
                    part: number,
                    authorization,
                    tracing: Tracing::default(),
                })
            }
            Joined::Message {
                head,
                identifier,
                message,
            } => {
                let reserved = self.socket.incoming().reserved.take();
                let (room, _) = reserved.ok_or(Fault::State)?;
                self.publish(identifier, head, message, room).await
            }
        }
    }

    /// Takes room for a message.
    fn reserve(&self, head: &StreamHead) -> Result<OwnedSemaphorePermit, Fault> {
        let length = head.compressed_length.max(head.decompressed_length);
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        if length > self.broadcaster.0.settings.max_message {
            return Err(Fault::TooLarge);
        }
        self.broadcaster.reserve(length).ok_or(Fault::Busy)
    }

    /// Delivers a message beside this turn, and has another one when it is done.
    async fn publish(
        &self,
        identifier: Identifier,
        head: StreamHead,
        sent: Bytes,
        room: OwnedSemaphorePermit,
    ) -> Result<(), Fault> {
        let StreamHead {
            topic,
            compressor,
            decompressed_length,
            // The confirmation names what was sent.
            digest: sent_digest,
            ..
        } = head;
        let (digest, body) = match compressor {
            0 => (sent_digest, sent),
            _ => {
                let length = usize::try_from(decompressed_length).unwrap_or(usize::MAX);
                let decompressed = beside(length, move || {
                    let body = zstd::decompress(&sent, decompressed_length)?;
                    Ok((Digest::of(&body), body))
                });
                decompressed.await?.map_err(Fault::Decompress)?
            }
        };
        let place = self.socket.outbox().reserve().ok_or(Fault::Unanswered)?;
        let (broadcaster, socket) = (self.broadcaster.clone(), Arc::clone(&self.socket));
        let runtime = self.broadcaster.0.runtime.clone();
        runtime.spawn(async move {
            let message = Message::new(topic.clone(), digest, body);
            let deliverer = Arc::clone(&broadcaster.0.deliverer);
            let subscribers = deliverer.deliver(message).await;
            drop(room);
            let signed = Signed::ConfirmNotify {
                identifier: &identifier,
                subscribers,
                topic: &topic,
                digest: &sent_digest,
            };
            let authorization = broadcaster.sign(&signed);
            let answer = FromBroadcaster::ConfirmNotify {
                identifier,
                subscribers: u64::from(subscribers),
                authorization,
                tracing: Tracing::default(),
            };
            socket.outbox().answer(place, answer);
            broadcaster.sockets().wake(&[socket]).await;
        });
        Ok(())
    }
}
