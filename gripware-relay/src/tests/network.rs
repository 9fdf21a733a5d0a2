//! A virtual network that loses, repeats and cuts.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gripware_core::{Channel, Item, WsMessage};
use tokio::sync::oneshot;

use crate::{
    Delivery, Event, Lane, LossReason, NodeId, RelaySettings,
    broker::{BrokerError, BrokerErrorKind},
    exchange::Exchange,
    hearing::Change,
    outbox::Outcome,
};

const LIMIT: usize = 1024 * 1024;

/// A cluster, whose broker keeps a queue for each node.
pub(super) struct Network {
    pub(super) nodes: Vec<Node>,
    pub(super) now: Instant,
    /// Counts what is done, to tell before from after.
    pub(super) step: usize,
}

pub(super) struct Node {
    pub(super) id: NodeId,
    pub(super) exchange: Exchange,
    pub(super) queue: VecDeque<Bytes>,
    pub(super) is_connected: bool,
    /// What was delivered: the text of each item.
    pub(super) delivered: Vec<String>,
    /// When something was told to be lost.
    pub(super) losses: Vec<(usize, LossReason)>,
    pub(super) questions: Vec<crate::Question>,
    /// When a message for this node was lost on its way.
    pub(super) dropped: Vec<usize>,
    pub(super) published: Vec<(String, oneshot::Receiver<Outcome>)>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Accepted,
    Unconfirmed,
    FailedBefore,
    FailedAfter,
}

#[derive(Clone, Debug)]
pub(super) enum Operation {
    Publish(usize),
    Send(usize, Fate),
    Deliver(usize, usize),
    DropOne(usize),
    Cut(usize),
    Connect(usize),
    Advance(u64),
}

impl Network {
    pub(super) fn new(count: usize) -> Self {
        let now = Instant::now();
        let node = |index| {
            let id = NodeId::try_from(format!("n{index}").as_str()).unwrap();
            Node {
                exchange: Exchange::new(RelaySettings::new().node(id.clone()), now),
                id,
                queue: VecDeque::new(),
                is_connected: false,
                delivered: Vec::new(),
                losses: Vec::new(),
                questions: Vec::new(),
                dropped: Vec::new(),
                published: Vec::new(),
            }
        };
        let mut network = Self {
            nodes: (0..count).map(node).collect(),
            now,
            step: 0,
        };
        (0..count).for_each(|node| network.connect(node));
        network.settle();
        for node in &mut network.nodes {
            assert!(node.exchange.hears());
            assert!(node.losses.is_empty());
        }
        network
    }

    pub(super) fn publish(&mut self, node: usize) -> String {
        let from = &mut self.nodes[node];
        let text = format!("{node}-{}", from.published.len());
        let item = Item::from(WsMessage::text(text.clone()));
        let channel = Channel::new("room").unwrap();
        let mut json = Vec::new();
        item.encode_json("room", "", &mut json).unwrap();
        let parts = item.parts().unwrap();
        let outcome = from
            .exchange
            .publish(&channel, parts, json.into(), LIMIT, self.now)
            .unwrap();
        from.published.push((text.clone(), outcome));
        text
    }

    pub(super) fn send(&mut self, node: usize, fate: Fate) {
        let batch = self.nodes[node].exchange.batch(self.now);
        self.nodes[node].exchange.sent();
        if matches!(fate, Fate::FailedBefore) {
            return;
        }
        for (lane, message) in batch.messages {
            for to in &mut self.nodes {
                match &lane {
                    Lane::Node(id) if *id != to.id => {}
                    _ if to.is_connected => to.queue.push_back(message.clone()),
                    _ => to.dropped.push(self.step),
                }
            }
        }
        if matches!(fate, Fate::Accepted) {
            self.nodes[node].exchange.accepted(batch.last);
        }
    }

    pub(super) fn deliver(&mut self, node: usize, count: usize) {
        for _ in 0..count {
            let Some(message) = self.nodes[node].queue.pop_front() else {
                return;
            };
            self.event(node, Event::Message(message));
        }
    }

    pub(super) fn cut(&mut self, node: usize) {
        let cut = &mut self.nodes[node];
        if !std::mem::take(&mut cut.is_connected) {
            return;
        }
        if !cut.queue.is_empty() {
            cut.queue.clear();
            cut.dropped.push(self.step);
        }
        let error = BrokerError::new(BrokerErrorKind::Unreachable, "test", "cut");
        self.event(node, Event::Disconnected(error));
    }

    pub(super) fn connect(&mut self, node: usize) {
        if !std::mem::replace(&mut self.nodes[node].is_connected, true) {
            self.event(node, Event::Connected { resumed: false });
        }
    }

    pub(super) fn event(&mut self, node: usize, event: Event) {
        let (mut out, step) = (VecDeque::new(), self.step);
        let to = &mut self.nodes[node];
        to.exchange.event(event, self.now, &mut out);
        for delivery in out {
            match delivery {
                Delivery::Item(item) => {
                    let (_, item) = item.into_item().unwrap();
                    let message = item.into_parts().unwrap().ws_message.unwrap();
                    let WsMessageText(text) = message.into();
                    to.delivered.push(text);
                }
                Delivery::Lost(loss) => to.losses.push((step, loss.reason)),
                Delivery::Question(question) => to.questions.push(question),
            }
        }
    }

    pub(super) fn advance(&mut self, time: Duration) {
        self.now += time;
        for node in 0..self.nodes.len() {
            if self.nodes[node].exchange.tick(self.now) == Change::StartAnew {
                self.cut(node);
                self.connect(node);
            }
        }
    }

    /// Lets everything go well for a while.
    pub(super) fn settle(&mut self) {
        for _ in 0..20 {
            self.advance(Duration::from_millis(500));
            for node in 0..self.nodes.len() {
                self.connect(node);
                self.send(node, Fate::Unconfirmed);
            }
            for node in 0..self.nodes.len() {
                self.deliver(node, usize::MAX);
            }
        }
    }

    pub(super) fn play(&mut self, operation: &Operation) {
        self.step += 1;
        match *operation {
            Operation::Publish(node) => drop(self.publish(node)),
            Operation::Send(node, fate) => self.send(node, fate),
            Operation::Deliver(node, count) => self.deliver(node, count),
            Operation::DropOne(node) => {
                if self.nodes[node].queue.pop_front().is_some() {
                    let step = self.step;
                    self.nodes[node].dropped.push(step);
                }
            }
            Operation::Cut(node) => self.cut(node),
            Operation::Connect(node) => self.connect(node),
            Operation::Advance(millis) => self.advance(Duration::from_millis(millis)),
        }
    }
}

struct WsMessageText(String);

impl From<WsMessage> for WsMessageText {
    fn from(message: WsMessage) -> Self {
        match message.kind() {
            gripware_core::item::WsMessageKind::Text(text) => {
                Self(String::from_utf8(text.as_bytes().to_vec()).unwrap())
            }
            other => panic!("{other:?}"),
        }
    }
}
