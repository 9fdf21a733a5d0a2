//! The task that hands to the broker what is to be sent.

use std::{sync::Arc, time::Instant};

use tokio::time::{sleep, sleep_until, timeout};

use super::shared::{Shared, now};
use crate::{
    Backoff, BrokerError, BrokerErrorKind, Sent,
    exchange::Batch,
    hearing::Change,
    settings::{ECHO, SEND, TICK},
};

/// Sends until the relay ends, and looks at deadlines meanwhile.
pub(super) async fn send(shared: Arc<Shared>) {
    let mut ended = shared.ended.subscribe();
    let ticking = async {
        loop {
            sleep(TICK).await;
            let change = shared.exchange().tick(now());
            shared.freed.notify_waiters();
            match change {
                Change::None => {}
                Change::BecameDeaf => {
                    tracing::warn!(
                        broker = shared.broker.name(),
                        "this node does not hear its own beats: it is deaf"
                    );
                    shared.tell_hearing();
                }
                Change::StartAnew => shared.anew.notify_one(),
            }
        }
    };
    tokio::select! {
        _ = ended.wait_for(|ended| *ended) => {}
        () = ticking => {}
        () = send_batches(&shared) => {}
    }
}

/// Sends batch after batch: the next one leaves when this one is accepted.
async fn send_batches(shared: &Shared) {
    let mut backoff = Backoff::new();
    loop {
        let Batch { messages, last } = shared.exchange().batch(now());
        if messages.is_empty() {
            let beat = shared.exchange().next_beat();
            tokio::select! {
                () = shared.wake.notified() => {}
                () = at(beat) => {}
            }
            continue;
        }
        let sent = timeout(SEND, shared.broker.send(messages)).await;
        let sent = sent.unwrap_or_else(|_| {
            let name = shared.broker.name();
            let kind = BrokerErrorKind::TimedOut;
            Err(BrokerError::new(kind, name, "a batch was not taken"))
        });
        shared.exchange().sent();
        match sent {
            Ok(Sent::Accepted) => {
                shared.exchange().accepted(last);
                backoff.reset();
            }
            Ok(Sent::Unconfirmed) => {
                let echoed = shared.freed_when(|exchange| !exchange.is_in_flight());
                tokio::select! {
                    echo = timeout(ECHO, echoed) => if echo.is_ok() { backoff.reset() },
                    () = shared.reconnected.notified() => {}
                }
            }
            Err(error) => {
                tracing::debug!(%error, "a batch was not accepted, and is sent again");
                shared.not_accepted(error);
                tokio::select! {
                    () = sleep(backoff.next_pause()) => {}
                    () = shared.reconnected.notified() => {}
                }
            }
        }
        shared.freed.notify_waiters();
    }
}

/// Waits for a time; for ever where there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
