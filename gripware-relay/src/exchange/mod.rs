//! One node's side of the protocol between nodes, without a socket and without a clock: messages,
//! events and the time go in; batches to send and what is to be delivered come out.

mod questions;
mod receiving;

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;
use gripware_core::{Channel, item::ItemParts};
use tokio::sync::oneshot;

use self::questions::Asked;
pub(crate) use self::questions::Enough;
use crate::{
    BrokerError, Counts, Delivery, Envelope, Event, Kind, Lane, Loss, LossReason, NodeId,
    PublishError, RelaySettings,
    hearing::{Change, Hearing},
    name::random,
    outbox::{Outbox, Outcome},
    peers::Peers,
};

/// How often silent nodes are looked for that can be forgotten.
const SWEEP: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Exchange {
    pub(crate) settings: RelaySettings,
    incarnation: u64,
    outbox: Outbox,
    peers: Peers,
    hearing: Hearing,
    signals: VecDeque<(Lane, Bytes)>,
    questions: HashMap<u64, Asked>,
    last_question: u64,
    /// Whether the next beat asks others for theirs.
    says_hello: bool,
    /// Whether a batch is at the broker, which has not answered yet.
    is_sending: bool,
    is_closed: bool,
    /// The number of the last item of this node that came back.
    echoed: u64,
    next_sweep: Instant,
    counts: Counts,
    pub(crate) last_error: Option<BrokerError>,
}

/// What is to be sent now.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) messages: Vec<(Lane, Bytes)>,
    /// The number of the last item in it; 0 where there is none.
    pub(crate) last: u64,
}

impl Exchange {
    pub(crate) fn new(settings: RelaySettings, now: Instant) -> Self {
        Self {
            outbox: Outbox::new(settings.backlog_bytes),
            // Other languages may read it as a floating-point number.
            incarnation: random() >> 11,
            peers: Peers::default(),
            hearing: Hearing::new(now),
            signals: VecDeque::new(),
            questions: HashMap::new(),
            last_question: 0,
            says_hello: true,
            is_sending: false,
            is_closed: false,
            echoed: 0,
            next_sweep: now,
            counts: Counts::default(),
            last_error: None,
            settings,
        }
    }

    /// Takes an item to send: its parts, and itself as JSON.
    pub(crate) fn publish(
        &mut self,
        channel: &Channel,
        parts: &ItemParts,
        json: Bytes,
        limit: usize,
        now: Instant,
    ) -> Result<oneshot::Receiver<Outcome>, PublishError> {
        if self.is_closed {
            return Err(PublishError::Closed);
        }
        // With the longest number, so that it fits with any.
        let mut envelope = self.envelope(Kind::Item, u64::MAX);
        channel.name().clone_into(&mut envelope.channel);
        envelope.id.clone_from(&parts.id);
        envelope.prev_id.clone_from(&parts.prev_id);
        let length = envelope.encode().len() + json.len();
        if length > limit {
            return Err(PublishError::TooLarge { length, limit });
        }
        envelope.body = json;
        self.outbox
            .push(envelope, now, self.settings.publish_timeout)
    }

    pub(crate) fn has_room(&self) -> bool {
        self.outbox.has_room()
    }

    pub(crate) fn is_drained(&self) -> bool {
        self.outbox.is_empty() && self.signals.is_empty() && !self.is_sending
    }

    pub(crate) fn is_in_flight(&self) -> bool {
        self.outbox.is_in_flight()
    }

    /// Whether everything that this node has published came back, or was given up.
    pub(crate) fn is_caught_up(&self) -> bool {
        self.outbox.is_empty() && self.echoed >= self.outbox.last()
    }

    /// The number of the last item of this node that came back.
    pub(crate) fn echoed(&self) -> u64 {
        self.echoed
    }

