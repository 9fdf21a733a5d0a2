use std::{
    fmt,
    future::{Future, IntoFuture, pending},
    io,
    net::SocketAddr,
    pin::Pin,
    time::Duration,
};

use tokio::{sync::watch, time::sleep};

type Serving = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// Serves a listener, once it is awaited: for ever, or until a signal.
#[must_use = "it serves nothing until it is awaited"]
pub struct Serve {
    start: Box<dyn FnOnce(Stop) -> Serving + Send>,
    signal: Pin<Box<dyn Future<Output = ()> + Send>>,
    address: Option<SocketAddr>,
}

/// Whether a server is to end.
#[derive(Clone, Debug)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Stop {
    pub(crate) async fn wait(mut self) {
        // It fails where nobody can say so any more.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

impl Serve {
    pub(crate) fn new<F>(start: impl FnOnce(Stop) -> F + Send + 'static) -> Self
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

    /// Where it listens, as far as [`Hub::front`](crate::Hub::front) has made the listener.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.address
    }

    /// Ends when the signal comes: nothing more is accepted, requests that are under way get their
    /// answers, and holds end as [`Hub::shutdown`](crate::Hub::shutdown) says.
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
        let (stop, stopped) = watch::channel(false);
        let mut serving = (self.start)(Stop(stopped));
        let signal = self.signal;
        Box::pin(async move {
            tokio::select! {
                served = &mut serving => return served,
                () = signal => {}
            }
            stop.send_replace(true);
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

/// Waits for two things that end together, and no longer than a time after the signal to end.
pub(crate) async fn both_within(
    one: impl Future<Output = ()>,
    other: impl Future<Output = ()>,
    signal: impl Future<Output = ()>,
    limit: Duration,
) {
    let late = async {
        signal.await;
        sleep(limit).await;
    };
    tokio::select! {
        _ = async { tokio::join!(one, other) } => {}
        () = late => {}
    }
}
