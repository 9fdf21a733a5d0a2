//! Clients that read more slowly than others publish.

use std::time::Duration;

use tokio::time::sleep;

use super::{Shard, connection::State};
use crate::clock;

/// How long the shard waits for connections that have much to read.
const PATIENCE: Duration = Duration::from_millis(100);

/// How much waits for a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pressure {
    /// Less than half of what may.
    Low,
    /// More, since a moment ago: the shard waits for it where many are like that.
    High,
    /// More for long: nobody waits for it.
    Stalled,
}

impl Shard {
    /// Notes how much waits for a client.
    pub(super) fn weigh(&self, state: &mut State) {
        let settings = &self.shared.settings;
        let outbox = &state.outbox;
        let is_high = outbox.bytes() > settings.queue_bytes / 2
            || outbox.messages() > settings.queue_messages / 2;
        match (is_high, state.pressure) {
            (true, Pressure::Low) => {
                state.pressure = Pressure::High;
                self.pressed.set(self.pressed.get() + 1);
            }
            (false, Pressure::High) => self.unload(state),
            (false, Pressure::Stalled) if outbox.is_empty() => state.pressure = Pressure::Low,
            _ => {}
        }
    }

    /// Nobody waits for a connection any more.
    pub(super) fn unload(&self, state: &mut State) {
        if state.pressure == Pressure::High {
            self.pressed.set(self.pressed.get().saturating_sub(1));
            self.relief.notify_one();
        }
        state.pressure = Pressure::Low;
    }

    /// Waits while many clients have much to read, so that who publishes waits as well and nothing
    /// is dropped. A few do not make the others wait.
    pub(super) async fn relieved(&self) {
        let start = clock::now();
        loop {
            let many = self.connections.borrow().len().div_ceil(8);
            if self.pressed.get() < many.max(1) {
                return;
            }
            if clock::now() - start > PATIENCE {
                self.give_up_on_pressed();
                return;
            }
            tokio::select! {
                () = self.relief.notified() => {}
                () = sleep(PATIENCE / 10) => {}
            }
        }
    }

    /// Those who still have much to read are not waited for until they have read it all.
    fn give_up_on_pressed(&self) {
        for (_, connection) in self.connections.borrow().iter() {
            connection.with(|state| {
                if state.pressure == Pressure::High {
                    state.pressure = Pressure::Stalled;
                }
            });
        }
        self.pressed.set(0);
    }
}
