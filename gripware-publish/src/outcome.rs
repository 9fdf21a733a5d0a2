//! What becomes of one item that was enqueued.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use crate::{PublishError, handed_over::HandedOver};

/// Says what became of an item that was [enqueued](crate::Publisher::enqueue_with_outcome): a future.
///
/// It resolves when every endpoint has accepted the item or given it up. The item is sent whether or
/// not this is awaited; dropped, a failure is told by [`flush`](crate::Publisher::flush) as for any
/// other item that nobody waits for.
#[must_use = "without it a failure is told by `flush` alone"]
pub struct Outcome(Pin<Box<dyn Future<Output = Result<(), PublishError>> + Send>>);

impl Outcome {
    pub(crate) fn new(handed_over: HandedOver) -> Self {
        Self(Box::pin(handed_over.outcome()))
    }
}

impl Future for Outcome {
    type Output = Result<(), PublishError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outcome").finish_non_exhaustive()
    }
}
