use std::{future::Future, time::Duration};

use hyper::rt::Executor;
use tokio::time::timeout;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The tasks of one connection: hyper's own, and those of its streams.
///
/// Cutting it drops them all, and the socket with them, whatever state HTTP/2 is in.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    cut: CancellationToken,
    tasks: TaskTracker,
}

impl Scope {
    /// Ends with `parent` at the latest.
    pub(crate) fn within(parent: &CancellationToken) -> Self {
        Self {
            cut: parent.child_token(),
            tasks: TaskTracker::new(),
        }
    }

    pub(crate) fn cut(&self) {
        self.cut.cancel();
    }

    pub(crate) async fn is_cut(&self) {
        self.cut.cancelled().await;
    }

    /// Waits until streams have ended by themselves, and cuts what is left after `drain`.
    pub(crate) async fn finish(&self, drain: Duration) {
        self.tasks.close();
        if timeout(drain, self.tasks.wait()).await.is_err() {
            self.cut();
            self.tasks.wait().await;
        }
    }
}

impl<F> Executor<F> for Scope
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        let cut = self.cut.clone();
        self.tasks.spawn(async move {
            cut.run_until_cancelled_owned(future).await;
        });
    }
}