    /// What is to be sent now. Nothing but what was sent before, where that is not known to be
    /// accepted, and beats.
    pub(crate) fn batch(&mut self, now: Instant) -> Batch {
        let mut is_again = false;
        let items = self.outbox.batch(&mut is_again);
        if is_again {
            self.counts.sent_again += items.len() as u64;
        } else {
            self.counts.sent += items.len() as u64;
        }
        let last = if items.is_empty() {
            0
        } else {
            self.outbox.last()
        };
        let items = items.into_iter().map(|message| (Lane::Items, message));
        let mut messages: Vec<_> = items.chain(self.signals.drain(..)).collect();
        if let Some(beat) = self.hearing.beat(now) {
            let kind = match std::mem::take(&mut self.says_hello) {
                true => Kind::Hello,
                false => Kind::Beat,
            };
            let mut envelope = self.envelope(kind, self.outbox.last());
            envelope.id = Some(beat.to_string());
            messages.push((Lane::Items, envelope.encode()));
        }
        self.is_sending = !messages.is_empty();
        Batch { messages, last }
    }

    /// The broker has answered, or not in time.
    pub(crate) fn sent(&mut self) {
        self.is_sending = false;
    }

    /// When there is something to send without anybody asking.
    pub(crate) fn next_beat(&self) -> Option<Instant> {
        self.hearing.next_beat()
    }

    pub(crate) fn accepted(&mut self, number: u64) {
        self.outbox.accepted(number);
    }

    pub(crate) fn drop_larger_than(&mut self, limit: usize) {
        self.outbox.drop_larger_than(limit);
    }

    /// Takes what the broker has, and adds to `out` what is to be delivered.
    pub(crate) fn event(&mut self, event: Event, now: Instant, out: &mut VecDeque<Delivery>) {
        match event {
            Event::Message(message) => self.message(&message, now, out),
            Event::Connected { resumed } => {
                self.says_hello = true;
                self.hearing.connected(resumed, now);
            }
            Event::Disconnected(error) => self.disconnected(error, now),
            Event::Missed => self.hearing.lost(LossReason::Dropped),
        }
        if let Some(reason) = self.hearing.take_loss() {
            self.counts.losses += 1;
            out.push_back(Delivery::Lost(Loss { reason }));
        }
    }

    /// Whether the broker is reached, by what it said last.
    pub(crate) fn is_connected(&self) -> bool {
        self.hearing.next_beat().is_some()
    }

    /// The broker cannot be received from.
    pub(crate) fn disconnected(&mut self, error: BrokerError, now: Instant) {
        if self.is_connected() {
            self.counts.disconnects += 1;
        }
        self.last_error = Some(error);
        self.hearing.disconnected(now);
    }

    pub(crate) fn tick(&mut self, now: Instant) -> Change {
        self.counts.given_up += self.outbox.expire(now) as u64;
        if now >= self.next_sweep {
            self.next_sweep = now + SWEEP;
            self.peers.sweep(now);
        }
        self.hearing.tick(now)
    }

    pub(crate) fn hears(&self) -> bool {
        self.hearing.hears()
    }

    pub(crate) fn counts(&self, now: Instant) -> Counts {
        Counts {
            backlog_bytes: self.outbox.bytes(),
            nodes: self.nodes(now).count(),
            hears: self.hears(),
            ..self.counts
        }
    }

    /// Counts an item that could not be decoded.
    pub(crate) fn refuse(&mut self) {
        self.counts.refused += 1;
    }

    /// The other nodes that live.
    pub(crate) fn nodes(&self, now: Instant) -> impl Iterator<Item = &NodeId> {
        let others = self.peers.alive(now);
        others.filter(|node| **node != self.settings.node)
    }

    /// Takes no more items.
    pub(crate) fn refuse_more(&mut self) {
        self.is_closed = true;
    }

    /// Says that this node ends, after what waits to be sent.
    pub(crate) fn say_bye(&mut self) {
        let bye = self.envelope(Kind::Bye, self.outbox.last());
        self.signals.push_back((Lane::Items, bye.encode()));
    }

    /// Tells everybody who still waits.
    pub(crate) fn end(&mut self) {
        self.outbox.close();
        self.questions.clear();
    }

    fn envelope(&self, kind: Kind, number: u64) -> Envelope {
        Envelope {
            node: self.settings.node.clone(),
            incarnation: self.incarnation,
            number,
            kind,
            channel: String::new(),
            id: None,
            prev_id: None,
            body: Bytes::new(),
        }
    }
}
