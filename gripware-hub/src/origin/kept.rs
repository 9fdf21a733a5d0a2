//! Connections to an origin for requests that are whole, which have no task of their own.
//!
//! A connection of hyper is a future. Run as a task it is woken for each request and wakes whoever
//! asks for each answer, and hyper-util's pool starts one more task that waits until the connection
//! is free again: a third of what a plain request cost. A request that is whole waits for nobody but
//! the origin, so whoever awaits the answer drives the connection too.
//!
//! A connection is used on the runtime that has opened it, and given back to that one.

#[cfg(test)]
mod tests;

use std::{
    fmt,
    future::poll_fn,
    mem,
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Request, Response, Uri};
use http_body::{Frame, SizeHint};
use hyper::{
    body::Incoming,
    client::conn::{
        TrySendError,
        http1::{Builder, Connection, SendRequest},
    },
};
use hyper_util::rt::TokioIo;
use tokio::{
    runtime::Handle,
    sync::Notify,
    time::{Instant, sleep},
};
use tower_service::Service as _;

use super::{OriginError, connect::Connector, early_answer::EarlyAnswer, per_runtime::PerRuntime};
use crate::http::{
    body::{Body, take},
    header_count::MAX_HEADERS,
};

/// The connections of one origin, those that are idle. The one that was used last is used next.
///
/// A runtime has at most as many as it had requests in progress at once, in the last `idle_timeout`.
pub(super) struct KeptConnections {
    connector: Connector,
    address: Uri,
    /// How long one is kept for a next request.
    idle_timeout: Duration,
    idle: PerRuntime<Mutex<Idle>>,
    /// Wakes the requests that wait for a connection when one has become idle.
    freed: Notify,
}

#[derive(Default)]
struct Idle {
    connections: Vec<(Box<Exchange>, Instant)>,
    /// Whether a task closes those that nobody has used for too long.
    is_swept: bool,
}

/// A connection, which goes on only as it is polled.
struct Exchange {
    sender: SendRequest<Body>,
    /// `None` once it has ended.
    connection: Option<Connection<TokioIo<EarlyAnswer>, Body>>,
    /// Where it is kept: with those of its runtime.
    home: Weak<Mutex<Idle>>,
}

impl KeptConnections {
    /// How long a new connection may take until one of another runtime is used in its place.
    const PATIENCE: Duration = Duration::from_millis(10);

    pub(super) fn new(connector: Connector, address: Uri, idle_timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            connector,
            address,
            idle_timeout,
            idle: PerRuntime::new(|idle| lock(idle).connections.is_empty()),
            freed: Notify::new(),
        })
    }

    /// Takes a request whose body is whole, in origin form, and sends it.
    ///
    /// Dropping the future, or the body of the answer before its end, closes the connection.
    ///
    /// # Errors
    /// If no connection comes about, or it fails. A request that a kept connection has not begun to
    /// send is sent on another one; no other is sent twice.
    pub(super) async fn send(
        self: &Arc<Self>,
        request: &mut Request<Body>,
    ) -> Result<Response<KeptBody>, OriginError> {
        loop {
            let home = self.idle.here(Mutex::default);
            let (mut exchange, is_reused) = match self.take(&home).await {
                Some(exchange) => (exchange, true),
                // In a box, since the future of each request would have room for it.
                None => Box::pin(self.connect_or_take(home)).await?,
            };
            match exchange.ask(request).await {
                Ok(response) => {
                    let kept = Some((exchange, Arc::clone(self)));
                    return Ok(response.map(|incoming| KeptBody { incoming, kept }));
                }
                Err(mut error) => match error.take_message().filter(|_| is_reused) {
                    Some(unsent) => *request = unsent,
                    None => return Err(OriginError::Failed(error.into_error().into())),
                },
            }
        }
    }

    /// Takes an idle connection that the origin has not closed.
    async fn take(&self, idle: &Mutex<Idle>) -> Option<Box<Exchange>> {
        let now = Instant::now();
        loop {
            let (mut exchange, since) = lock(idle).connections.pop()?;
            if now.saturating_duration_since(since) >= self.idle_timeout {
                // Those below have been idle for longer.
                lock(idle).connections.clear();
                return None;
            }
            let is_open = poll_fn(|cx| {
                exchange.poll(cx);
                Poll::Ready(exchange.is_idle())
            });
            if is_open.await {
                return Some(exchange);
            }
        }
    }

    /// Connects, unless a connection becomes idle first: a new one may have to wait for a descriptor,
    /// and for an origin that is busy. Returns whether it is a reused one.
    async fn connect_or_take(
        &self,
        home: Arc<Mutex<Idle>>,
    ) -> Result<(Box<Exchange>, bool), OriginError> {
        let mut connecting = pin!(self.connect(&home));
        let mut patience = pin!(sleep(Self::PATIENCE));
        let mut is_late = false;
        loop {
            let mut freed = pin!(self.freed.notified());
            // From here on none is missed.
            freed.as_mut().enable();
            let others = if is_late { self.idle.all() } else { Vec::new() };
            for idle in [&home].into_iter().chain(&others) {
                if let Some(exchange) = self.take(idle).await {
                    return Ok((exchange, true));
                }
            }
            tokio::select! {
                connected = &mut connecting => return Ok((connected?, false)),
                () = freed => {}
                () = &mut patience, if !is_late => is_late = true,
            }
        }
    }

    async fn connect(&self, home: &Arc<Mutex<Idle>>) -> Result<Box<Exchange>, OriginError> {
        let mut connector = self.connector.clone();
        let connecting = connector.call(self.address.clone());
        let socket = connecting.await.map_err(OriginError::Unreached)?;
        let handshake = Builder::new().max_headers(MAX_HEADERS).handshake(socket);
        let (sender, connection) = handshake
            .await
            .map_err(|error| OriginError::Unreached(error.into()))?;
        Ok(Box::new(Exchange {
            sender,
            connection: Some(connection),
            home: Arc::downgrade(home),
        }))
    }

    /// Keeps a connection whose answer has been read.
    fn keep(&self, exchange: Box<Exchange>) {
        // Where no runtime is, none will use it again.
        let Ok(runtime) = Handle::try_current() else {
            return;
        };
        let Some(home) = exchange.home.upgrade() else {
            return;
        };
        let mut idle = lock(&home);
        idle.connections.push((exchange, Instant::now()));
        if !mem::replace(&mut idle.is_swept, true) {
            let swept = Swept(Arc::downgrade(&home));
            runtime.spawn(swept.now_and_then(self.idle_timeout));
        }
        drop(idle);
        // All of them: one of this runtime is of no use to a request on another at once.
        self.freed.notify_waiters();
    }
}

