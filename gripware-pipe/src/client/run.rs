use std::{error::Error, io, pin::pin, sync::Arc, time::Duration};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep, timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Inner, News, ServerAddress, backoff::Backoff, pipe::Pipe};
use crate::{BoxError, Failure, Lost, remote::Handler};

/// A pipe that lived this long was a success, and the next attempts begin quickly again. A shorter
/// one may have been ended by a second client of the same name.
const STABLE: Duration = Duration::from_secs(10);

/// The server's certificate expires without any file changing, so that it is verified again.
const VERIFY_AGAIN: Duration = Duration::from_secs(60);

/// What one server is dialled with.
struct Dialler<'a> {
    inner: &'a Arc<Inner>,
    address: &'a ServerAddress,
    handler: &'a Handler,
    stop: &'a CancellationToken,
}

impl Dialler<'_> {
    async fn dial(&self) -> Result<Pipe, BoxError> {
        let limit = self.inner.settings.connect_timeout;
        let dialling = Pipe::dial(self.inner, self.address, self.handler, self.stop);
        let dialled = timeout(limit, dialling).await;
        dialled.unwrap_or_else(|_| Err(format!("it took {limit:?}").into()))
    }
}

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
        let dialler = Dialler {
            inner: &inner,
            address,
            handler: &handler,
            stop: &stop,
        };
        let dialled = tokio::select! {
            dialled = dialler.dial() => dialled,
            () = stop.cancelled() => break,
        };
        let took = begun.elapsed();
        inner
            .telemetry
            .timing("client.connect.new.attempt.timing", took);
        let why = match dialled {
            Ok(pipe) => {
                let begun = Instant::now();
                let why = attend(&dialler, pipe, &closing).await;
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
///
/// With new certificates it dials the same server again, and the newer pipe takes the place of the
/// older one without a gap.
async fn attend(dialler: &Dialler<'_>, mut pipe: Pipe, closing: &TaskTracker) -> Lost {
    let inner = dialler.inner;
    begin(inner, &pipe);
    let mut ticks = interval(inner.settings.refresh);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut verified = Instant::now();
    let mut is_outdated = false;
    let why = loop {
        tokio::select! {
            why = pipe.lost() => break why,
            _ = ticks.tick() => {}
        }
        let news = reload(inner).await;
        if news != News::None || verified.elapsed() >= VERIFY_AGAIN {
            verified = Instant::now();
            if !pipe.is_trusted(&inner.tls()) {
                break Lost::Untrusted;
            }
        }
        is_outdated |= news == News::Identity;
        if is_outdated {
            match dial_beside(dialler, &mut pipe).await {
                (Ok(newer), _) => {
                    is_outdated = false;
                    begin(inner, &newer);
                    let older = std::mem::replace(&mut pipe, newer);
                    end(inner, older, Lost::Renewed, closing);
                }
                (Err(_), Some(why)) => break why,
                // It is tried again at the next tick.
                (Err(error), None) => {
                    let error = &*error as &dyn Error;
                    tracing::warn!(error, "there is no pipe with the new certificates yet");
                }
            }
        }
    };
    end(inner, pipe, why, closing);
    why
}

/// Dials a newer pipe, and says why the older one was lost meanwhile, if it was.
///
/// The server ends the older one as soon as it has accepted half of the newer one, and sends its
/// calls there. To stop dialling then would cut those calls off.
async fn dial_beside(
    dialler: &Dialler<'_>,
    older: &mut Pipe,
) -> (Result<Pipe, BoxError>, Option<Lost>) {
    let mut dialling = pin!(dialler.dial());
    let why = tokio::select! {
        dialled = &mut dialling => return (dialled, None),
        why = older.lost() => why,
    };
    let dialled = tokio::select! {
        dialled = dialling => dialled,
        () = dialler.stop.cancelled() => Err("the client stops".into()),
    };
    (dialled, Some(why))
}

fn begin(inner: &Inner, pipe: &Pipe) {
    let peer = pipe.peer();
    inner.telemetry.counters.connections.add(1);
    inner.telemetry.tick("client.connect.connected.tick");
    tracing::info!(%peer, "connected");
    inner.slot.put(Arc::clone(&pipe.link));
    inner.hooks.connected(peer);
}

fn end(inner: &Inner, pipe: Pipe, why: Lost, closing: &TaskTracker) {
    let peer = pipe.peer().clone();
    inner.slot.remove(pipe.link.generation);
    pipe.ending.end(why);
    inner.telemetry.counters.lost.add(1);
    inner.telemetry.tick("client.connect.broken.tick");
    tracing::info!(%peer, %why, "the pipe is lost");
    inner.hooks.lost(&peer, why);
    closing.spawn(pipe.close(inner.settings.drain));
}

async fn reload(inner: &Arc<Inner>) -> News {
    let reading = Arc::clone(inner);
    match tokio::task::spawn_blocking(move || reading.read()).await {
        Ok(Ok(news)) => news,
        Ok(Err(error)) => {
            let error = &error as &dyn Error;
            tracing::warn!(
                error,
                "certificates cannot be read again: the old ones stay"
            );
            News::None
        }
        Err(_) => News::None,
    }
}

fn failed(inner: &Inner, address: &str, attempts: u32, next: Duration, error: &BoxError) {
    inner.telemetry.counters.failed.add(1);
    let why = &**error as &dyn Error;
    tracing::warn!(
        address,
        attempts,
        ?next,
        error = why,
        "the server is not reached"
    );
    inner.hooks.failed(&Failure {
        address,
        attempts,
        next: Some(next),
        error,
    });
}
