//! The future that an application awaits for as long as it serves.

use std::{
    fmt,
    future::{Future, IntoFuture, pending},
    io,
    net::SocketAddr,
    pin::Pin,
    time::Duration,
};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

type Serving = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// Serves a listener, once it is awaited: for ever, or until a signal.
///
/// Dropping the future is a signal too, but nobody waits then for requests that are under way.
#[must_use = "it serves nothing until it is awaited"]
pub struct Serve {
    start: Box<dyn FnOnce(CancellationToken) -> Serving + Send>,
    signal: Pin<Box<dyn Future<Output = ()> + Send>>,
    address: Option<SocketAddr>,
}

impl Serve {
    /// `start` serves until the token is cancelled, and then to the end.
    pub(crate) fn new<F>(start: impl FnOnce(CancellationToken) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        Self {
            start: Box::new(|stop| Box::pin(start(stop))),
            signal: Box::pin(pending()),
            address: None,
        }
    }

    pub(crate) fn at(mut self, address: SocketAddr) -> Self {
        self.address = Some(address);
        self
    }

    /// Returns the address that it listens at, if [`Hub::front`](crate::Hub::front) has made the
    /// listener.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Ends when the signal comes: nothing more is accepted, requests that are under way get their
    /// answers, and holds end as [`Hub::shutdown`](crate::Hub::shutdown) says. Without it a process
    /// that is told to end cuts its clients off:
    ///
    /// ```no_run
    /// # use axum::Router;
    /// # use gripware_hub::Hub;
    /// # use tokio::net::TcpListener;
    /// # async fn example(hub: Hub, listener: TcpListener, app: Router) -> std::io::Result<()> {
    /// // Of tokio's feature `signal`: what Ctrl-C sends, and what service managers do.
    /// use tokio::signal::unix::{SignalKind, signal};
    ///
    /// let mut interrupted = signal(SignalKind::interrupt())?;
    /// let mut terminated = signal(SignalKind::terminate())?;
    /// hub.serve(listener, app)
    ///     .with_graceful_shutdown(async move {
    ///         tokio::select! {
    ///             _ = interrupted.recv() => {}
    ///             _ = terminated.recv() => {}
    ///         }
    ///     })
    ///     .await
    /// # }
    /// ```
    pub fn with_graceful_shutdown(
        mut self,
        signal: impl Future<Output = ()> + Send + 'static,
    ) -> Self {
        self.signal = Box::pin(signal);
        self
    }
}

impl IntoFuture for Serve {
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let stop = CancellationToken::new();
        let mut serving = (self.start)(stop.clone());
        let stop = stop.drop_guard();
        let signal = self.signal;
        Box::pin(async move {
            tokio::select! {
                served = &mut serving => return served,
                () = signal => {}
            }
            drop(stop);
            serving.await
        })
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// Waits for what ends after the signal to stop, and then no longer than `limit`.
pub(crate) async fn within(
    limit: Duration,
    stop: &CancellationToken,
    ending: impl Future<Output = ()>,
) {
    let late = async {
        stop.cancelled().await;
        sleep(limit).await;
    };
    tokio::select! {
        () = ending => {}
        () = late => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_that_nobody_awaits_any_more_is_told_to_stop() {
        let (started, was_started) = tokio::sync::oneshot::channel();
        let serve = Serve::new(|stop| async move {
            let _ = started.send(stop);
            pending().await
        });
        let serving = tokio::spawn(serve.into_future());
        let stop = was_started.await.unwrap();
        assert!(!stop.is_cancelled());
        serving.abort();
        stop.cancelled().await;
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_signal_the_end_is_waited_for_only_so_long() {
        const LIMIT: Duration = Duration::from_secs(5);
        let stop = CancellationToken::new();
        stop.cancel();
        let start = tokio::time::Instant::now();
        within(LIMIT, &stop, sleep(LIMIT / 2)).await;
        assert_eq!(start.elapsed(), LIMIT / 2);
        within(LIMIT, &stop, pending()).await;
        assert_eq!(start.elapsed(), LIMIT / 2 + LIMIT);
    }
}
