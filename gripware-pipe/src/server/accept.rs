use std::{error::Error, io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Inner, connection::Accepting};
use crate::{identity::IdentityError, remote::Handler, tls::ServerTls};

/// How long to wait when the system has no sockets left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Certificates expire without any file changing, so that all are verified again once a minute.
const VERIFY_AGAIN: Duration = Duration::from_secs(60);

/// Accepts clients until the server is to stop, and then lets calls end.
pub(super) async fn run(
    inner: Arc<Inner>,
    listener: TcpListener,
    handler: Handler,
    stop: CancellationToken,
) -> io::Result<()> {
    let cut = CancellationToken::new();
    // Dropping this future is an end too.
    let _cut = cut.clone().drop_guard();
    let tasks = TaskTracker::new();
    let accepting = Accepting {
        inner: Arc::clone(&inner),
        handler,
        stop: stop.clone(),
        cut: cut.clone(),
    };
    tokio::select! {
        () = accept(&accepting, listener, &tasks) => {}
        () = refresh(&inner) => {}
        () = stop.cancelled() => {}
    }
    tasks.close();
    // A connection ends itself within the drain time; this is for what is stuck in between.
    let limit = inner.settings.drain + Duration::from_secs(1);
    if timeout(limit, tasks.wait()).await.is_err() {
        cut.cancel();
        tasks.wait().await;
    }
    Ok(())
}

async fn accept(accepting: &Accepting, listener: TcpListener, tasks: &TaskTracker) {
    let handshakes = Arc::new(Semaphore::new(accepting.inner.max_handshakes));
    loop {
        let stream: TcpStream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "no connection can be accepted");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&handshakes).try_acquire_owned() else {
            tracing::debug!("too many connections are in their handshakes");
            continue;
        };
        tasks.spawn(accepting.clone().run(stream, permit));
    }
}

/// Reads certificates and revocations again, and ends connections that are not trusted any more.
async fn refresh(inner: &Arc<Inner>) {
    let mut ticks = interval(inner.settings.refresh);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut verified = tokio::time::Instant::now();
    loop {
        ticks.tick().await;
        let reading = Arc::clone(inner);
        let read = tokio::task::spawn_blocking(move || read(&reading)).await;
        let is_new = match read {
            Ok(Ok(is_new)) => is_new,
            Ok(Err(error)) => {
                let error = &error as &dyn Error;
                tracing::warn!(
                    error,
                    "certificates cannot be read again: the old ones stay"
                );
                false
            }
            Err(_) => false,
        };
        if is_new || verified.elapsed() >= VERIFY_AGAIN {
            verified = tokio::time::Instant::now();
            inner.verify_again(|_| true);
        }
    }
}

/// Returns whether anything is new.
fn read(inner: &Inner) -> Result<bool, IdentityError> {
    if inner.identity.is_constant() {
        return Ok(false);
    }
    let pem = inner.identity.read()?;
    if *pem == *inner.tls().pem {
        return Ok(false);
    }
    let tls = Arc::new(ServerTls::new(pem)?);
    *inner
        .tls
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner) = tls;
    tracing::info!("certificates or revocations are new");
    Ok(true)
}
