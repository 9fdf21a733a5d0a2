//! Serving, until a signal.

use std::{
    future::IntoFuture,
    io::{self, Write},
    time::Duration,
};

use gripware_topics::Auth;
use tokio::{net::TcpListener, time::timeout};

use super::{Failure, args::Serve};
use crate::{Broadcaster, SqliteStore, StoreLimits, deliver::causes};

/// How long what is under way may take when the program ends.
const DRAIN: Duration = Duration::from_secs(3);

pub(super) async fn run(serve: Serve) -> Result<(), Failure> {
    let Serve {
        listen,
        secrets,
        sqlite,
        targets,
        ..
    } = serve;
    let auth = match secrets {
        Some(path) => {
            Auth::from_file(path).map_err(|error| Failure::setting("--secrets", causes(&error)))?
        }
        None if listen.ip().is_loopback() => {
            tracing::warn!("without --secrets whoever reaches this may publish and subscribe");
            Auth::none()
        }
        None => {
            let text = "they are needed where others than this machine can connect";
            return Err(Failure::setting("--secrets", text));
        }
    };
    let mut builder = Broadcaster::builder(auth).targets(targets);
    if let Some(path) = sqlite {
        let store = SqliteStore::open(path, StoreLimits::default());
        builder = builder.store(store.map_err(|error| Failure::setting("--db", causes(&error)))?);
    }
    let failed = |error: io::Error| Failure::Other(error.to_string());
    #[cfg(unix)]
    raise_open_files();
    let broadcaster = builder.build().map_err(failed)?;
    let listener = TcpListener::bind(listen)
        .await
        .map_err(|error| Failure::setting("--listen", error))?;
    let address = listener.local_addr().map_err(failed)?;
    let mut signal = signal().map_err(failed)?;

    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = axum::serve(listener, broadcaster.router())
        .with_graceful_shutdown(async {
            // It is dropped where it is meant as well.
            let _ = stopped.await;
        })
        .into_future();
    let serving = tokio::spawn(serving);
    let _ = writeln!(io::stdout(), "listening on {address}");
    signal.recv().await;
    drop(stop);
    if timeout(DRAIN, serving).await.is_err() {
        tracing::warn!("what was still under way is cut off");
    }
    Ok(())
}

/// Takes as many open files as it may: each subscriber that is delivered to has a connection, and
/// keeps it for some seconds. The limit that a process begins with is often 1 024.
#[cfg(unix)]
fn raise_open_files() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: maximum,
        maximum,
    };
    match setrlimit(Resource::Nofile, raised) {
        Ok(()) => tracing::debug!(?maximum, "open files"),
        Err(error) => tracing::warn!(?current, %error, "the limit of open files stays as it is"),
    }
}

/// SIGTERM and SIGINT.
#[cfg(unix)]
fn signal() -> io::Result<tokio::sync::mpsc::Receiver<()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind)?;
        let sender = sender.clone();
        tokio::spawn(async move {
            if signals.recv().await.is_some() {
                let _ = sender.send(()).await;
            }
        });
    }
    Ok(receiver)
}

#[cfg(not(unix))]
fn signal() -> io::Result<tokio::sync::mpsc::Receiver<()>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    tokio::spawn(async move {
        let _ = tokio::signal::ctrl_c().await;
        let _ = sender.send(()).await;
    });
    Ok(receiver)
}
