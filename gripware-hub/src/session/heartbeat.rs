//! The hub's own pings to a WebSocket client, by which one is noticed whose network is gone
//! (RFC 6455, section 5.5.2).

use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::ws::HeartbeatSettings;

/// What the hub's own pings say. A pong with it ends at the hub; the application's pings have
/// pongs of their own.
pub(super) const PAYLOAD: &[u8] = b"gripware";

/// The ping as a frame: FIN and the opcode, the length, the payload.
const PING: &[u8] = b"\x89\x08gripware";

/// A deadline that is looked at so much later says something of this process, which did not run,
/// and nothing of the client.
const LATE: Duration = Duration::from_secs(1);

/// When the next ping is due; behind a ping, by when something has to come.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Heartbeat {
    at: Option<Instant>,
    is_awaiting: bool,
}

/// What a heartbeat wants done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Beat {
    Nothing,
    Ping,
    /// The client is gone: nothing came in time.
    Lost,
}

impl Heartbeat {
    pub(super) fn new(settings: HeartbeatSettings, now: Instant) -> Self {
        Self {
            at: (!settings.interval.is_zero()).then(|| now + settings.interval),
            is_awaiting: false,
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.at
    }

    /// Notes that something came from the client, a pong or anything else.
    pub(super) fn heard(&mut self, settings: HeartbeatSettings, now: Instant) {
        if self.is_awaiting {
            *self = Self::new(settings, now);
        }
    }

    /// Notes that a ping is on its way.
    pub(super) fn pinged(&mut self, settings: HeartbeatSettings, now: Instant) {
        self.is_awaiting = true;
        self.at = Some(now + settings.timeout);
    }

    /// Returns what is due. A client that cannot answer now has its time again.
    pub(super) fn elapsed(
        &mut self,
        settings: HeartbeatSettings,
        can_answer: bool,
        now: Instant,
    ) -> Beat {
        let Some(at) = self.at.take_if(|at| *at <= now) else {
            return Beat::Nothing;
        };
        if !self.is_awaiting {
            // The next one, where this one is left out.
            self.at = Some(now + settings.interval);
            return Beat::Ping;
        }
        if !can_answer || now.duration_since(at) > LATE {
            self.at = Some(now + settings.timeout);
            return Beat::Nothing;
        }
        Beat::Lost
    }
}

/// Returns the frame of a ping.
pub(crate) fn ping() -> Bytes {
    Bytes::from_static(PING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ws::{Opcode, encode};

    const SETTINGS: HeartbeatSettings = HeartbeatSettings {
        interval: Duration::from_secs(25),
        timeout: Duration::from_secs(20),
    };

    fn heartbeat() -> (Heartbeat, impl Fn(u64) -> Instant) {
        let start = Instant::now();
        let at = move |seconds| start + Duration::from_secs(seconds);
        (Heartbeat::new(SETTINGS, start), at)
    }

    #[test]
    fn the_frame_has_the_payload() {
        assert_eq!(ping(), encode(Opcode::Ping, PAYLOAD));
    }

    #[test]
    fn a_client_that_answers_is_pinged_again_and_one_that_is_silent_is_lost() {
        let (mut heartbeat, at) = heartbeat();
        assert_eq!(heartbeat.elapsed(SETTINGS, true, at(24)), Beat::Nothing);
        assert_eq!(heartbeat.elapsed(SETTINGS, true, at(25)), Beat::Ping);
        heartbeat.pinged(SETTINGS, at(25));
        heartbeat.heard(SETTINGS, at(26));
        assert_eq!(heartbeat.deadline(), Some(at(51)));
        assert_eq!(heartbeat.elapsed(SETTINGS, true, at(51)), Beat::Ping);
        heartbeat.pinged(SETTINGS, at(51));
        assert_eq!(heartbeat.elapsed(SETTINGS, true, at(70)), Beat::Nothing);
        assert_eq!(heartbeat.elapsed(SETTINGS, true, at(71)), Beat::Lost);
    }

    #[test]
    fn what_a_client_says_by_itself_puts_no_ping_off() {
        let (mut heartbeat, at) = heartbeat();
        heartbeat.heard(SETTINGS, at(20));
        assert_eq!(heartbeat.deadline(), Some(at(25)));
    }

    #[test]
    fn a_ping_that_is_left_out_comes_the_next_time() {
        let (mut heartbeat, at) = heartbeat();
        assert_eq!(heartbeat.elapsed(SETTINGS, true, at(25)), Beat::Ping);
        assert_eq!(heartbeat.elapsed(SETTINGS, true, at(50)), Beat::Ping);
    }

    #[test]
    fn a_client_that_cannot_be_heard_is_not_lost() {
        let (mut heartbeat, at) = heartbeat();
        heartbeat.pinged(SETTINGS, at(25));
        assert_eq!(heartbeat.elapsed(SETTINGS, false, at(45)), Beat::Nothing);
        // The process did not run for a minute.
        assert_eq!(heartbeat.elapsed(SETTINGS, true, at(120)), Beat::Nothing);
        assert_eq!(heartbeat.elapsed(SETTINGS, true, at(140)), Beat::Lost);
    }

    #[test]
    fn without_an_interval_nothing_is_due() {
        let settings = HeartbeatSettings {
            interval: Duration::ZERO,
            ..SETTINGS
        };
        assert_eq!(Heartbeat::new(settings, Instant::now()).deadline(), None);
    }
}
