//! What is published over one connection: whole, or in parts.
//!
//! A message is prepared first, which takes long for a large one and needs nothing but the message.

use std::num::NonZeroU64;

use bytes::Bytes;

use super::{
    Job,
    session::{Session, SessionError, succeed},
};
use crate::{
    Authorization, Digest, Identifier, Topic, Tracing, WireError,
    auth::{Compressor, Refusal, Signed, random_bytes},
    ws::{FromSubscriber, MAX_PAYLOAD, StreamHead, StreamPart, zstd},
};

/// Most messages that are published and not confirmed. They come to no more than [`MAX_PAYLOAD`]
/// bytes, or are one.
const MAX_PUBLISHING: usize = 64;

/// A message that is not confirmed.
#[derive(Debug)]
pub(super) struct Publishing {
    pub(super) job: Job,
    identifier: Identifier,
    digest: Digest,
    /// That of the message itself, where it is compressed.
    plain: Option<Digest>,
    /// How many bytes it has as it is sent.
    length: usize,
    /// What is not sent yet.
    rest: Bytes,
    part: u64,
}

/// A message as it is sent over one connection.
#[derive(Debug)]
pub(super) struct Prepared {
    compressor: u64,
    sent: Bytes,
    digest: Digest,
    plain: Option<Digest>,
}

impl Prepared {
    fn new(data: Bytes, compressor: Option<Compressor>) -> Self {
        let compressed = compressor.and_then(|one| {
            let compressed = zstd::compress(&data, one.level)?;
            Some((u64::from(one.id), compressed))
        });
        match compressed {
            Some((compressor, sent)) => Self {
                compressor,
                digest: Digest::of(&sent),
                plain: Some(Digest::of(&data)),
                sent,
            },
            None => Self {
                compressor: 0,
                digest: Digest::of(&data),
                plain: None,
                sent: data,
            },
        }
    }
}

impl Session {
    /// Returns what prepares a message for this connection.
    pub(super) fn prepare(&self, data: &Bytes) -> impl FnOnce() -> Prepared + Send + use<> {
        let length = data.len() as u64;
        let suits = |one: &&Compressor| (u64::from(one.min_size)..one.max_size).contains(&length);
        let compressor = self.compressor.as_ref().filter(suits).copied();
        let data = data.clone();
        move || Prepared::new(data, compressor)
    }

    /// Whether a message of so many bytes may be published now.
    pub(super) fn has_room(&self, length: usize) -> bool {
        let sum: usize = self.publishing.iter().map(|one| one.length).sum();
        // Parts of a message are followed by its parts.
        let is_complete = self
            .publishing
            .back()
            .is_none_or(|last| last.rest.is_empty());
        self.publishing.is_empty()
            || (is_complete
                && self.publishing.len() < MAX_PUBLISHING
                && sum.saturating_add(length) <= MAX_PAYLOAD)
    }

    /// Publishes a message that was prepared for this connection, in parts where it is over the limit
    /// of one.
    pub(super) fn publish(
        &mut self,
        job: Job,
        prepared: Prepared,
        now: u64,
    ) -> Result<(), WireError> {
        let Prepared {
            compressor,
            sent: mut rest,
            digest,
            plain,
        } = prepared;
        let identifier = Identifier::new(random_bytes::<8>().to_vec())?;
        let head = StreamHead {
            topic: job.topic.clone(),
            compressor,
            compressed_length: rest.len() as u64,
            decompressed_length: job.data.len() as u64,
            digest,
        };
        let authorization = self.sign_notify(&job.topic, &identifier, &digest, now);
        let (length, tracing) = (rest.len(), Tracing::default());
        let payload = rest.split_to(length.min(self.max_payload));
        let message = match rest.is_empty() {
            true => FromSubscriber::Notify {
                authorization,
                tracing,
                identifier: identifier.clone(),
                head,
                payload,
            },
            false => FromSubscriber::NotifyStream(StreamPart {
                authorization,
                tracing,
                identifier: identifier.clone(),
                part: Ok(head),
                payload,
            }),
        };
        self.say(&message)?;
        self.publishing.push_back(Publishing {
            job,
            identifier,
            digest,
            plain,
            length,
            rest,
            part: 0,
        });
        Ok(())
    }

    fn sign_notify(
        &self,
        topic: &Topic,
        identifier: &Identifier,
        digest: &Digest,
        now: u64,
    ) -> Option<Authorization> {
        let signed = Signed::Notify {
            topic,
            identifier,
            digest,
        };
        self.keys.sign(&signed, now)
    }

    pub(super) fn published(
        &mut self,
        identifier: &Identifier,
        subscribers: u32,
        authorization: Option<&Authorization>,
        tracing: &Tracing,
        now: u64,
    ) -> Result<(), SessionError> {
        let is_it = |one: &Publishing| one.identifier == *identifier && one.rest.is_empty();
        let first = self.publishing.front().filter(|one| is_it(one));
        let first = first.ok_or(SessionError::Unexpected)?;
        let verify = |digest| {
            let signed = Signed::ConfirmNotify {
                identifier,
                subscribers,
                topic: &first.job.topic,
                digest,
            };
            self.keys.verify(authorization, &signed, tracing, now)
        };
        match (verify(&first.digest), &first.plain) {
            // The original signs what it has decompressed, but for what came in parts.
            (Err(SessionError::Refused(Refusal::Mismatch)), Some(plain)) => verify(plain)?,
            (verified, _) => verified?,
        }
        let confirmed = self.publishing.pop_front();
        succeed(confirmed.map(|one| one.job.done), subscribers);
        Ok(())
    }

    /// Sends the part behind this one.
    pub(super) fn proceed(
        &mut self,
        identifier: &Identifier,
        part: u64,
        now: u64,
    ) -> Result<(), SessionError> {
        let most = self.max_payload;
        let last = self.publishing.back_mut();
        let is_it = |one: &&mut Publishing| {
            one.identifier == *identifier && one.part == part && !one.rest.is_empty()
        };
        let publishing = last.filter(is_it).ok_or(SessionError::Unexpected)?;
        publishing.part += 1;
        let number = NonZeroU64::new(publishing.part).ok_or(SessionError::Unexpected)?;
        let most = publishing.rest.len().min(most);
        let payload = publishing.rest.split_to(most);
        let (topic, digest) = (publishing.job.topic.clone(), publishing.digest);
        let message = FromSubscriber::NotifyStream(StreamPart {
            authorization: self.sign_notify(&topic, identifier, &digest, now),
            tracing: Tracing::default(),
            identifier: identifier.clone(),
            part: Err(number),
            payload,
        });
        Ok(self.say(&message)?)
    }
}
