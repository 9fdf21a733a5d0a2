//! Whether this node hears the cluster: its own beats have to come back.
//!
//! "Connected" proves nothing: a healthy TCP connection to a deaf server is a known failure. So a
//! node hears from the moment that a beat comes back which it sent after the broker was reached,
//! until none has come back for [`SILENCE`], or the broker is out of reach.

use std::time::Instant;

use crate::{
    LossReason,
    settings::{BEAT, CATCH_UP, SILENCE, START_ANEW},
};

#[derive(Debug)]
pub(crate) struct Hearing {
    state: State,
    is_connected: bool,
    /// The count of the last beat that was sent.
    sent: u64,
    /// The first beat whose return says that this connection passes on what is sent.
    proof: u64,
    next_beat: Instant,
    /// When to begin to receive anew, where it is still deaf.
    anew: Instant,
    /// Until when that is put off by what comes.
    catches_up: Instant,
    /// When a beat came back last.
    heard: Instant,
    /// Since when it has heard without a break.
    since: Instant,
    /// What is told when it hears again.
    loss: Option<LossReason>,
    was_ever: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Hears,
    /// Since when.
    Deaf(Instant),
}

/// What a tick found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    /// It hears no longer.
    BecameDeaf,
    /// It has been deaf for so long that it should begin to receive anew.
    StartAnew,
}

