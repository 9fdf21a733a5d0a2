//! What is said over one connection, without a socket or a clock: messages of the broadcaster and
//! `now` go in, messages for it and for the client come out.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use thiserror::Error;

use super::{
    Done, Job,
    acks::Acks,
    joining::{Joining, Outcome, Whole},
    opening::{Keys, Limits},
    publish::Publishing,
};
use crate::{
    Authorization, Pattern, Topic, Tracing, WireError,
    auth::{Compressor, Refusal, Signed},
    ws::{Counter, FromBroadcaster, FromSubscriber, Joiner, Side, StreamError, StreamPart, zstd},
};

/// Why a connection cannot go on.
#[derive(Debug, Error)]
pub(super) enum SessionError {
    #[error("a message is malformed")]
    Wire(#[from] WireError),
    #[error("a message is not signed by the broadcaster")]
    Refused(#[from] Refusal),
    #[error("parts are no message")]
    Stream(#[from] StreamError),
    #[error("a message is not of the size that it was said to have")]
    Decompress(#[source] std::io::Error),
    #[error("a message answers nothing that was asked")]
    Unexpected,
    #[error("a compressor is used that was not agreed on")]
    Compressor,
    #[error("more messages come than are acknowledged")]
    Flood,
}

/// What comes for the client.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Received {
    /// A message, with the number by which it is to be confirmed.
    Message(u64, Topic, Bytes),
    /// Messages of a topic were missed.
    Missed(Topic),
}

/// What a message of the broadcaster comes to.
#[derive(Debug)]
pub(super) enum Heard {
    /// It is dealt with, and may have something for the client.
    Done(Option<Received>),
    /// It is a part of a message, to be [joined](Joining::run) and then [taken](Session::joined)
    /// before anything else is heard.
    Part(Box<Joining>),
}

/// A subscription that is asked for or taken back.
#[derive(Debug)]
struct Change {
    pattern: Pattern,
    is_added: bool,
    /// What was signed, and will be in the answer.
    url: String,
    done: Vec<Done<()>>,
}

/// A configured connection.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) keys: Keys,
    own: Counter,
    theirs: Counter,
    may_compress: bool,
    pub(super) compressor: Option<Compressor>,
    /// What the broadcaster sends here, as soon as it has read all that was said.
    patterns: BTreeSet<Pattern>,
    changing: VecDeque<Change>,
    pub(super) publishing: VecDeque<Publishing>,
    joiner: Joiner,
    pub(super) max_payload: usize,
    acks: Acks,
    outgoing: VecDeque<Bytes>,
}

impl Session {
    /// Starts with the keys and the nonce of a connection.
    pub(super) fn new(keys: Keys, nonce: &str, limits: Limits, may_compress: bool) -> Self {
        Self {
            keys,
            own: Counter::new(nonce, Side::Subscriber),
            theirs: Counter::new(nonce, Side::Broadcaster),
            may_compress,
            compressor: None,
            patterns: BTreeSet::new(),
            changing: VecDeque::new(),
            publishing: VecDeque::new(),
            joiner: Joiner::new(limits.message as u64),
            max_payload: limits.payload,
            acks: Acks::default(),
            outgoing: VecDeque::new(),
        }
    }

    /// Returns the next message for the broadcaster.
    pub(super) fn pop(&mut self) -> Option<Bytes> {
        self.outgoing.pop_front()
    }

    /// Whether there is a message for the broadcaster.
    pub(super) fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty()
    }

    pub(super) fn subscribe(
        &mut self,
        pattern: Pattern,
        done: Option<Done<()>>,
        now: u64,
    ) -> Result<(), WireError> {
        if self.patterns.insert(pattern.clone()) {
            return self.change(pattern, true, done, now);
        }
        let mut changing = self.changing.iter_mut().rev();
        match changing.find(|change| change.pattern == pattern) {
            Some(change) => change.done.extend(done),
            None => succeed(done, ()),
        }
        Ok(())
    }

    pub(super) fn unsubscribe(
        &mut self,
        pattern: Pattern,
        done: Option<Done<()>>,
        now: u64,
    ) -> Result<(), WireError> {
        if self.patterns.remove(&pattern) {
            return self.change(pattern, false, done, now);
        }
        succeed(done, ());
        Ok(())
    }

    /// Unsubscribes from what is not wanted.
    pub(super) fn retain(
        &mut self,
        is_wanted: impl Fn(&Pattern) -> bool,
        now: u64,
    ) -> Result<(), WireError> {
        let unwanted = self.patterns.iter().filter(|pattern| !is_wanted(pattern));
        let unwanted: Vec<_> = unwanted.cloned().collect();
        for pattern in unwanted {
            self.unsubscribe(pattern, None, now)?;
        }
        Ok(())
    }

    fn change(
        &mut self,
        pattern: Pattern,
        is_added: bool,
        done: Option<Done<()>>,
        now: u64,
    ) -> Result<(), WireError> {
        let url = self.own.next_url();
        let signed = Signed::Subscribe {
            url: &url,
            recovery: None,
            pattern: &pattern,
        };
        let authorization = self.keys.sign(&signed, now);
        let (tracing, named) = (Tracing::default(), pattern.clone());
        let message = match is_added {
            true => FromSubscriber::Subscribe {
                authorization,
                tracing,
                pattern: named,
            },
            false => FromSubscriber::Unsubscribe {
                authorization,
                tracing,
                pattern: named,
            },
        };
        self.say(&message)?;
        self.changing.push_back(Change {
            pattern,
            is_added,
            url,
            done: done.into_iter().collect(),
        });
        Ok(())
    }

    /// The client has worked on a message, for so many subscribers.
    pub(super) fn confirm(
        &mut self,
        number: u64,
        subscribers: u32,
        now: u64,
    ) -> Result<(), WireError> {
        self.acks.confirm(number, subscribers);
        self.acknowledge(now)
    }

    /// Says what may be acknowledged now: acknowledgements have the order of messages.
    fn acknowledge(&mut self, now: u64) -> Result<(), WireError> {
        while let Some(message) = self
            .acks
            .pop(&mut self.own, |signed| self.keys.sign(signed, now))
        {
            self.say(&message)?;
        }
        Ok(())
    }

    pub(super) fn say(&mut self, message: &FromSubscriber) -> Result<(), WireError> {
        self.outgoing.push_back(message.encode(true)?);
        Ok(())
    }

    /// Takes a message of the broadcaster.
    pub(super) fn receive(&mut self, message: Bytes, now: u64) -> Result<Heard, SessionError> {
        match FromBroadcaster::decode(message)? {
            FromBroadcaster::ConfirmSubscribe {
                pattern,
                authorization,
                tracing,
            } => self.changed(&pattern, true, authorization.as_ref(), &tracing, now)?,
            FromBroadcaster::ConfirmUnsubscribe {
                pattern,
                authorization,
                tracing,
            } => self.changed(&pattern, false, authorization.as_ref(), &tracing, now)?,
            FromBroadcaster::ConfirmNotify {
                identifier,
                subscribers,
                authorization,
                tracing,
            } => {
                let subscribers =
                    u32::try_from(subscribers).map_err(|_| SessionError::Unexpected)?;
                self.published(
                    &identifier,
                    subscribers,
                    authorization.as_ref(),
                    &tracing,
                    now,
                )?;
            }
            FromBroadcaster::ContinueNotify {
                identifier,
                part,
                authorization,
                tracing,
            } => {
                let signed = Signed::ContinueNotify {
                    identifier: &identifier,
                    part,
                };
                let authorization = authorization.as_ref();
                self.keys.verify(authorization, &signed, &tracing, now)?;
                self.proceed(&identifier, part, now)?;
            }
            FromBroadcaster::ReceiveStream(part) => {
                let part = self.receive_part(part, now)?;
                return Ok(Heard::Part(Box::new(part)));
            }
            FromBroadcaster::EnablePreset {
                compressor,
                authorization,
                tracing,
            } => {
                let url = self.theirs.next_url();
                let signed = Signed::EnablePreset {
                    url: &url,
                    compressor: &compressor,
                };
                let authorization = authorization.as_ref();
                self.keys.verify(authorization, &signed, &tracing, now)?;
                if !self.may_compress || compressor.id != zstd::STANDARD {
                    return Err(SessionError::Compressor);
                }
                self.compressor = Some(compressor);
            }
            FromBroadcaster::Missed {
                authorization,
                tracing,
                topic,
            } => {
                let url = self.theirs.next_url();
                let signed = Signed::Missed {
                    url: &url,
                    topic: &topic,
                };
                let authorization = authorization.as_ref();
                self.keys.verify(authorization, &signed, &tracing, now)?;
                return Ok(Heard::Done(Some(Received::Missed(topic))));
            }
            // Trained dictionaries, which were not asked for, and a second CONFIRM_CONFIGURE.
            _ => return Err(SessionError::Unexpected),
        }
        Ok(Heard::Done(None))
    }

    fn changed(
        &mut self,
        pattern: &Pattern,
        is_added: bool,
        authorization: Option<&Authorization>,
        tracing: &Tracing,
        now: u64,
    ) -> Result<(), SessionError> {
        let change = self.changing.pop_front();
        let is_it = |one: &Change| one.pattern == *pattern && one.is_added == is_added;
        let change = change.filter(is_it).ok_or(SessionError::Unexpected)?;
        let signed = Signed::ConfirmSubscribe {
            url: &change.url,
            recovery: None,
            pattern,
        };
        self.keys.verify(authorization, &signed, tracing, now)?;
        succeed(change.done, ());
        Ok(())
    }

    fn receive_part(&mut self, part: StreamPart, now: u64) -> Result<Joining, SessionError> {
        let url = self.theirs.next_url();
        let head = part.part.as_ref().ok().or(self.joiner.head());
        let head = head.ok_or(StreamError::NotNext)?;
        let signed = Signed::Receive {
            url: &url,
            topic: &head.topic,
            identifier: &part.identifier,
            digest: &head.digest,
        };
        let authorization = part.authorization.as_ref();
        self.keys
            .verify(authorization, &signed, &part.tracing, now)?;
        let limit = self.joiner.limit();
        let length = head.compressed_length.max(head.decompressed_length);
        Ok(Joining {
            length: usize::try_from(length.min(limit)).unwrap_or(usize::MAX),
            joiner: std::mem::replace(&mut self.joiner, Joiner::new(limit)),
            part,
            is_compressed: self.compressor.is_some(),
        })
    }

    /// Takes what a part has come to.
    pub(super) fn joined(
        &mut self,
        whole: Whole,
        now: u64,
    ) -> Result<Option<Received>, SessionError> {
        let Whole {
            joiner,
            identifier,
            outcome,
        } = whole;
        self.joiner = joiner;
        match outcome? {
            Outcome::More(number) => {
                self.acks
                    .push_part(identifier, number)
                    .ok_or(SessionError::Flood)?;
                self.acknowledge(now)?;
                Ok(None)
            }
            Outcome::Message(topic, message) => {
                let number = self.acks.push_message(identifier);
                let number = number.ok_or(SessionError::Flood)?;
                Ok(Some(Received::Message(number, topic, message)))
            }
        }
    }

    /// The connection is lost: what waits for an answer does not get one. Messages that were
    /// published come back, since they may have been delivered.
    pub(super) fn end(self) -> (Vec<(Pattern, Done<()>)>, Vec<Job>) {
        let changes = self.changing.into_iter().flat_map(|change| {
            let Change { pattern, done, .. } = change;
            done.into_iter().map(move |done| (pattern.clone(), done))
        });
        let jobs = self.publishing.into_iter().map(|one| one.job);
        (changes.collect(), jobs.collect())
    }
}

/// Tells whoever still waits.
pub(super) fn succeed<T: Copy>(done: impl IntoIterator<Item = Done<T>>, value: T) {
    for done in done {
        let _ = done.send(Ok(value));
    }
}
