//! What a client publishes: whole, or in parts.

use std::sync::Arc;

use bytes::Bytes;
use gripware_topics::{
    Authorization, Digest, Identifier, Tracing,
    auth::Signed,
    ws::{FromBroadcaster, Joined, StreamError, StreamHead, StreamPart, zstd},
};
use tokio::sync::OwnedSemaphorePermit;

use super::{fault::Fault, turn::Turn};
use crate::deliver::Message;

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

    pub(super) fn notify(
        &self,
        identifier: Identifier,
        head: StreamHead,
        payload: &[u8],
    ) -> Result<(), Fault> {
        let room = self.reserve(&head)?;
        if Digest::of(payload) != head.digest {
            return Err(Fault::Digest);
        }
        // It is a part of all that came with this turn, which would be kept with it.
        let body = payload.to_vec().into();
        self.publish(identifier, head, body, room)
    }

    pub(super) fn notify_part(&self, part: StreamPart) -> Result<(), Fault> {
        let mut incoming = self.socket.incoming();
        let head = match &part.part {
            Ok(head) => head.clone(),
            Err(_) => {
                let head = incoming.joiner.head().cloned();
                head.ok_or(StreamError::NotNext)?
            }
        };
        let authorization = part.authorization.as_ref();
        self.verify_notify(authorization, &part.tracing, &part.identifier, &head)?;
        if part.part.is_ok() {
            incoming.room = Some(self.reserve(&head)?);
        }
        let payload = part.payload.to_vec().into();
        match incoming.joiner.push(&part.identifier, part.part, payload)? {
            Joined::More(number) => {
                let signed = Signed::ContinueNotify {
                    identifier: &part.identifier,
                    part: number,
                };
                let authorization = self.broadcaster.sign(&signed);
                self.answer(FromBroadcaster::ContinueNotify {
                    identifier: part.identifier,
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
                let room = incoming.room.take().ok_or(Fault::State)?;
                self.publish(identifier, head, message, room)
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
    fn publish(
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
                let body = zstd::decompress(&sent, decompressed_length);
                let body = body.map_err(Fault::Decompress)?;
                (Digest::of(&body), body)
            }
        };
        let place = self.socket.outbox().reserve().ok_or(Fault::Unanswered)?;
        let (broadcaster, socket) = (self.broadcaster.clone(), Arc::clone(&self.socket));
        tokio::spawn(async move {
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
