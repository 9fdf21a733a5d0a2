//! One node's side of the protocol between nodes, without a socket and without a clock: messages,
//! events and the time go in; batches to send and what is to be delivered come out.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    fmt,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gripware_core::{Channel, item::ItemParts, proxy::decode_message};
use tokio::sync::oneshot;

use crate::{
    Answers, BrokerError, Counts, Delivery, Envelope, EnvelopeError, Event, Kind, Lane, Loss,
    LossReason, NodeId, PublishError, Question, RelaySettings, RelayedItem,
    hearing::{Change, Hearing},
    name::random,
    outbox::{Outbox, Outcome},
    peers::{Peers, Seen},
};

/// The most questions of this node that wait for answers, and the most questions and answers that
/// wait to be sent. Each is somebody's call that waits half a second.
pub(crate) const MAX_SIGNALS: usize = 1024;

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

/// Whether an answer makes the others unnecessary.
pub(crate) type Enough = Box<dyn Fn(&[u8]) -> bool + Send>;

struct Asked {
    missing: HashSet<NodeId>,
    answers: Answers,
    is_enough: Enough,
    done: Option<oneshot::Sender<()>>,
}

impl fmt::Debug for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked")
            .field("missing", &self.missing)
            .field("answers", &self.answers)
            .finish_non_exhaustive()
    }
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

    /// Asks every other node that lives. The receiver is told when all have answered, or one has
    /// answered enough; none where there is nobody to ask, the question is larger than `limit`, or
    /// there is too much to send already.
    pub(crate) fn ask(
        &mut self,
        body: &Bytes,
        limit: usize,
        is_enough: Enough,
        now: Instant,
    ) -> Option<(u64, oneshot::Receiver<()>)> {
        let nodes: HashSet<NodeId> = self.nodes(now).cloned().collect();
        let is_full =
            self.questions.len() >= MAX_SIGNALS || self.signals.len() + nodes.len() > MAX_SIGNALS;
        if nodes.is_empty() || is_full || self.is_closed {
            return None;
        }
        self.last_question += 1;
        let mut envelope = self.envelope(Kind::Ask, 0);
        envelope.id = Some(self.last_question.to_string());
        envelope.body = body.clone();
        let message = envelope.encode();
        if message.len() > limit {
            return None;
        }
        for node in &nodes {
            self.signals
                .push_back((Lane::Node(node.clone()), message.clone()));
        }
        let (done, receiver) = oneshot::channel();
        let asked = Asked {
            answers: Answers {
                asked: nodes.len(),
                ..Answers::default()
            },
            missing: nodes,
            is_enough,
            done: Some(done),
        };
        self.questions.insert(self.last_question, asked);
        Some((self.last_question, receiver))
    }

    /// What has been answered by now, after which answers are too late.
    pub(crate) fn answers(&mut self, question: u64) -> Answers {
        let asked = self.questions.remove(&question);
        asked.map(|asked| asked.answers).unwrap_or_default()
    }

    /// Answers, unless the answer is larger than `limit` or there is too much to send already.
    pub(crate) fn answer(&mut self, question: &Question, body: Bytes, limit: usize) {
        if self.signals.len() >= MAX_SIGNALS {
            return;
        }
        let mut envelope = self.envelope(Kind::Answer, 0);
        envelope.id = Some(question.number.clone());
        envelope.body = body;
        let message = envelope.encode();
        if message.len() <= limit {
            self.signals
                .push_back((Lane::Node(question.asker.clone()), message));
        }
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

    fn message(&mut self, message: &Bytes, now: Instant, out: &mut VecDeque<Delivery>) {
        if message.first() == Some(&b'{') {
            return self.foreign(message, out);
        }
        let envelope = match Envelope::decode(message) {
            Ok(envelope) => envelope,
            Err(EnvelopeError::Version) => {
                self.counts.skipped += 1;
                return;
            }
            Err(EnvelopeError::Malformed) => {
                self.counts.refused += 1;
                return;
            }
        };
        let is_own =
            envelope.node == self.settings.node && envelope.incarnation == self.incarnation;
        match envelope.kind {
            Kind::Item => {
                if self.note(&envelope, false, is_own, now) {
                    self.counts.received += 1;
                    out.push_back(Delivery::Item(RelayedItem::of_node(envelope)));
                }
            }
            Kind::Hello | Kind::Beat => {
                self.note(&envelope, true, is_own, now);
                if is_own {
                    let beat = envelope.id.and_then(|beat| beat.parse().ok());
                    self.hearing.heard(beat.unwrap_or(0), now);
                } else if envelope.kind == Kind::Hello {
                    self.hearing.hasten_beat(now);
                }
            }
            Kind::Bye => {
                self.note(&envelope, true, is_own, now);
                self.peers.end(&envelope.node, envelope.incarnation);
            }
            Kind::Ask => {
                if let Some(number) = envelope.id {
                    out.push_back(Delivery::Question(Question {
                        asker: envelope.node,
                        number,
                        body: envelope.body,
                    }));
                }
            }
            Kind::Answer => self.answered(envelope),
            Kind::Unknown => {
                self.counts.skipped += 1;
                if envelope.number > 0 {
                    self.note(&envelope, false, is_own, now);
                }
            }
        }
    }

    /// Whether a number is new. A gap before it is counted and is a loss.
    fn note(&mut self, envelope: &Envelope, is_beat: bool, is_own: bool, now: Instant) -> bool {
        let is_settled = self.hearing.is_settled(now);
        let Envelope {
            node,
            incarnation,
            number,
            ..
        } = envelope;
        let seen = self
            .peers
            .note(node, *incarnation, *number, is_beat, now, is_settled);
        let Seen::New { missed } = seen else {
            self.counts.duplicates += u64::from(!is_beat);
            return false;
        };
        if missed > 0 {
            self.counts.missed = self.counts.missed.saturating_add(missed);
            self.hearing.lost(LossReason::Gap);
        }
        if is_own {
            let end = number.saturating_add(u64::from(is_beat));
            self.outbox.lost(end.saturating_sub(missed), end);
            self.outbox.accepted(*number);
            self.echoed = self.echoed.max(*number);
        }
        true
    }

    fn foreign(&mut self, message: &Bytes, out: &mut VecDeque<Delivery>) {
        match decode_message(message) {
            Ok(items) => {
                self.counts.foreign += 1;
                let items = items.into_iter();
                out.extend(
                    items
                        .map(|(channel, item)| Delivery::Item(RelayedItem::foreign(channel, item))),
                );
            }
            Err(error) => {
                tracing::debug!(%error, "a message of a program that is no node is no item");
                self.counts.refused += 1;
            }
        }
    }

    fn answered(&mut self, envelope: Envelope) {
        let number = envelope.id.and_then(|number| number.parse().ok());
        let Some(asked) = number.and_then(|number: u64| self.questions.get_mut(&number)) else {
            return;
        };
        let mut is_enough = false;
        if asked.missing.remove(&envelope.node) {
            is_enough = (asked.is_enough)(&envelope.body);
            asked.answers.answers.push((envelope.node, envelope.body));
        }
        if (is_enough || asked.missing.is_empty())
            && let Some(done) = asked.done.take()
        {
            let _ = done.send(());
        }
    }
}
