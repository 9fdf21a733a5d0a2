use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper::rt::Executor;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::timeout,
};
use tokio_util::{
    sync::{CancellationToken, WaitForCancellationFutureOwned},
    task::TaskTracker,
};

/// The tasks of one connection: hyper's own, and those of its streams.
///
/// It is cut at the socket, so that all of them end, whatever state HTTP/2 is in. Watching for it in
/// each task would cost every call two turns at the same lock.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    cut: CancellationToken,
    tasks: TaskTracker,
}

/// A socket that fails once its connection is cut.
pub(crate) struct Cuttable<S> {
    inner: S,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Scope {
    /// Ends with `parent` at the latest.
    pub(crate) fn within(parent: &CancellationToken) -> Self {
        Self {
            cut: parent.child_token(),
            tasks: TaskTracker::new(),
        }
    }

    pub(crate) fn cuttable<S>(&self, inner: S) -> Cuttable<S> {
        Cuttable {
            inner,
            cut: Box::pin(self.cut.clone().cancelled_owned()),
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
        self.tasks.spawn(future);
    }
}

impl<S> Cuttable<S> {
    /// Wakes the task when it is cut.
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        match self.cut.as_mut().poll(cx) {
            Poll::Ready(()) => Err(io::ErrorKind::ConnectionAborted.into()),
            Poll::Pending => Ok(()),
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Cuttable<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Cuttable<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    #[tokio::test]
    async fn a_socket_that_is_cut_fails_in_both_directions() {
        let server = CancellationToken::new();
        let scope = Scope::within(&server);
        let (near, mut far) = duplex(4);
        let (mut reader, mut writer) = tokio::io::split(scope.cuttable(near));
        writer.write_all(b"1234").await.unwrap();
        let mut buffer = [0; 4];
        far.read_exact(&mut buffer).await.unwrap();
        let reading = tokio::spawn(async move { reader.read_u8().await });
        tokio::task::yield_now().await;
        server.cancel();
        let error = reading.await.unwrap().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
        let error = writer.write_all(b"1").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }
}
