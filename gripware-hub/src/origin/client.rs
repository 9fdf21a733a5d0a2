//! Whole requests on behalf of clients that are held, signed and bounded in number.

use std::{
    fmt,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, Response, header::CONTENT_LENGTH};
use tokio::{
    sync::{AcquireError, Semaphore, SemaphorePermit},
    time::{error::Elapsed, timeout},
};

use super::{BoxError, Origin, OriginError, collect};
use crate::{
    http::{
        body::Body,
        content_coding::{ContentCoding, decode},
    },
    signature::Signature,
    threads::Threads,
    turns::{Client, Place, Turns},
};

type Answer = Result<Response<Bytes>, OriginError>;

/// A request that is under way.
pub(crate) struct Asking(Pin<Box<dyn Future<Output = Answer> + Send>>);

impl Asking {
    fn new(asking: impl Future<Output = Answer> + Send + 'static) -> Self {
        Self(Box::pin(asking))
    }
}

impl Future for Asking {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Answer> {
        self.0.as_mut().poll(cx)
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

/// Sends a request and reads the response, whose body has at most so many bytes.
type Exchange = dyn Fn(Request<Bytes>, usize) -> Asking + Send + Sync;

/// Sends whole requests to the application: on its own runtime where that is in this process, and
/// otherwise on the thread that asks.
#[derive(Clone)]
pub(crate) struct OriginClient {
    shared: Arc<ClientInner>,
}

struct ClientInner {
    exchange: Box<Exchange>,
    threads: Threads,
    /// Whether turns are sent by whoever asks.
    turns_are_here: bool,
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
    ///
    /// Requests run on these threads, that of who asks if it is one of them.
    pub(crate) fn new(
        threads: Threads,
        origin: impl Origin,
        signature: Arc<Signature>,
        permits: usize,
        turns_each: usize,
        timeout: Duration,
    ) -> Self {
        // Cloned for each request. A service need not be `Sync`.
        let origin = Mutex::new(origin);
        let exchange = move |request, limit| {
            let origin = origin.lock().unwrap_or_else(PoisonError::into_inner);
            exchange(origin.clone(), request, limit)
        };
        Self::with(threads, exchange, signature, permits, turns_each, timeout)
    }

    /// As [`new`](Self::new), for anything that answers whole requests.
    pub(crate) fn with<F>(
        threads: Threads,
        exchange: impl Fn(Request<Bytes>, usize) -> F + Send + Sync + 'static,
        signature: Arc<Signature>,
        permits: usize,
        turns_each: usize,
        timeout: Duration,
    ) -> Self
    where
        F: Future<Output = Answer> + Send + 'static,
    {
        Self {
            shared: Arc::new(ClientInner {
                exchange: Box::new(move |request, limit| Asking::new(exchange(request, limit))),
                threads,
                turns_are_here: false,
                signature,
                permits: Semaphore::new(permits),
                turns: Turns::new(permits - permits / 4, turns_each),
                timeout,
            }),
        }
    }

    /// Equal for clones, distinct for any other client.
    pub(crate) fn identity(&self) -> usize {
        Arc::as_ptr(&self.shared) as usize
    }

    /// Sends a request, signed, and whatever else is under way: it is bounded by whoever sends it.
    /// Dropping the future ends the request.
    pub(crate) async fn send(&self, request: Request<Bytes>, limit: usize) -> Answer {
        self.shared.send(request, limit).await
    }

    /// Sends turns of WebSockets from where they are asked for, and not from the runtime that the rest
    /// is sent from.
    pub(crate) fn with_turns_here(mut self) -> Self {
        // Nobody else has it yet.
        if let Some(inner) = Arc::get_mut(&mut self.shared) {
            inner.turns_are_here = true;
        }
        self
    }

    /// Sends a request, signed, once it may be under way. It goes on if the future is dropped.
    pub(crate) fn ask(&self, request: Request<Bytes>, limit: usize) -> Asking {
        self.spawn(None, request, limit)
    }

    /// As [`ask`](Self::ask), for a turn of a WebSocket of this client. One that is sent
    /// [from here](Self::with_turns_here) ends where the future is dropped.
    pub(crate) fn turn(&self, client: Client, request: Request<Bytes>, limit: usize) -> Asking {
        match self.shared.turns_are_here {
            true => Asking::new(self.wait_and_send(Some(client), request, limit)),
            false => self.spawn(Some(client), request, limit),
        }
    }

    /// As [`turn`](Self::turn), for one whose answer nobody waits for.
    pub(crate) fn tell(&self, client: Client, request: Request<Bytes>) {
        const LIMIT: usize = 100_000;
        drop(self.spawn(Some(client), request, LIMIT));
    }

    fn spawn(&self, turn_of: Option<Client>, request: Request<Bytes>, limit: usize) -> Asking {
        let asking = self.wait_and_send(turn_of, request, limit);
        let asking = self.shared.threads.here().spawn(asking);
        Asking::new(async { asking.await.unwrap_or(Err(OriginError::Ended)) })
    }

    /// Sends a request once it may be under way.
    ///
    /// This and what it calls are functions with a block: an `async fn` would have room for the request
    /// twice.
    fn wait_and_send(
        &self,
        turn_of: Option<Client>,
        request: Request<Bytes>,
        limit: usize,
    ) -> impl Future<Output = Answer> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        async move {
            let _permits = shared.permits(turn_of).await?;
            shared.send(request, limit).await
        }
    }
}

impl ClientInner {
    fn send(
        &self,
        mut request: Request<Bytes>,
        limit: usize,
    ) -> impl Future<Output = Answer> + Send + use<'_> {
        self.signature.write(request.headers_mut());
        let answer = (self.exchange)(request, limit);
        let limit = self.timeout;
        async move {
            let answer = within(limit, answer).await;
            answer.unwrap_or(Err(OriginError::TimedOut { limit }))
        }
    }

