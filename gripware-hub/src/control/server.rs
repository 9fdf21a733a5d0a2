use std::{future::Future, io, pin::pin, sync::Arc, time::Duration};

use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    access::ControlKey,
    connection::{self, MAX_TURNED_AWAY},
    places::Places,
    service::Control,
    target::Target,
};

/// How long to wait where the system has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How long requests under way may take once `stop` is done.
const GRACE: Duration = Duration::from_secs(5);

/// Serves the control API until `stop` is done, and then answers what is under way.
pub(crate) async fn serve<T: Target>(
    listener: TcpListener,
    target: Arc<T>,
    key: Option<ControlKey>,
    stop: impl Future,
) {
    let control = Arc::new(Control::new(target, key));
    let places = Arc::new(Places::default());
    let turned_away = Arc::new(Semaphore::new(MAX_TURNED_AWAY));
    let (stopping, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        tokio::select! {
            _ = &mut stop => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let turned_away = Arc::clone(&turned_away);
                    if let Some(place) = places.take() {
                        let control = Arc::clone(&control);
                        let stopped = stopped.clone();
                        connections.spawn(connection::serve(stream, place, control, turned_away, stopped));
                    } else {
                        connections.spawn(async move {
                            connection::turn_away(stream, &turned_away).await;
                        });
                    }
                }
                Err(error) => {
                    if !is_of_one_connection(&error) {
                        tracing::warn!(%error, "no connection to the control API can be accepted");
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
            },
        }
    }
    drop(listener);
    drop(stopped);
    // Those that hear of it go, and with them their receivers.
    drop(stopping);
    let ended = async { while connections.join_next().await.is_some() {} };
    if timeout(GRACE, ended).await.is_err() {
        tracing::warn!("control requests were cut off at the end");
    }
}

/// Whether the next connection may well be accepted.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
    )
}
