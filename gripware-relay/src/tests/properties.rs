//! What is so whatever the network does.

use std::collections::VecDeque;

use proptest::prelude::*;

use super::network::{Fate, Network, Operation};
use crate::Event;

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