    /// Waits until a request may be sent.
    async fn permits(
        &self,
        turn_of: Option<Client>,
    ) -> Result<(Option<Place>, SemaphorePermit<'_>), OriginError> {
        let both = pin!(async {
            let turn = match turn_of {
                Some(client) => self.turns.place(client).await,
                None => None,
            };
            Ok((turn, self.permits.acquire().await?))
        });
        match within(self.timeout, both).await {
            Ok(Ok(permits)) => Ok(permits),
            Ok(Err::<_, AcquireError>(_)) => Err(OriginError::Ended),
            Err(_) => Err(OriginError::Unreached(
                "too many requests to it are under way".into(),
            )),
        }
    }
}

/// As [`timeout`], which looks at the clock although most futures end at once.
async fn within<F: Future + Unpin>(limit: Duration, mut future: F) -> Result<F::Output, Elapsed> {
    let at_once = poll_fn(|cx| Poll::Ready(Pin::new(&mut future).poll(cx))).await;
    if let Poll::Ready(output) = at_once {
        return Ok(output);
    }
    timeout(limit, future).await
}

fn exchange(
    origin: impl Origin,
    request: Request<Bytes>,
    limit: usize,
) -> impl Future<Output = Answer> + Send {
    let mut request = with_length(request).map(Body::whole);
    async move {
        let response = origin.send(&mut request).await?;
        read_whole(response, limit).await
    }
}

/// In the same process nobody would derive the length from the body.
fn with_length(mut request: Request<Bytes>) -> Request<Bytes> {
    let length = request.body().len();
    let has_body = length > 0 || !matches!(*request.method(), Method::GET | Method::HEAD);
    let headers = request.headers_mut();
    match has_body {
        true => headers.insert(CONTENT_LENGTH, length.into()),
        false => headers.remove(CONTENT_LENGTH),
    };
    request
}

async fn read_whole<B>(response: Response<B>, limit: usize) -> Answer
where
    B: http_body::Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    let (mut parts, body) = response.into_parts();
    // Nobody asked for a compressed answer, but some origins compress all that they say.
    let codings = ContentCoding::take(&mut parts.headers);
    let codings = codings.map_err(|unknown| OriginError::Failed(unknown.into()))?;
    let body = match &codings[..] {
        [] => collect(body, limit).await?,
        codings => collect(decode(body, codings), limit).await?,
    };
    Ok(Response::from_parts(parts, body))
}

impl fmt::Debug for OriginClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OriginClient").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use gripware_core::header::{WEBSOCKET_EVENTS, is_websocket_events};
    use http::header::CONTENT_TYPE;

    use super::*;

    /// Answers nothing about WebSockets, and anything else at once.
    async fn hang(under_way: Arc<AtomicUsize>, request: Request<Bytes>) -> Answer {
        if is_websocket_events(request.headers()) {
            under_way.fetch_add(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        Ok(Response::new(Bytes::new()))
    }

    fn turn() -> Request<Bytes> {
        let request = Request::post("/ws").header(CONTENT_TYPE, WEBSOCKET_EVENTS);
        request.body(Bytes::new()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn turns_that_hang_leave_room_for_other_requests_and_are_not_waited_for_for_ever() {
        const LIMIT: Duration = Duration::from_secs(60);
        let under_way = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&under_way);
        let origin_client = OriginClient::with(
            Threads::of_caller(),
            move |request, _| hang(Arc::clone(&counted), request),
            Arc::new(Signature::new(None)),
            8,
            8,
            LIMIT,
        );
        let ended = Arc::new(Mutex::new(Vec::new()));
        for _ in 0..8 {
            let (origin_client, ended) = (origin_client.clone(), Arc::clone(&ended));
            tokio::spawn(async move {
                let client = Client::V4([192, 0, 2, 1].into());
                let answer = origin_client.turn(client, turn(), 10).await;
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
    async fn dawdle(request: Request<Bytes>) -> Answer {
        assert!(request.extensions().is_empty());
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(Response::new(Bytes::new()))
    }

    #[tokio::test(start_paused = true)]
    async fn eight_hundred_websockets_of_one_address_do_not_make_another_one_wait() {
        for (limit, each, waits) in [(1024, 128, 1), (8, 8, 2)] {
            let origin_client = OriginClient::with(
                Threads::of_caller(),
                |request, _| dawdle(request),
                Arc::new(Signature::new(None)),
                limit,
                each,
                Duration::from_secs(3600),
            );
            let of = |last| Client::V4([192, 0, 2, last].into());
            let greedy = Arc::new(AtomicUsize::new(0));
            for _ in 0..800 {
                let (origin_client, greedy) = (origin_client.clone(), Arc::clone(&greedy));
                tokio::spawn(async move {
                    origin_client.turn(of(1), turn(), 10).await.unwrap();
                    greedy.fetch_add(1, Ordering::Relaxed);
                });
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
            let start = tokio::time::Instant::now();
            origin_client.turn(of(2), turn(), 10).await.unwrap();
            // At most until the first of the others end, and not behind all of them in line.
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
