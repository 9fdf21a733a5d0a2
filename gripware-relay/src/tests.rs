//! Nodes on a virtual network that loses, repeats and cuts. Time is handed in.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gripware_core::{Channel, Item, WsMessage};
use proptest::prelude::*;
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
struct Network {
    nodes: Vec<Node>,
    now: Instant,
    /// Counts what is done, to tell before from after.
    step: usize,
}

struct Node {
    id: NodeId,
    exchange: Exchange,
    queue: VecDeque<Bytes>,
    is_connected: bool,
    /// What was delivered: the text of each item.
    delivered: Vec<String>,
    /// When something was told to be lost.
    losses: Vec<(usize, LossReason)>,
    questions: Vec<crate::Question>,
    /// When a message for this node was lost on its way.
    dropped: Vec<usize>,
    published: Vec<(String, oneshot::Receiver<Outcome>)>,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Accepted,
    Unconfirmed,
    FailedBefore,
    FailedAfter,
}

#[derive(Clone, Debug)]
enum Operation {
    Publish(usize),
    Send(usize, Fate),
    Deliver(usize, usize),
    DropOne(usize),
    Cut(usize),
    Connect(usize),
    Advance(u64),
}

impl Network {
    fn new(count: usize) -> Self {
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

    fn publish(&mut self, node: usize) -> String {
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

    fn send(&mut self, node: usize, fate: Fate) {
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

    fn deliver(&mut self, node: usize, count: usize) {
        for _ in 0..count {
            let Some(message) = self.nodes[node].queue.pop_front() else {
                return;
            };
            self.event(node, Event::Message(message));
        }
    }

    fn cut(&mut self, node: usize) {
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

    fn connect(&mut self, node: usize) {
        if !std::mem::replace(&mut self.nodes[node].is_connected, true) {
            self.event(node, Event::Connected { resumed: false });
        }
    }

    fn event(&mut self, node: usize, event: Event) {
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

    fn advance(&mut self, time: Duration) {
        self.now += time;
        for node in 0..self.nodes.len() {
            if self.nodes[node].exchange.tick(self.now) == Change::StartAnew {
                self.cut(node);
                self.connect(node);
            }
        }
    }

    /// Lets everything go well for a while.
    fn settle(&mut self) {
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

    fn play(&mut self, operation: &Operation) {
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

const NODES: usize = 3;

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let node = 0..NODES;
    let fate = prop_oneof![
        4 => Just(Fate::Accepted),
        4 => Just(Fate::Unconfirmed),
        1 => Just(Fate::FailedBefore),
        1 => Just(Fate::FailedAfter),
    ];
    let operation = prop_oneof![
        6 => node.clone().prop_map(Operation::Publish),
        6 => (node.clone(), fate).prop_map(|(node, fate)| Operation::Send(node, fate)),
        6 => (node.clone(), 1..8_usize).prop_map(|(node, count)| Operation::Deliver(node, count)),
        1 => node.clone().prop_map(Operation::DropOne),
        1 => node.clone().prop_map(Operation::Cut),
        2 => node.prop_map(Operation::Connect),
        2 => (1..1500_u64).prop_map(Operation::Advance),
    ];
    prop::collection::vec(operation, 1..80)
}

proptest! {
    /// Whatever is lost, repeated or cut: each item is delivered once at most and in its sender's
    /// order, and a node that misses one that was accepted is told of a loss after it.
    #[test]
    fn what_is_accepted_is_delivered_once_or_its_loss_is_told(operations in operations()) {
        let mut network = Network::new(NODES);
        for operation in &operations {
            network.play(operation);
        }
        network.step += 1;
        network.settle();

        let mut accepted = Vec::new();
        for node in &mut network.nodes {
            for (text, outcome) in &mut node.published {
                match outcome.try_recv() {
                    Ok(Ok(())) => accepted.push(text.clone()),
                    Ok(Err(_)) => {}
                    Err(_) => prop_assert!(false, "{text} was neither accepted nor given up"),
                }
            }
            prop_assert!(node.exchange.hears());
            prop_assert!(node.exchange.is_drained());
            prop_assert_eq!(node.exchange.counts(network.now).backlog_bytes, 0);
        }
        for node in &network.nodes {
            for sender in 0..NODES {
                let prefix = format!("{sender}-");
                let numbers: Vec<usize> = node
                    .delivered
                    .iter()
                    .filter_map(|text| text.strip_prefix(&prefix))
                    .map(|number| number.parse().unwrap())
                    .collect();
                prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{:?}", node.delivered);
            }
            let is_missing = accepted.iter().any(|text| !node.delivered.contains(text));
            if is_missing {
                let last_loss = node.losses.last().map(|(step, _)| *step);
                prop_assert!(last_loss >= node.dropped.first().copied());
                prop_assert!(last_loss.is_some());
            }
        }
    }

    #[test]
    fn no_message_makes_a_node_panic(
        messages in prop::collection::vec(
            prop_oneof![
                any::<Vec<u8>>(),
                "[{\\[].{0,60}".prop_map(String::into_bytes),
                (
                    prop::sample::select(vec!["n0", "n1", "x"]),
                    any::<(u64, u64)>(),
                    prop::sample::select(vec!["item", "hello", "beat", "bye", "ask", "answer", "?"]),
                    prop::option::of("[0-9]{0,20}"),
                )
                    .prop_map(|(node, (incarnation, number), kind, id)| {
                        let head = serde_json::json!(["gw1", node, incarnation, number, kind, "", id, null]);
                        format!("{head}\n{{}}").into_bytes()
                    }),
            ],
            0..20,
        ),
    ) {
        let mut network = Network::new(1);
        let mut out = VecDeque::new();
        for message in messages {
            let event = Event::Message(message.into());
            network.nodes[0].exchange.event(event, network.now, &mut out);
        }
    }
}

#[test]
fn a_node_that_was_silent_tells_a_loss_when_it_hears_again() {
    let mut network = Network::new(2);
    network.nodes[0].is_connected = false;
    for _ in 0..16 {
        network.now += Duration::from_millis(250);
        let change = network.nodes[0].exchange.tick(network.now);
        assert_ne!(change, Change::StartAnew);
        network.send(1, Fate::Accepted);
        network.deliver(1, usize::MAX);
    }
    assert!(!network.nodes[0].exchange.hears());
    assert!(network.nodes[0].losses.is_empty());

    network.nodes[0].is_connected = true;
    network.settle();
    let reasons: Vec<_> = network.nodes[0].losses.iter().map(|(_, it)| *it).collect();
    assert_eq!(reasons, [LossReason::Silence]);
    assert!(network.nodes[1].losses.is_empty());
}

#[test]
fn a_lost_tail_shows_by_the_next_beat() {
    let mut network = Network::new(2);
    network.publish(0);
    network.send(0, Fate::Accepted);
    network.nodes[1].queue.clear();
    for _ in 0..2 {
        network.advance(Duration::from_secs(1));
        network.send(0, Fate::Accepted);
        network.deliver(1, usize::MAX);
    }
    let reasons: Vec<_> = network.nodes[1].losses.iter().map(|(_, it)| *it).collect();
    assert_eq!(reasons, [LossReason::Gap]);
    assert_eq!(network.nodes[1].exchange.counts(network.now).missed, 1);
}

#[test]
fn a_question_is_answered_by_every_node_that_lives() {
    let mut network = Network::new(3);
    let question = Bytes::from_static(b"how many?");
    let (number, mut done) = network.nodes[0]
        .exchange
        .ask(&question, 1 << 20, Box::new(|_| false), network.now)
        .unwrap();
    network.send(0, Fate::Accepted);
    for node in [1, 2] {
        network.deliver(node, usize::MAX);
        let asked = network.nodes[node].questions.pop().unwrap();
        assert_eq!(asked.body(), &question);
        network.nodes[node]
            .exchange
            .answer(&asked, Bytes::from(node.to_string()), 1 << 20);
        network.send(node, Fate::Accepted);
    }
    assert!(done.try_recv().is_err());
    network.deliver(0, usize::MAX);
    assert_eq!(done.try_recv(), Ok(()));
    let answers = network.nodes[0].exchange.answers(number);
    assert!(answers.is_complete());
    assert_eq!(answers.asked, 2);
    let texts: Vec<_> = answers
        .answers
        .iter()
        .map(|(node, it)| (node.as_str(), &**it))
        .collect();
    assert_eq!(texts, [("n1", &b"1"[..]), ("n2", &b"2"[..])]);
    assert!(network.nodes[0].questions.is_empty());
}

#[test]
fn a_node_that_has_said_bye_is_not_asked() {
    let mut network = Network::new(2);
    network.nodes[1].exchange.say_bye();
    network.send(1, Fate::Accepted);
    network.deliver(0, usize::MAX);
    assert_eq!(network.nodes[0].exchange.nodes(network.now).count(), 0);
    assert!(
        network.nodes[0]
            .exchange
            .ask(&Bytes::new(), 1 << 20, Box::new(|_| false), network.now)
            .is_none()
    );
}

#[test]
fn a_question_is_over_with_an_answer_that_is_enough() {
    let mut network = Network::new(3);
    let (number, mut done) = network.nodes[0]
        .exchange
        .ask(
            &Bytes::from_static(b"who has it?"),
            1 << 20,
            Box::new(|answer| answer == b"I"),
            network.now,
        )
        .unwrap();
    network.send(0, Fate::Accepted);
    network.deliver(1, usize::MAX);
    let asked = network.nodes[1].questions.pop().unwrap();
    let exchange = &mut network.nodes[1].exchange;
    exchange.answer(&asked, Bytes::from_static(b"I"), 1 << 20);
    network.send(1, Fate::Accepted);
    network.deliver(0, usize::MAX);
    assert_eq!(done.try_recv(), Ok(()));
    let answers = network.nodes[0].exchange.answers(number);
    assert_eq!((answers.asked, answers.answers.len()), (2, 1));
}

#[test]
fn a_question_or_an_answer_that_the_broker_does_not_take_is_not_sent() {
    let mut network = Network::new(2);
    let mut ask = |limit| {
        network.nodes[0]
            .exchange
            .ask(
                &Bytes::from(vec![0; 100]),
                limit,
                Box::new(|_| false),
                network.now,
            )
            .is_some()
    };
    assert!(!ask(100));
    assert!(ask(1000));
    network.send(0, Fate::Accepted);
    network.deliver(1, usize::MAX);
    let asked = network.nodes[1].questions.pop().unwrap();
    let exchange = &mut network.nodes[1].exchange;
    exchange.answer(&asked, Bytes::from(vec![0; 100]), 100);
    assert!(exchange.is_drained());
    exchange.answer(&asked, Bytes::from(vec![0; 100]), 1000);
    assert!(!exchange.is_drained());
}

#[test]
fn items_that_came_back_without_those_before_them_say_that_these_are_lost() {
    let mut network = Network::new(1);
    network.publish(0);
    network.publish(0);
    network.send(0, Fate::Unconfirmed);
    network.nodes[0].queue.pop_front();
    network.deliver(0, usize::MAX);
    let outcomes: Vec<_> = network.nodes[0]
        .published
        .iter_mut()
        .map(|(_, outcome)| outcome.try_recv().unwrap())
        .collect();
    assert_eq!(outcomes, [Err(crate::PublishError::Unknown), Ok(())]);
    assert!(network.nodes[0].exchange.is_drained());
}

#[test]
fn messages_of_other_programs_are_items_and_garbage_is_counted() {
    let mut network = Network::new(1);
    for message in [
        r#"{"channel":"room","id":"5","formats":{"ws-message":{"content":"one"}}}"#,
        r#"{"items":[{"channel":"room","formats":{"ws-message":{"content":"two"}}}]}"#,
        r#"{"channel":"room"}"#,
        r#"{"channel":"\u0000","formats":{"ws-message":{"content":"x"}}}"#,
        "{",
        "",
        "hello",
        "[\"gw1\"]\n",
        "[\"gw7\",{}]\n",
        "[\"gw1\",\"x\",1,0,\"later\",\"\",null,null]\n",
    ] {
        network.event(0, Event::Message(Bytes::from_static(message.as_bytes())));
    }
    assert_eq!(network.nodes[0].delivered, ["one", "two"]);
    let counts = network.nodes[0].exchange.counts(network.now);
    assert_eq!((counts.foreign, counts.refused, counts.skipped), (2, 5, 3));
}

#[test]
fn an_item_for_another_channel_than_its_envelope_names_is_refused() {
    let mut network = Network::new(1);
    let body = r#"{"channel":"b","formats":{"ws-message":{"content":"x"}}}"#;
    let mut out = VecDeque::new();
    for (channel, is_good) in [("b", true), ("a", false)] {
        let message =
            format!("[\"gw1\",\"{channel}\",1,1,\"item\",\"{channel}\",null,null]\n{body}");
        let event = Event::Message(message.into());
        network.nodes[0]
            .exchange
            .event(event, network.now, &mut out);
        let Some(Delivery::Item(item)) = out.pop_front() else {
            panic!("no item");
        };
        assert_eq!(item.into_item().is_ok(), is_good);
    }
}