fn lock(idle: &Mutex<Idle>) -> MutexGuard<'_, Idle> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The idle connections of a runtime, of which those are closed that nobody has used for too long.
struct Swept(Weak<Mutex<Idle>>);

impl Swept {
    /// Closes connections until there is none.
    async fn now_and_then(mut self, idle_timeout: Duration) {
        loop {
            sleep(idle_timeout / 4).await;
            if self.close_old(idle_timeout).is_none() {
                return;
            }
        }
    }

    /// Returns `None` once nothing is left.
    fn close_old(&mut self, idle_timeout: Duration) -> Option<()> {
        let idle = self.0.upgrade()?;
        let now = Instant::now();
        let is_old = |since: Instant| now.saturating_duration_since(since) >= idle_timeout;
        let mut idle = lock(&idle);
        // They are in the order in which they were kept.
        let old = idle
            .connections
            .iter()
            .take_while(|(_, since)| is_old(*since));
        let old = old.count();
        let closed: Vec<_> = idle.connections.drain(..old).collect();
        idle.is_swept = !idle.connections.is_empty();
        let is_swept = idle.is_swept;
        if !is_swept {
            // The next one that is kept has another task.
            self.0 = Weak::new();
        }
        drop(idle);
        drop(closed);
        is_swept.then_some(())
    }
}

impl Drop for Swept {
    /// A runtime that ends takes its connections with it.
    fn drop(&mut self) {
        if let Some(idle) = self.0.upgrade() {
            let closed = mem::take(&mut *lock(&idle));
            drop(closed);
        }
    }
}

impl Exchange {
    /// Sends a request and drives the connection until the head of the answer is there.
    async fn ask(
        &mut self,
        request: &mut Request<Body>,
    ) -> Result<Response<Incoming>, TrySendError<Request<Body>>> {
        let answer = self.sender.try_send_request(take(request));
        let mut answer = pin!(answer);
        poll_fn(|cx| {
            poll(&mut self.connection, cx);
            answer.as_mut().poll(cx)
        })
        .await
    }

    fn poll(&mut self, cx: &mut Context<'_>) {
        poll(&mut self.connection, cx);
    }

    /// Whether the next request can be sent: the answer of the last one has been read to its end.
    fn is_idle(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }
}

/// Goes on with a connection, and drops it when it has ended; whoever waits for it learns that.
fn poll(connection: &mut Option<Connection<TokioIo<EarlyAnswer>, Body>>, cx: &mut Context<'_>) {
    if let Some(open) = connection
        && Pin::new(open).poll(cx).is_ready()
    {
        *connection = None;
    }
}

/// The body of an answer, which drives its connection, and gives it back at its end.
pub(crate) struct KeptBody {
    incoming: Incoming,
    kept: Option<(Box<Exchange>, Arc<KeptConnections>)>,
}

impl KeptBody {
    /// The body of an answer whose connection is a task.
    pub(super) fn driven(incoming: Incoming) -> Self {
        let kept = None;
        Self { incoming, kept }
    }

    fn give_back(&mut self) {
        if let Some((exchange, all)) = self.kept.take_if(|(exchange, _)| exchange.is_idle()) {
            all.keep(exchange);
        }
    }
}

impl http_body::Body for KeptBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<hyper::Result<Frame<Bytes>>>> {
        let mut frame = Pin::new(&mut self.incoming).poll_frame(cx);
        if frame.is_pending()
            && let Some((exchange, _)) = &mut self.kept
        {
            // It reads on only where somebody waits for more.
            exchange.poll(cx);
            frame = Pin::new(&mut self.incoming).poll_frame(cx);
        }
        if let Poll::Ready(None) = frame {
            if let Some((exchange, _)) = &mut self.kept
                && !exchange.is_idle()
            {
                exchange.poll(cx);
            }
            self.give_back();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for KeptBody {
    fn drop(&mut self) {
        self.give_back();
    }
}

impl fmt::Debug for KeptConnections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptConnections").finish_non_exhaustive()
    }
}

impl fmt::Debug for KeptBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeptBody").finish_non_exhaustive()
    }
}
