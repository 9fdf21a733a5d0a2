use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::Lost;

/// How a connection is told to end, and why. Clones are of the same connection.
#[derive(Clone, Debug)]
pub(crate) struct Ending {
    token: CancellationToken,
    why: Arc<Mutex<Lost>>,
}

impl Ending {
    /// It ends with its server or client at the latest.
    pub(crate) fn with(stop: &CancellationToken) -> Self {
        Self {
            token: stop.child_token(),
            why: Arc::new(Mutex::new(Lost::Stopped)),
        }
    }

    /// Nothing new begins, and what is under way has its drain time. The first reason counts.
    pub(crate) fn end(&self, why: Lost) {
        let mut reason = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.token.is_cancelled() {
            *reason = why;
            self.token.cancel();
        }
    }

    pub(crate) fn is_told(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits until it is told. Safe to cancel.
    pub(crate) async fn told(&self) -> Lost {
        self.token.cancelled().await;
        *self.why.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until it is told, and until the time is over that calls have to end.
    pub(crate) async fn over(&self, drain: Duration) {
        match self.told().await {
            // Nothing more goes to somebody who is not trusted.
            Lost::Untrusted => {}
            _ => sleep(drain).await,
        }
    }
}
