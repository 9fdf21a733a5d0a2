//! Time limits on the socket of a control connection, which hyper has no setting for.

use std::{
    fmt, io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// How long a head may take from its first byte, and an unknown connection from its beginning or
/// from the answer before. A head is one packet or a few.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(5);

/// How long a known connection may be idle between requests: longer than publishers leave one idle,
/// so that none finds it closed as it sends.
pub(super) const IDLE_TIME: Duration = Duration::from_secs(60);

/// How long an answer may make no progress. What an unread answer fills is the kernel's.
pub(super) const WRITE_TIME: Duration = Duration::from_secs(30);

/// What a connection's clock has to know of its requests.
#[derive(Debug, Default)]
pub(super) struct Phase {
    is_answering: AtomicBool,
    is_known: AtomicBool,
}

impl Phase {
    /// A head has come; what is read from now on is a body, which has its own time limit.
    pub(super) fn admit(&self) {
        self.is_answering.store(true, Ordering::Relaxed);
    }

    /// The answer is there; what is read from now on is the next head.
    pub(super) fn end(&self) {
        self.is_answering.store(false, Ordering::Relaxed);
    }

    /// The connection has shown that it is a publisher's, and may be idle.
    pub(super) fn trust(&self) {
        self.is_known.store(true, Ordering::Relaxed);
    }
}

/// A connection whose reads and writes end with [`io::ErrorKind::TimedOut`] where the client lets
/// the hub wait for a head, or does not read its answer.
pub(super) struct Timed<S> {
    io: S,
    phase: Arc<Phase>,
    /// Set while a head is waited for.
    head: Option<Pin<Box<Sleep>>>,
    has_begun: bool,
    /// Set while the client does not read.
    write: Option<Pin<Box<Sleep>>>,
}

impl<S> Timed<S> {
    pub(super) fn new(io: S, phase: Arc<Phase>) -> Self {
        Self {
            io,
            phase,
            head: None,
            has_begun: false,
            write: None,
        }
    }

    /// Returns the connection, and whether the last answer has been written to the end.
    pub(super) fn into_inner(self) -> (S, bool) {
        (self.io, self.write.is_none())
    }

    fn wait_for_head(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.phase.is_answering.load(Ordering::Relaxed) {
            self.head = None;
            self.has_begun = false;
            return Poll::Pending;
        }
        let is_idle = !self.has_begun && self.phase.is_known.load(Ordering::Relaxed);
        let time = if is_idle { IDLE_TIME } else { HEAD_TIME };
        let head = self.head.get_or_insert_with(|| Box::pin(sleep(time)));
        ready!(head.as_mut().poll(cx));
        Poll::Ready(Err(late("no request in time")))
    }

    /// Notes that bytes have come.
    fn came(&mut self) {
        if self.has_begun || self.phase.is_answering.load(Ordering::Relaxed) {
            return;
        }
        self.has_begun = true;
        // The time of an unknown connection began with the connection, and goes on.
        let is_known = self.phase.is_known.load(Ordering::Relaxed);
        if let Some(head) = self.head.as_mut().filter(|_| is_known) {
            head.as_mut().reset(Instant::now() + HEAD_TIME);
        }
    }

    /// Notes what a write came to.
    fn wrote(
        &mut self,
        cx: &mut Context<'_>,
        wrote: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        if wrote.is_ready() {
            self.write = None;
            // The head that follows an answer has its time from the answer's end.
            self.head = None;
            self.has_begun = false;
            return wrote;
        }
        let write = self
            .write
            .get_or_insert_with(|| Box::pin(sleep(WRITE_TIME)));
        ready!(write.as_mut().poll(cx));
        Poll::Ready(Err(late("the answer was not read in time")))
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for Timed<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let read = Pin::new(&mut this.io).poll_read(cx, buf);
        if read.is_pending() {
            return this.wait_for_head(cx);
        }
        if buf.filled().len() > before {
            this.came();
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Timed<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.io).poll_write(cx, buf);
        this.wrote(cx, wrote)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let wrote = Pin::new(&mut this.io).poll_write_vectored(cx, bufs);
        this.wrote(cx, wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().io).poll_shutdown(cx)
    }
}

impl<S> fmt::Debug for Timed<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timed")
            .field("phase", &self.phase)
            .field("has_begun", &self.has_begun)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        time::timeout,
    };

    use super::*;

    const MOMENT: Duration = Duration::from_millis(1);

    fn pair() -> (DuplexStream, Timed<DuplexStream>, Arc<Phase>) {
        let (client, server) = duplex(8);
        let phase = Arc::new(Phase::default());
        let timed = Timed::new(server, Arc::clone(&phase));
        (client, timed, phase)
    }

    /// How long one byte is waited for.
    async fn wait(timed: &mut Timed<DuplexStream>) -> Duration {
        let started = Instant::now();
        let error = timed.read_exact(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        started.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_connection_has_one_time_for_all_of_its_head() {
        let (mut client, mut timed, _) = pair();
        for _ in 0..4 {
            assert!(timeout(MOMENT * 1000, timed.read_u8()).await.is_err());
            client.write_all(b"x").await.unwrap();
            timed.read_u8().await.unwrap();
        }
        let left = wait(&mut timed).await;
        assert!(left <= HEAD_TIME - MOMENT * 4000, "{left:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_known_connection_may_be_idle_but_not_slow() {
        let (mut client, mut timed, phase) = pair();
        phase.trust();
        assert!(
            timeout(IDLE_TIME - MOMENT * 2, timed.read_u8())
                .await
                .is_err()
        );
        client.write_all(b"x").await.unwrap();
        timed.read_u8().await.unwrap();
        let left = wait(&mut timed).await;
        assert!(
            (HEAD_TIME..HEAD_TIME + MOMENT * 2).contains(&left),
            "{left:?}"
        );

        let (_client, mut timed, phase) = pair();
        phase.trust();
        let idle = wait(&mut timed).await;
        assert!(
            (IDLE_TIME..IDLE_TIME + MOMENT * 2).contains(&idle),
            "{idle:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn while_it_is_answered_a_connection_has_no_time_limit() {
        let (mut client, mut timed, phase) = pair();
        client.write_all(b"x").await.unwrap();
        timed.read_u8().await.unwrap();
        phase.admit();
        assert!(timeout(IDLE_TIME * 10, timed.read_u8()).await.is_err());
        phase.end();
        timed.write_all(b"x").await.unwrap();
        let idle = wait(&mut timed).await;
        assert!(
            (HEAD_TIME..HEAD_TIME + MOMENT * 2).contains(&idle),
            "{idle:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_reads_is_given_up() {
        let (mut client, mut timed, _) = pair();
        timed.write_all(&[0; 8]).await.unwrap();
        assert!(timeout(WRITE_TIME / 2, timed.write_u8(0)).await.is_err());
        // Some progress, and the time begins again.
        client.read_u8().await.unwrap();
        timed.write_u8(0).await.unwrap();
        let started = Instant::now();
        let error = timed.write_u8(0).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(started.elapsed() >= WRITE_TIME);
    }
}
