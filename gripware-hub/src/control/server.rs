use std::{convert::Infallible, future::Future, io, pin::pin, sync::Arc, time::Duration};

use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{access::ControlKey, service::Control, target::Target};

/// How many clients are connected at a time. More wait to be accepted: publishers are few, and keep
/// their connections.
const MAX_CONNECTIONS: usize = 256;

/// The most bytes of a request's head (GRIP 3.1).
const MAX_HEAD: usize = 10_000;

const MAX_HEADERS: usize = 64;

/// How long a head may take, from the end of the request before it: longer than publishers leave a
/// connection idle, so that none finds it closed as it sends.
const HEAD_TIME: Duration = Duration::from_secs(60);

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
    let permits = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let (stopping, stopped) = watch::channel(());
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let accepted = async {
            // It is never closed.
            let permit = Arc::clone(&permits).acquire_owned().await.ok();
            (listener.accept().await, permit)
        };
        tokio::select! {
            _ = &mut stop => break,
            Some(_) = connections.join_next() => {}
            (accepted, permit) = accepted => match accepted {
                Ok((stream, _)) => {
                    let connection = connection(stream, Arc::clone(&control), stopped.clone());
                    connections.spawn(async move {
                        connection.await;
                        drop(permit);
                    });
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

async fn connection<T: Target>(
    stream: TcpStream,
    control: Arc<Control<T>>,
    mut stopped: watch::Receiver<()>,
) {
    // Answers are small and each is waited for.
    let _ = stream.set_nodelay(true);
    let local = stream.local_addr().ok().map(|local| local.ip());
    let service = service_fn(|request| {
        let control = Arc::clone(&control);
        async move { Ok::<_, Infallible>(control.answer(request, local).await) }
    });
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_headers(MAX_HEADERS)
            .max_header_size(MAX_HEAD)
            .serve_connection(TokioIo::new(stream), service)
    );
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to the control API failed");
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