impl Hearing {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            state: State::Deaf(now),
            is_connected: false,
            sent: 0,
            proof: u64::MAX,
            next_beat: now,
            anew: now + START_ANEW,
            catches_up: now + CATCH_UP,
            heard: now,
            since: now,
            loss: None,
            was_ever: false,
        }
    }

    pub(crate) fn hears(&self) -> bool {
        self.state == State::Hears
    }

    /// Whether it has heard for so long that it would have heard each node that lives.
    pub(crate) fn is_settled(&self, now: Instant) -> bool {
        self.hears() && now.saturating_duration_since(self.since) > SILENCE
    }

    /// The broker is reached.
    pub(crate) fn connected(&mut self, resumed: bool, now: Instant) {
        self.is_connected = true;
        self.proof = self.sent + 1;
        self.next_beat = now;
        self.anew = now + START_ANEW;
        self.catches_up = now + CATCH_UP;
        if !resumed {
            self.lost(LossReason::Reconnected);
        }
    }

    /// The broker is out of reach.
    pub(crate) fn disconnected(&mut self, now: Instant) {
        self.is_connected = false;
        self.proof = u64::MAX;
        self.deafen(now);
    }

    /// Something is missing, which is told at once by a node that hears, and otherwise when it does.
    pub(crate) fn lost(&mut self, reason: LossReason) {
        self.loss.get_or_insert(reason);
    }

    /// What is to be told now.
    pub(crate) fn take_loss(&mut self) -> Option<LossReason> {
        if !self.hears() {
            return None;
        }
        // Before the first time there was nothing to miss.
        let loss = self.loss.take();
        loss.filter(|_| std::mem::replace(&mut self.was_ever, true))
    }

    /// When the next beat is due, which a node sends while its broker is reached.
    pub(crate) fn next_beat(&self) -> Option<Instant> {
        self.is_connected.then_some(self.next_beat)
    }

    /// The next beat, where it is due.
    pub(crate) fn beat(&mut self, now: Instant) -> Option<u64> {
        if !self.is_connected || now < self.next_beat {
            return None;
        }
        self.next_beat = now + BEAT;
        self.sent += 1;
        Some(self.sent)
    }

    /// Makes a beat due, since somebody wants to know who lives.
    pub(crate) fn hasten_beat(&mut self, now: Instant) {
        self.next_beat = self.next_beat.min(now);
    }

    /// Something came: a node that is deaf may be behind, and reads on.
    pub(crate) fn came(&mut self, now: Instant) {
        if now < self.catches_up {
            self.anew = self.anew.max(now + START_ANEW);
        }
    }

    /// A beat of this node came back. Whether it hears from now on.
    pub(crate) fn heard(&mut self, beat: u64, now: Instant) -> bool {
        if beat < self.proof {
            return false;
        }
        self.heard = now;
        let State::Deaf(since) = self.state else {
            return false;
        };
        if now.saturating_duration_since(since) >= SILENCE {
            self.lost(LossReason::Silence);
        }
        self.state = State::Hears;
        self.since = now;
        true
    }

    pub(crate) fn tick(&mut self, now: Instant) -> Change {
        let silent = now.saturating_duration_since(self.heard);
        match self.state {
            State::Hears if silent >= SILENCE => {
                self.lost(LossReason::Silence);
                self.deafen(now);
                Change::BecameDeaf
            }
            State::Deaf(_) if self.is_connected && now >= self.anew => {
                self.anew = now + START_ANEW;
                Change::StartAnew
            }
            _ => Change::None,
        }
    }

    fn deafen(&mut self, now: Instant) {
        if self.hears() {
            self.state = State::Deaf(now);
            // After a break of the process itself, what came meanwhile has its time to be read.
            self.anew = now + START_ANEW;
            self.catches_up = now + CATCH_UP;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// One that hears, and the time.
    fn hearing() -> (Hearing, Instant) {
        let now = Instant::now();
        let mut hearing = Hearing::new(now);
        assert_eq!(hearing.beat(now), None);
        hearing.connected(false, now);
        let beat = hearing.beat(now).unwrap();
        assert!(hearing.heard(beat, now));
        // The first time is no loss.
        assert_eq!(hearing.take_loss(), None);
        (hearing, now)
    }

    #[test]
    fn its_own_beats_keep_it_hearing() {
        let (mut hearing, mut now) = hearing();
        for _ in 0..10 {
            now += BEAT;
            let beat = hearing.beat(now).unwrap();
            assert!(!hearing.heard(beat, now));
            assert_eq!(hearing.tick(now), Change::None);
        }
        assert!(hearing.is_settled(now));
        assert_eq!(hearing.take_loss(), None);
    }

    #[test]
    fn a_connection_that_passes_nothing_on_makes_it_deaf_and_start_anew() {
        let (mut hearing, start) = hearing();
        assert_eq!(hearing.tick(start + SILENCE / 2), Change::None);
        let deaf = start + SILENCE;
        assert_eq!(hearing.tick(deaf), Change::BecameDeaf);
        assert!(!hearing.hears());
        assert_eq!(hearing.take_loss(), None);
        assert_eq!(hearing.tick(deaf + START_ANEW), Change::StartAnew);
        assert_eq!(hearing.tick(deaf + START_ANEW), Change::None);

        let now = deaf + START_ANEW;
        hearing.connected(false, now);
        let beat = hearing.beat(now).unwrap();
        assert!(hearing.heard(beat, now));
        assert_eq!(hearing.take_loss(), Some(LossReason::Silence));
        assert_eq!(hearing.take_loss(), None);
    }

    #[test]
    fn what_still_comes_is_read_for_a_while_before_it_starts_anew() {
        let (mut hearing, start) = hearing();
        let deaf = start + Duration::from_secs(30);
        assert_eq!(hearing.tick(deaf), Change::BecameDeaf);
        let step = START_ANEW / 2;
        for count in 1..=CATCH_UP.as_secs() / 2 {
            let now = deaf + step * u32::try_from(count).unwrap();
            hearing.came(now);
            assert_eq!(hearing.tick(now), Change::None);
        }
        let end = deaf + CATCH_UP;
        hearing.came(end);
        assert_eq!(hearing.tick(end + START_ANEW), Change::StartAnew);
    }

    #[test]
    fn after_a_long_outage_a_new_connection_has_its_time() {
        let (mut hearing, now) = hearing();
        hearing.disconnected(now);
        let now = now + 20 * START_ANEW;
        assert_eq!(hearing.tick(now), Change::None);
        hearing.connected(false, now);
        assert_eq!(hearing.tick(now + START_ANEW / 2), Change::None);
        assert_eq!(hearing.tick(now + START_ANEW), Change::StartAnew);
    }

    #[test]
    fn a_beat_from_before_proves_nothing() {
        let (mut hearing, now) = hearing();
        let before = hearing.beat(now + BEAT).unwrap();
        hearing.disconnected(now);
        assert!(!hearing.hears());
        assert!(!hearing.heard(before, now));
        hearing.connected(false, now);
        assert!(!hearing.heard(before, now));
        let after = hearing.beat(now).unwrap();
        assert!(hearing.heard(after, now));
        assert_eq!(hearing.take_loss(), Some(LossReason::Reconnected));
    }

    #[test]
    fn a_short_outage_of_a_broker_that_keeps_everything_is_no_loss() {
        let (mut hearing, now) = hearing();
        hearing.disconnected(now);
        hearing.connected(true, now + Duration::from_secs(1));
        let now = now + Duration::from_secs(2);
        let beat = hearing.beat(now).unwrap();
        assert!(hearing.heard(beat, now));
        assert_eq!(hearing.take_loss(), None);
    }

    #[test]
    fn a_process_that_was_stopped_reads_on_before_it_starts_anew() {
        let (mut hearing, now) = hearing();
        let now = now + Duration::from_secs(30);
        assert_eq!(hearing.tick(now), Change::BecameDeaf);
        let beat = hearing.beat(now).unwrap();
        assert!(hearing.heard(beat, now + Duration::from_secs(1)));
        assert_eq!(hearing.take_loss(), Some(LossReason::Silence));
    }
}
