//! What was heard of each node: the last number of each of its runs, by which a repetition is
//! dropped and a gap is noticed.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use crate::{NodeId, settings::GONE_AFTER};

/// The most runs of nodes that are remembered. Beyond it the one that was silent longest is
/// forgotten.
pub(crate) const MAX_PEERS: usize = 1024;

/// How long a silent run is remembered. One that comes back after an outage goes on with its
/// numbers, and without the memory of them a gap would not show.
pub(crate) const MEMORY: Duration = Duration::from_secs(60 * 60);

#[derive(Debug, Default)]
pub(crate) struct Peers {
    nodes: HashMap<NodeId, Vec<Peer>>,
    count: usize,
}

#[derive(Debug)]
struct Peer {
    incarnation: u64,
    last: u64,
    heard: Instant,
    is_ended: bool,
}

/// What a number says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It was seen before.
    Duplicate,
    /// It is new, and so many before it never came.
    New { missed: u64 },
}

impl Peers {
    /// Notes a number of an item, or with `is_beat` the last number that was sent before a beat.
    /// `is_listening` says whether this node has listened for so long that it would have heard the
    /// other one before.
    pub(crate) fn note(
        &mut self,
        node: &NodeId,
        incarnation: u64,
        number: u64,
        is_beat: bool,
        now: Instant,
        is_listening: bool,
    ) -> Seen {
        let known = self
            .nodes
            .get_mut(node)
            .and_then(|runs| runs.iter_mut().find(|run| run.incarnation == incarnation));
        // The number that was to be expected.
        let expected = if is_beat {
            number
        } else {
            number.saturating_sub(1)
        };
        let Some(peer) = known else {
            self.insert(node, incarnation, number, now);
            let missed = if is_listening { expected } else { 0 };
            return Seen::New { missed };
        };
        peer.heard = now;
        peer.is_ended = false;
        if number <= peer.last {
            return Seen::Duplicate;
        }
        let missed = expected - peer.last;
        peer.last = number;
        Seen::New { missed }
    }

    /// Notes that a run of a node has ended.
    pub(crate) fn end(&mut self, node: &NodeId, incarnation: u64) {
        let runs = self.nodes.get_mut(node).into_iter().flatten();
        for run in runs.filter(|run| run.incarnation == incarnation) {
            run.is_ended = true;
        }
    }

    /// The nodes that live, by what was heard of them.
    pub(crate) fn alive(&self, now: Instant) -> impl Iterator<Item = &NodeId> {
        let lives = move |run: &Peer| {
            !run.is_ended && now.saturating_duration_since(run.heard) < GONE_AFTER
        };
        let nodes = self.nodes.iter();
        nodes.filter_map(move |(node, runs)| runs.iter().any(lives).then_some(node))
    }

    /// Forgets what was silent for too long.
    pub(crate) fn sweep(&mut self, now: Instant) {
        self.retain(|run| now.saturating_duration_since(run.heard) < MEMORY);
    }

    fn insert(&mut self, node: &NodeId, incarnation: u64, last: u64, now: Instant) {
        if self.count >= MAX_PEERS {
            let runs = self.nodes.values().flatten();
            let oldest = runs.min_by_key(|run| run.heard);
            if let Some(oldest) = oldest.map(|run| (run.incarnation, run.heard)) {
                self.retain(|run| (run.incarnation, run.heard) != oldest);
            }
        }
        self.count += 1;
        self.nodes.entry(node.clone()).or_default().push(Peer {
            incarnation,
            last,
            heard: now,
            is_ended: false,
        });
    }

