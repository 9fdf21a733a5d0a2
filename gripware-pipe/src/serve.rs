use std::{
    fmt,
    future::{Future, IntoFuture, pending},
    io,
    pin::Pin,
};

use tokio_util::sync::CancellationToken;

type Running = Pin<Box<dyn Future<Output = io::Result<()>> + Send>>;

/// One end at work, once it is awaited: for ever, or until a signal.
#[must_use = "it does nothing until it is awaited"]
pub struct Serve {
    start: Box<dyn FnOnce(CancellationToken) -> Running + Send>,
    signal: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Serve {
    pub(crate) fn new<F>(start: impl FnOnce(CancellationToken) -> F + Send + 'static) -> Self
    where
        F: Future<Output = io::Result<()>> + Send + 'static,
    {
        Self {
            start: Box::new(|stop| Box::pin(start(stop))),
            signal: Box::pin(pending()),
        }
    }

    /// Ends when the signal comes: nothing new begins, and what is under way has as long as
    /// [`Settings::drain`](crate::Settings::drain) says.
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
    type IntoFuture = Running;

    fn into_future(self) -> Running {
        let stop = CancellationToken::new();
        let mut running = (self.start)(stop.clone());
        let signal = self.signal;
        Box::pin(async move {
            tokio::select! {
                ended = &mut running => return ended,
                () = signal => stop.cancel(),
            }
            running.await
        })
    }
}

impl fmt::Debug for Serve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Serve").finish_non_exhaustive()
    }
}
