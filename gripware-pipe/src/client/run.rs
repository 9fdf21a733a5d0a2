use std::{io, sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Inner, backoff::Backoff, session::Session};
use crate::{BoxError, Failure, Lost, causes::causes, remote::Handler};

/// A pipe that lived this long was a success, and the next attempts begin quickly again. A shorter
/// one may have been ended by a second client of the same name.
const STABLE: Duration = Duration::from_secs(10);

/// The server's certificate expires without any file changing, so that it is verified again.
const VERIFY_AGAIN: Duration = Duration::from_secs(60);

/// Dials until the client is to stop, and then lets calls end.
pub(super) async fn run(
    inner: Arc<Inner>,
    handler: Handler,
    stop: CancellationToken,
) -> io::Result<()> {
    let mut backoff = Backoff::new(inner.first_retry, inner.last_retry);
    let closing = TaskTracker::new();
    for address in inner.servers.iter().cycle() {
        reload(&inner).await;
        inner.telemetry.tick("client.connect.new.tick");
        let begun = Instant::now();
        let limit = inner.settings.connect_timeout;
        let dialling = timeout(limit, Session::dial(&inner, address, &handler, &stop));
        let dialled = tokio::select! {
            dialled = dialling => dialled,
            () = stop.cancelled() => break,
        };
        let took = begun.elapsed();
        inner
            .telemetry
            .timing("client.connect.new.attempt.timing", took);
        let dialled = dialled.unwrap_or_else(|_| Err(format!("it took {limit:?}").into()));
        let why = match dialled {
            Ok(session) => {
                let begun = Instant::now();
                let why = attend(&inner, session, &closing).await;
                if begun.elapsed() >= STABLE {
                    backoff.reset();
                }
                Ok(why)
            }
            Err(error) => Err(error),
        };
        if stop.is_cancelled() {
            break;
        }
        if matches!(why, Ok(Lost::Renewed)) {
            continue;
        }
        let delay = backoff.next(getrandom::u32().unwrap_or_default());
        if let Err(error) = &why {
            failed(
                &inner,
                &address.to_string(),
                backoff.failures(),
                delay,
                error,
            );
        }
        tokio::select! {
            () = sleep(delay) => {}
            () = stop.cancelled() => break,
        }
    }
    closing.close();
    // Each of them is bounded by the drain time.
    closing.wait().await;
    Ok(())
}

/// Stays with a pipe until it is lost, and lets its last calls end in the background.
async fn attend(inner: &Arc<Inner>, mut session: Session, closing: &TaskTracker) -> Lost {
    let counters = &inner.telemetry.counters;
    counters.connections.add(1);
    inner.telemetry.tick("client.connect.connected.tick");
    let peer = session.peer().clone();
    tracing::info!(%peer, "connected");
    inner.slot.put(Arc::clone(&session.link));
    inner.hooks.connected(&peer);
    let mut ticks = interval(inner.settings.refresh);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut verified = Instant::now();
    let why = loop {
        tokio::select! {
            why = session.lost() => break why,
            _ = ticks.tick() => {}
        }
        if reload(inner).await {
            break Lost::Renewed;
        }
        if verified.elapsed() >= VERIFY_AGAIN {
            verified = Instant::now();
            if !session.is_trusted(&inner.tls()) {
                break Lost::Untrusted;
            }
        }
    };
    inner.slot.remove(session.link.generation);
    session.ending.end(why);
    counters.lost.add(1);
    inner.telemetry.tick("client.connect.broken.tick");
    tracing::info!(%peer, %why, "the pipe is lost");
    inner.hooks.lost(&peer, why);
    let drain = inner.settings.drain;
    closing.spawn(session.close(drain));
    why
}

async fn reload(inner: &Arc<Inner>) -> bool {
    let reading = Arc::clone(inner);
    match tokio::task::spawn_blocking(move || reading.read()).await {
        Ok(Ok(is_new)) => is_new,
        Ok(Err(error)) => {
            tracing::warn!(%error, "certificates cannot be read again: the old ones stay");
            false
        }
        Err(_) => false,
    }
}

fn failed(inner: &Inner, address: &str, attempts: u32, next: Duration, error: &BoxError) {
    inner.telemetry.counters.failed.add(1);
    let why = causes(&**error);
    tracing::warn!(address, attempts, ?next, why, "the server is not reached");
    inner.hooks.failed(&Failure {
        address,
        attempts,
        next: Some(next),
        error,
    });
}
