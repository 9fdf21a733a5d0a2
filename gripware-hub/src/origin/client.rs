use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

use bytes::Bytes;
use gripware_core::header::is_websocket_events;
use http::{Request, Response};
use thiserror::Error;
use tokio::{
    runtime::Handle,
    sync::{AcquireError, Semaphore, SemaphorePermit},
    task::JoinHandle,
    time::timeout,
};

use crate::{
    signature::Signature,
    turns::{Client, Place, Turns},
};

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
pub(crate) struct OriginClient {
    shared: Arc<ClientInner>,
}

struct ClientInner {
    fetch: Box<dyn Fetch>,
    runtime: Handle,
    signature: Arc<Signature>,
    permits: Semaphore,
    /// Fewer, so that WebSockets whose turns hang leave some for what else has to be asked.
    turns: Arc<Turns>,
    timeout: Duration,
}

impl OriginClient {
    /// `permits` is how many requests may be under way at a time, of which three quarters may be
    /// about WebSockets, and of one client `turns_each`. More wait for one to end, for up to
    /// `timeout`; then each may take that long once more.
    pub(crate) fn new(
        fetch: impl Fetch,
        runtime: Handle,
        signature: Arc<Signature>,
        permits: usize,
        turns_each: usize,
        timeout: Duration,
    ) -> Self {
        Self {
            shared: Arc::new(ClientInner {
                fetch: Box::new(fetch),
                runtime,
                signature,
                permits: Semaphore::new(permits),
                turns: Turns::new(permits - permits / 4, turns_each),
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
            let _permits = shared.permits(&mut request).await?;
            shared.signature.write(request.headers_mut());
            let wait = shared.timeout;
            timeout(wait, shared.fetch.fetch(request, limit))
                .await
                .unwrap_or(Err(AskError::TimedOut { limit: wait }))
        })
    }
}

impl ClientInner {
    /// Waits until a request may be sent.
    async fn permits(
        &self,
        request: &mut Request<Bytes>,
    ) -> Result<(Option<Place>, SemaphorePermit<'_>), AskError> {
        // It is for the line alone, and not for the application to see.
        let client = request.extensions_mut().remove::<Client>();
        let is_turn = is_websocket_events(request.headers());
        let both = async {
            let turn = match is_turn {
                true => {
                    let by_connection = || Client::by_connection(request.headers());
                    let client = client.unwrap_or_else(by_connection);
                    self.turns.place(client).await
                }
                false => None,
            };
            Ok((turn, self.permits.acquire().await?))
        };
        match timeout(self.timeout, both).await {
            Ok(Ok(permits)) => Ok(permits),
            Ok(Err::<_, AcquireError>(_)) => Err(AskError::Ended),
            Err(_) => Err(AskError::Unreached(
                "too many requests to it are under way".into(),
            )),
        }
    }
}

impl fmt::Debug for OriginClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginClient").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    };

    use gripware_core::header::WEBSOCKET_EVENTS;
    use http::header::CONTENT_TYPE;

    use super::*;

    /// Answers nothing about WebSockets, and anything else at once.
    struct Hangs(Arc<AtomicUsize>);

    impl Fetch for Hangs {
        fn fetch(
            &self,
            request: Request<Bytes>,
            _: usize,
        ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, AskError>> + Send + '_>> {
            Box::pin(async move {
                if is_websocket_events(request.headers()) {
                    self.0.fetch_add(1, Ordering::Relaxed);
                    std::future::pending::<()>().await;
                }
                Ok(Response::new(Bytes::new()))
            })
        }
    }

    fn turn() -> Request<Bytes> {
        let request = Request::post("/ws").header(CONTENT_TYPE, WEBSOCKET_EVENTS);
        request.body(Bytes::new()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn turns_that_hang_leave_room_for_other_requests_and_are_not_waited_for_for_ever() {
        const LIMIT: Duration = Duration::from_secs(60);
        let under_way = Arc::new(AtomicUsize::new(0));
        let origin_client = OriginClient::new(
            Hangs(Arc::clone(&under_way)),
            Handle::current(),
            Arc::new(Signature::new(None)),
            8,
            8,
            LIMIT,
        );
        let ended = Arc::new(Mutex::new(Vec::new()));
        for _ in 0..8 {
            let (origin_client, ended) = (origin_client.clone(), Arc::clone(&ended));
            tokio::spawn(async move {
                let answer = origin_client.ask(turn(), 10).await;
                ended.lock().unwrap().push(answer.unwrap_err().to_string());
            });
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(under_way.load(Ordering::Relaxed), 6);
        let other = timeout(
            Duration::from_secs(1),
            origin_client.ask(Request::default(), 10),
        )
        .await;
        assert!(other.expect("it had to wait").is_ok());
        tokio::time::sleep(2 * LIMIT).await;
        assert_eq!(ended.lock().unwrap().len(), 8);
    }

    /// Takes a second about each WebSocket.
    struct Slow;

    impl Fetch for Slow {
        fn fetch(
            &self,
            request: Request<Bytes>,
            _: usize,
        ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, AskError>> + Send + '_>> {
            assert!(request.extensions().is_empty());
            Box::pin(async move {
                tokio::time::sleep(Duration::from_secs(1)).await;
                Ok(Response::new(Bytes::new()))
            })
        }
    }

    #[tokio::test(start_paused = true)]
    async fn eight_hundred_websockets_of_one_address_do_not_make_another_one_wait() {
        for (limit, each, waits) in [(1024, 128, 1), (8, 8, 2)] {
            let origin_client = OriginClient::new(
                Slow,
                Handle::current(),
                Arc::new(Signature::new(None)),
                limit,
                each,
                Duration::from_secs(3600),
            );
            let of = |last| {
                let mut turn = turn();
                let client = Client::V4([192, 0, 2, last].into());
                turn.extensions_mut().insert(client);
                turn
            };
            let greedy = Arc::new(AtomicUsize::new(0));
            for _ in 0..800 {
                let (origin_client, turn, greedy) =
                    (origin_client.clone(), of(1), Arc::clone(&greedy));
                tokio::spawn(async move {
                    origin_client.ask(turn, 10).await.unwrap();
                    greedy.fetch_add(1, Ordering::Relaxed);
                });
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            let start = tokio::time::Instant::now();
            origin_client.ask(of(2), 10).await.unwrap();
            // At most until the first of the others end, and no behind their line.
            assert!(
                start.elapsed() <= Duration::from_secs(waits),
                "{:?}",
                start.elapsed()
            );
            tokio::time::sleep(Duration::from_secs(800)).await;
            assert_eq!(greedy.load(Ordering::Relaxed), 800);
        }
    }
}
