//! The streams of one HTTP/2 connection, each of which hyper runs as a task.

use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use hyper::rt::Executor;
use pin_project::pin_project;
use tokio::time::Instant;

use super::progress::{Progress, StallTimer};
use crate::{handoff::Holder, log::TARGET};

tokio::task_local! {
    /// The watch over the stream that is being polled.
    static WATCH: StreamWatch;
}

/// Runs the streams of a connection, counts them, and ends those whose client has stalled.
///
/// hyper asks an answer for more only when the client's window has room. An answer to a client with a
/// window of 0 is never asked, and could not end by itself; so its task is ended around it, which
/// resets the stream.
#[derive(Clone, Debug)]
pub(super) struct Streams {
    open: Arc<Open>,
    limit: Duration,
    holder: Arc<dyn Holder>,
}

impl Streams {
    /// `limit` is how long a client may stall.
    pub(super) fn new(limit: Duration, holder: Arc<dyn Holder>) -> Self {
        let open = Open {
            count: AtomicUsize::new(0),
            idle_since: Mutex::new(Instant::now()),
        };
        Self {
            open: Arc::new(open),
            limit,
            holder,
        }
    }

    /// Returns since when there is no stream; `None` while there is one.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        let idle_since = *lock(&self.open.idle_since);
        (self.open.count.load(Ordering::Acquire) == 0).then_some(idle_since)
    }
}

impl<F> Executor<F> for Streams
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, stream: F) {
        self.open.count.fetch_add(1, Ordering::AcqRel);
        tokio::spawn(Stream {
            stream,
            watch: StreamWatch(Arc::new(Mutex::new(Watched {
                progress: Progress::new(self.limit),
                hold: None,
            }))),
            timer: StallTimer::default(),
            holder: Arc::clone(&self.holder),
            _counted: Counted(Arc::clone(&self.open)),
        });
    }
}

#[derive(Debug)]
struct Open {
    count: AtomicUsize,
    /// When the last stream ended.
    idle_since: Mutex<Instant>,
}

/// One stream that is open, until it is dropped.
struct Counted(Arc<Open>);

impl Drop for Counted {
    fn drop(&mut self) {
        *lock(&self.0.idle_since) = Instant::now();
        self.0.count.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What an answer tells of how its client takes it.
#[derive(Clone, Debug)]
pub(super) struct StreamWatch(Arc<Mutex<Watched>>);

#[derive(Debug)]
struct Watched {
    progress: Progress,
    /// Lives for as long as the answer is a hold, whose slow clients are its shard's concern.
    hold: Option<Weak<()>>,
}

impl StreamWatch {
    /// The watch over the stream that this is called in.
    pub(super) fn current() -> Option<Self> {
        WATCH.try_with(Self::clone).ok()
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Progress)) {
        change(&mut lock(&self.0).progress);
    }

    /// The answer is a hold from now on, until this has ended.
    pub(super) fn hold(&self, hold: Weak<()>) {
        lock(&self.0).hold = Some(hold);
    }

    fn deadline(&self) -> Option<Instant> {
        lock(&self.0).progress.deadline()
    }

    /// Returns `true` if a client whose time is up keeps its stream: that of a hold goes on.
    fn is_excused(&self) -> bool {
        let mut watched = lock(&self.0);
        let is_held = watched
            .hold
            .as_ref()
            .is_some_and(|it| it.strong_count() > 0);
        if is_held {
            watched.progress.restart();
        }
        is_held
    }
}

#[pin_project]
struct Stream<F> {
    #[pin]
    stream: F,
    watch: StreamWatch,
    timer: StallTimer,
    holder: Arc<dyn Holder>,
    _counted: Counted,
}

impl<F: Future> Future for Stream<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let watch = &*this.watch;
        if WATCH
            .sync_scope(watch.clone(), || this.stream.poll(cx))
            .is_ready()
        {
            return Poll::Ready(());
        }
        loop {
            ready!(this.timer.poll(cx, watch.deadline()));
            if !watch.is_excused() {
                this.holder.metrics().stalled_closed.add(1);
                tracing::debug!(target: TARGET, "an answer is ended: its client does not take it");
                return Poll::Ready(());
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
