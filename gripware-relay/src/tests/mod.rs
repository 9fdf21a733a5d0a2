//! Nodes on a virtual network. Time is handed in.

mod network;
mod properties;

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;

use self::network::{Fate, Network};
use crate::{Delivery, Event, LossReason, hearing::Change};

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
