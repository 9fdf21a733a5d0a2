use std::{
    fmt,
    net::SocketAddr,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

use tokio::{net::TcpListener, sync::oneshot, time::timeout};

use crate::{Failure, Signals, announce};

/// How long requests that are under way may take once a [`Server`] is told to end: 3 s.
pub const DRAIN: Duration = Duration::from_secs(3);

/// What takes longer than [`DRAIN`] is cut off by then.
const CUT_OFF: Duration = Duration::from_secs(4);

/// A program that serves one address until it is told to end.
///
/// ```no_run
/// use gripware_program::{Failure, Server};
/// # async fn serve(_: tokio::net::TcpListener, _: gripware_program::Stop) -> std::io::Result<()> { Ok(()) }
///
/// # async fn example() -> Result<(), Failure> {
/// let server = Server::bind("--listen", "127.0.0.1:0").await?;
/// server.run(|listener, stop| serve(listener, stop)).await
/// # }
/// ```
#[derive(Debug)]
pub struct Server {
    signals: Signals,
    listener: TcpListener,
    address: SocketAddr,
}

/// Resolves when a [`Server`] is told to end, or is dropped.
#[derive(Debug)]
pub struct Stop(oneshot::Receiver<()>);

impl Server {
    /// Listens on `HOST:PORT`, the value of a setting, where port 0 is any that is free. From now on
    /// signals no longer end the process by themselves.
    ///
    /// # Errors
    /// Where the address cannot be used, or the system allows no signals.
    pub async fn bind(setting: &str, address: &str) -> Result<Self, Failure> {
        let signals = Signals::new()?;
        let unusable = |error| Failure::setting(setting, error);
        let listener = TcpListener::bind(address).await.map_err(unusable)?;
        let address = listener.local_addr().map_err(unusable)?;
        Ok(Self {
            signals,
            listener,
            address,
        })
    }

    /// Returns where it listens, with the real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves: prints `listening on ADDR`, waits for SIGTERM or SIGINT, and then has what `serve`
    /// returned end, which is cut off after 4 s. What it has to do at its end belongs into that
    /// future, which should give its clients [`DRAIN`].
    ///
    /// # Errors
    /// Where serving ends before it was told to.
    pub async fn run<F, E>(
        mut self,
        serve: impl FnOnce(TcpListener, Stop) -> F,
    ) -> Result<(), Failure>
    where
        F: Future<Output = Result<(), E>>,
        E: fmt::Display,
    {
        let (stop, stopped) = oneshot::channel();
        let mut serving = pin!(serve(self.listener, Stop(stopped)));
        announce(&format!("listening on {}\n", self.address));
        tokio::select! {
            ended = &mut serving => {
                ended.map_err(Failure::other)?;
                return Err(Failure::other("serving ended by itself"));
            }
            () = self.signals.end() => drop(stop),
        }
        // How it ends is of no matter any more.
        if timeout(CUT_OFF, serving).await.is_err() {
            tracing::warn!("what was still under way is cut off");
        }
        Ok(())
    }
}

impl Future for Stop {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Nothing is sent: the other half is dropped.
        let _ = ready!(Pin::new(&mut self.0).poll(cx));
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[tokio::test]
    async fn a_server_that_ends_by_itself_has_failed() {
        for (ended, told) in [
            (Ok(()), "serving ended by itself"),
            (Err(io::Error::other("no more sockets")), "no more sockets"),
        ] {
            let server = Server::bind("--listen", "127.0.0.1:0").await.unwrap();
            assert_ne!(server.address().port(), 0);
            let failure = server.run(|_, _| async { ended }).await.unwrap_err();
            assert_eq!(failure.to_string(), told);
        }
    }

    #[tokio::test]
    async fn an_address_that_is_taken_is_a_wrong_setting() {
        let taken = Server::bind("--listen", "127.0.0.1:0").await.unwrap();
        let failure = Server::bind("--listen", &taken.address().to_string()).await;
        let failure = failure.unwrap_err();
        assert!(matches!(failure, Failure::Config(_)), "{failure}");
        assert!(failure.to_string().starts_with("--listen: "), "{failure}");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_signal_stops_what_is_served_and_waits_for_it() {
        use rustix::process::{Signal, getpid, kill_process};

        let server = Server::bind("--listen", "127.0.0.1:0").await.unwrap();
        let (ending, mut has_ended) = oneshot::channel();
        let ended = server.run(|listener, stop| async move {
            kill_process(getpid(), Signal::TERM)?;
            stop.await;
            drop(listener);
            tokio::task::yield_now().await;
            let _ = ending.send(());
            Ok::<_, io::Error>(())
        });
        ended.await.unwrap();
        assert_eq!(has_ended.try_recv(), Ok(()));
    }
}
