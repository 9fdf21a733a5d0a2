//! Work that takes long, done beside the threads that everything else runs on.

use std::future::pending;

use tokio::task::{JoinError, JoinHandle, spawn_blocking};

/// What is about more bytes is done where blocking is allowed. Hashing, compressing and decompressing
/// take some milliseconds a MiB, for which nothing else would run on the same thread.
const AT_ONCE: usize = 64 * 1024;

/// Some work, done or under way.
#[derive(Debug)]
pub(super) enum Work<T> {
    Done(T),
    UnderWay(JoinHandle<T>),
}

impl<T: Send + 'static> Work<T> {
    /// Does some work about so many bytes, or begins it where there are many.
    pub(super) fn begin(length: usize, work: impl FnOnce() -> T + Send + 'static) -> Self {
        match length {
            ..=AT_ONCE => Self::Done(work()),
            _ => Self::UnderWay(spawn_blocking(work)),
        }
    }

    /// Waits until it is done, and takes the result. Cancel safe: what is not done stays. Never returns
    /// where there is nothing.
    pub(super) async fn finish(work: &mut Option<Self>) -> Result<T, JoinError> {
        if let Some(Self::UnderWay(under_way)) = work {
            let done = under_way.await;
            *work = None;
            return done;
        }
        match work.take() {
            Some(Self::Done(done)) => Ok(done),
            _ => pending().await,
        }
    }
}

/// Does some work about so many bytes.
///
/// # Errors
/// Where it has panicked, or the runtime ends.
pub(super) async fn beside<T: Send + 'static>(
    length: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    match Work::begin(length, work) {
        Work::Done(done) => Ok(done),
        Work::UnderWay(under_way) => under_way.await,
    }
}