    fn retain(&mut self, keep: impl Fn(&Peer) -> bool) {
        self.nodes.retain(|_, runs| {
            runs.retain(&keep);
            !runs.is_empty()
        });
        self.count = self.nodes.values().map(Vec::len).sum();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn node(name: &str) -> NodeId {
        NodeId::try_from(name).unwrap()
    }

    #[test]
    fn a_lower_number_is_a_duplicate_and_a_jump_a_gap() {
        let (mut peers, now, a) = (Peers::default(), Instant::now(), node("a"));
        let mut item = |number| peers.note(&a, 1, number, false, now, false);
        assert_eq!(item(7), Seen::New { missed: 0 });
        assert_eq!(item(8), Seen::New { missed: 0 });
        assert_eq!(item(8), Seen::Duplicate);
        assert_eq!(item(3), Seen::Duplicate);
        assert_eq!(item(12), Seen::New { missed: 3 });
        assert_eq!(
            item(u64::MAX),
            Seen::New {
                missed: u64::MAX - 13
            }
        );
    }

    #[test]
    fn a_beat_shows_a_tail_that_was_lost() {
        let (mut peers, now, a) = (Peers::default(), Instant::now(), node("a"));
        peers.note(&a, 1, 7, false, now, false);
        assert_eq!(peers.note(&a, 1, 7, true, now, false), Seen::Duplicate);
        assert_eq!(
            peers.note(&a, 1, 9, true, now, false),
            Seen::New { missed: 2 }
        );
        assert_eq!(
            peers.note(&a, 1, 10, false, now, false),
            Seen::New { missed: 0 }
        );
    }

    #[test]
    fn what_a_node_sent_before_it_was_heard_counts_for_who_listened() {
        let (mut peers, now) = (Peers::default(), Instant::now());
        for (name, is_listening, missed) in [("a", false, 0), ("b", true, 4)] {
            let seen = peers.note(&node(name), 1, 5, false, now, is_listening);
            assert_eq!(seen, Seen::New { missed });
        }
        let hello = peers.note(&node("c"), 1, 0, true, now, true);
        assert_eq!(hello, Seen::New { missed: 0 });
    }

    #[test]
    fn a_new_run_of_a_node_counts_by_itself() {
        let (mut peers, now, a) = (Peers::default(), Instant::now(), node("a"));
        peers.note(&a, 1, 70, false, now, false);
        assert_eq!(
            peers.note(&a, 2, 1, false, now, true),
            Seen::New { missed: 0 }
        );
        peers.end(&a, 1);
        assert_eq!(peers.alive(now).collect::<Vec<_>>(), [&a]);
        peers.end(&a, 2);
        assert_eq!(peers.alive(now).count(), 0);
    }

    #[test]
    fn a_silent_node_is_gone_and_its_numbers_are_remembered() {
        let (mut peers, now, a) = (Peers::default(), Instant::now(), node("a"));
        peers.note(&a, 1, 5, false, now, false);
        let later = now + MEMORY / 2;
        peers.sweep(later);
        assert_eq!(peers.alive(later).count(), 0);
        assert_eq!(
            peers.note(&a, 1, 8, false, later, false),
            Seen::New { missed: 2 }
        );
        peers.sweep(later + MEMORY);
        assert_eq!(peers.count, 0);
    }

    #[test]
    fn the_number_of_nodes_is_bounded() {
        let (mut peers, now) = (Peers::default(), Instant::now());
        for index in 0..MAX_PEERS * 2 {
            let heard = now + Duration::from_millis(index as u64);
            peers.note(&node(&format!("n{index}")), 1, 5, false, heard, false);
        }
        assert_eq!(peers.count, MAX_PEERS);
        assert_eq!(peers.nodes.len(), MAX_PEERS);
    }

    proptest! {
        /// However messages are dropped and repeated: what is delivered and what is missed add up,
        /// and nothing is delivered twice.
        #[test]
        fn delivered_and_missed_add_up(
            fates in prop::collection::vec(0..3_u8, 1..200),
            repeats in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let (mut peers, now, a) = (Peers::default(), Instant::now(), node("a"));
            peers.note(&a, 1, 0, true, now, true);
            let (mut delivered, mut missed) = (Vec::new(), 0);
            for (number, fate) in (1..).zip(&fates) {
                for _ in 0..*fate {
                    if let Seen::New { missed: gap } = peers.note(&a, 1, number, false, now, true) {
                        delivered.push(number);
                        missed += gap;
                    }
                }
                for index in &repeats {
                    let old = index.index(number as usize) as u64;
                    if old < delivered.last().copied().unwrap_or(0) {
                        let seen = peers.note(&a, 1, old, false, now, true);
                        prop_assert_eq!(seen, Seen::Duplicate);
                    }
                }
            }
            let last = fates.len() as u64;
            if let Seen::New { missed: tail } = peers.note(&a, 1, last, true, now, true) {
                missed += tail;
            }
            prop_assert!(delivered.is_sorted_by(|a, b| a < b));
            prop_assert_eq!(delivered.len() as u64 + missed, last);
        }
    }
}
