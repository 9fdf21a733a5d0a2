use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use thiserror::Error;
use tokio::{runtime::Handle, sync::Semaphore, task::JoinHandle, time::timeout};

use crate::signature::Signature;

/// Sends a whole request to the application, and reads the whole response.
pub(crate) trait Fetch: Send + Sync + 'static {
    /// The body of the response has at most `limit` bytes.
    fn fetch(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, AskError>> + Send + '_>>;
}

/// Why the application gave no usable answer.
#[derive(Debug, Error)]
pub(crate) enum AskError {
    /// It cannot have seen the request, or not all of it: asking again is safe.
    #[error("the origin was not reached")]
    Unreached(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the origin's answer was cut off")]
    Failed(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("the origin's answer is over the limit of {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the origin did not answer within {limit:?}")]
    TimedOut { limit: Duration },
    #[error("the hub has ended")]
    Ended,
}

/// Asks the application on behalf of connections that are held, on the runtime that the
/// application itself runs on.
#[derive(Clone)]
pub(crate) struct Asker {
    shared: Arc<Shared>,
}

struct Shared {
    fetch: Box<dyn Fetch>,
    runtime: Handle,
    signature: Arc<Signature>,
    permits: Semaphore,
    timeout: Duration,
}

impl Asker {
    /// `permits` is how many requests may be under way at a time.
    pub(crate) fn new(
        fetch: impl Fetch,
        runtime: Handle,
        signature: Arc<Signature>,
        permits: usize,
        timeout: Duration,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                fetch: Box::new(fetch),
                runtime,
                signature,
                permits: Semaphore::new(permits),
                timeout,
            }),
        }
    }

    /// A number that is the same for clones, and another one for each other that there is.
    pub(crate) fn identity(&self) -> usize {
        Arc::as_ptr(&self.shared) as usize
    }

    /// Sends a request, signed. It goes on where the future is dropped.
    pub(crate) async fn ask(
        &self,
        request: Request<Bytes>,
        limit: usize,
    ) -> Result<Response<Bytes>, AskError> {
        let asking = self.spawn(request, limit);
        asking.await.unwrap_or(Err(AskError::Ended))
    }

    /// Sends a request, signed, whose answer nobody waits for.
    pub(crate) fn tell(&self, request: Request<Bytes>) {
        const LIMIT: usize = 100_000;
        drop(self.spawn(request, LIMIT));
    }

    fn spawn(
        &self,
        mut request: Request<Bytes>,
        limit: usize,
    ) -> JoinHandle<Result<Response<Bytes>, AskError>> {
        let shared = Arc::clone(&self.shared);
        self.shared.runtime.spawn(async move {
            let Ok(_permit) = shared.permits.acquire().await else {
                return Err(AskError::Ended);
            };
            shared.signature.write(request.headers_mut());
            let wait = shared.timeout;
            timeout(wait, shared.fetch.fetch(request, limit))
                .await
                .unwrap_or(Err(AskError::TimedOut { limit: wait }))
        })
    }
}

impl fmt::Debug for Asker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asker").finish_non_exhaustive()
    }
}
