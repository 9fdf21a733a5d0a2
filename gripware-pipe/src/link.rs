use std::{
    error::Error,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use http::{Method, Request, Response, Uri};
use hyper::client::conn::http2::SendRequest;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use crate::{
    Body, CallError, CallErrorKind, Peer,
    ending::Ending,
    message::{self, CONTROL, PIPE_GENERATION},
    settings::Settings,
};

/// An HTTP/2 connection on which this end makes the calls.
pub(crate) struct Link {
    /// Distinguishes it from every other connection of the process.
    pub(crate) generation: u64,
    pub(crate) peer: Peer,
    sender: SendRequest<Body>,
    /// Room for calls that are under way, and for those that wait.
    running: Arc<Semaphore>,
    waiting: Semaphore,
    settings: Arc<Settings>,
    pub(crate) ending: Ending,
    pub(crate) since: SystemTime,
}

/// A call that has no response.
pub(crate) enum Failed {
    /// The request has not left this machine, and can go elsewhere.
    Unsent(Box<Request<Body>>),
    Error(CallError),
}

impl Link {
    pub(crate) fn new(
        peer: Peer,
        sender: SendRequest<Body>,
        settings: &Arc<Settings>,
        ending: Ending,
    ) -> Self {
        static GENERATION: AtomicU64 = AtomicU64::new(1);
        Self {
            generation: GENERATION.fetch_add(1, Ordering::Relaxed),
            peer,
            sender,
            running: Arc::new(Semaphore::new(settings.max_calls as usize)),
            waiting: Semaphore::new(settings.max_queued as usize),
            settings: Arc::clone(settings),
            ending,
            since: SystemTime::now(),
        }
    }

    /// Sends a request. Dropping the future cancels the call (`RST_STREAM`).
    ///
    /// `is_sent` becomes true when the request leaves its queue.
    pub(crate) async fn call(
        &self,
        request: Request<Body>,
        is_sent: &AtomicBool,
    ) -> Result<Response<Body>, Failed> {
        let running = match Arc::clone(&self.running).try_acquire_owned() {
            Ok(running) => running,
            Err(_) => self.wait().await?,
        };
        is_sent.store(true, Ordering::Relaxed);
        let mut sender = self.sender.clone();
        match sender.try_send_request(request).await {
            Ok(response) => Ok(response.map(|body| {
                Body::incoming(body)
                    .within(self.settings.idle_timeout)
                    .holding(running)
            })),
            Err(mut error) => {
                if let Some(request) = error.take_message() {
                    return Err(Failed::Unsent(Box::new(request)));
                }
                let error = error.into_error();
                let kind = match reset(&error) {
                    Some(Reset::Refused) => return Err(self.failed(CallErrorKind::Lost)),
                    Some(Reset::Stream) => CallErrorKind::Reset,
                    None => CallErrorKind::Lost,
                };
                let failed = CallError::new(kind, self.peer.name()).sent();
                Err(Failed::Error(failed.because(error)))
            }
        }
    }

    /// Waits for another call to end, unless too many wait already.
    async fn wait(&self) -> Result<OwnedSemaphorePermit, Failed> {
        let Ok(_waiting) = self.waiting.try_acquire() else {
            return Err(self.failed(CallErrorKind::Overloaded));
        };
        let running = Arc::clone(&self.running).acquire_owned().await;
        // It is never closed.
        running.map_err(|_| self.failed(CallErrorKind::Overloaded))
    }

    /// Says something to the other end itself: see [`CONTROL`]. Whether it is understood does not
    /// matter, and after a time nor does it whether it arrives.
    pub(crate) async fn say(self: Arc<Self>, method: Method, generation: u64, limit: Duration) {
        let mut request = Request::new(Body::empty());
        *request.method_mut() = method;
        *request.uri_mut() = Uri::from_static(CONTROL);
        let (mut parts, body) = request.into_parts();
        message::outgoing(&mut parts, self.peer.name());
        parts.headers.insert(PIPE_GENERATION, generation.into());
        let is_sent = AtomicBool::new(false);
        let calling = self.call(Request::from_parts(parts, body), &is_sent);
        let _ = timeout(limit, calling).await;
    }

    fn failed(&self, kind: CallErrorKind) -> Failed {
        Failed::Error(CallError::new(kind, self.peer.name()))
    }

    /// How many calls are under way or wait.
    pub(crate) fn calls(&self) -> usize {
        let all = (self.settings.max_calls as usize) + (self.settings.max_queued as usize);
        let free = self.running.available_permits() + self.waiting.available_permits();
        all.saturating_sub(free)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link")
            .field("generation", &self.generation)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// How one stream ended, where the connection goes on.
enum Reset {
    /// Before the other end has looked at it (RFC 9113, section 8.7).
    Refused,
    Stream,
}

fn reset(error: &hyper::Error) -> Option<Reset> {
    let error = error.source()?.downcast_ref::<h2::Error>()?;
    if !error.is_reset() {
        return None;
    }
    let is_refused = error.is_remote() && error.reason() == Some(h2::Reason::REFUSED_STREAM);
    Some(if is_refused {
        Reset::Refused
    } else {
        Reset::Stream
    })
}
