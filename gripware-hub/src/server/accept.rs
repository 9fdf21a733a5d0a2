//! Accepting connections, and waiting for them at the end.

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Listener, TcpTimes};
use crate::{
    descriptors::{DescriptorReserve, Shortage, pause},
    socket::Socket,
    threads::Threads,
};

/// A signal to stop, and the tasks of the connections that obey it. Clones share both.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    stop: CancellationToken,
    connections: TaskTracker,
    threads: Threads,
    /// How many connections more may be open, where there is a limit.
    room: Option<Arc<Semaphore>>,
    tcp_times: TcpTimes,
    reserve: DescriptorReserve,
}

/// A connection that is being served.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) socket: Socket,
    /// `None` on a unix socket.
    pub(crate) peer: Option<SocketAddr>,
    /// Held for as long as the connection counts.
    pub(crate) permit: Option<OwnedSemaphorePermit>,
}

impl Server {
    /// Connections run on these threads, `max_connections` of them at a time.
    pub(crate) fn new(
        threads: Threads,
        stop: CancellationToken,
        max_connections: Option<usize>,
        tcp_times: TcpTimes,
        reserve: DescriptorReserve,
    ) -> Self {
        Self {
            stop,
            connections: TaskTracker::new(),
            threads,
            tcp_times,
            reserve,
            room: max_connections.map(|max| Arc::new(Semaphore::new(max))),
        }
    }

    /// Accepts connections and runs each as a task until it is told to stop, and then waits until
    /// all tasks have ended, those of [`spawn`](Self::spawn) included.
    pub(crate) async fn serve<F>(
        &self,
        mut listener: Listener,
        connection: impl Fn(Accepted) -> F + Clone + Send + 'static,
    ) where
        F: Future<Output = ()> + Send + 'static,
    {
        let mut shortage = Shortage::default();
        let accepting = async {
            loop {
                match listener.accept(self.reserve, &mut shortage).await {
                    Ok((socket, peer)) => {
                        if let Socket::Tcp(stream) = &socket {
                            // Where it fails a client that vanishes is noticed later.
                            let _ = self.tcp_times.apply(stream);
                        }
                        // One connection waits here, not the permit for one: clients that come back
                        // from a hold need it as well.
                        let permit = self.permit().await;
                        let accepted = Accepted {
                            socket,
                            peer,
                            permit,
                        };
                        self.start(accepted, connection.clone());
                    }
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        shortage.say(format_args!("no connection can be accepted: {error}"));
                        pause().await;
                    }
                }
            }
        };
        let _: Option<()> = self.stop.run_until_cancelled(accepting).await;
        drop(listener);
        self.connections.close();
        self.connections.wait().await;
    }

    /// Runs the task of a connection on the thread whose turn it is.
    fn start<F>(&self, accepted: Accepted, connection: impl Fn(Accepted) -> F + Send + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = self.threads.next();
        if runtime.id() == Handle::current().id() {
            self.connections.spawn_on(connection(accepted), runtime);
            return;
        }
        let Accepted {
            socket,
            peer,
            permit,
        } = accepted;
        // Where the system does not move it, the client sees its connection closed.
        let Ok(socket) = socket.detach() else {
            return;
        };
        let moved = async move {
            if let Ok(socket) = Socket::attach(socket) {
                let accepted = Accepted {
                    socket,
                    peer,
                    permit,
                };
                connection(accepted).await;
            }
        };
        self.connections.spawn_on(moved, runtime);
    }

    /// Runs a task that [`serve`](Self::serve) waits for, on the thread of the caller where it is one
    /// of those that serve.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.connections.spawn_on(task, self.threads.here());
    }

    /// Waits until one more connection may be open; `None` if there is no limit.
    pub(crate) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        // A closed semaphore would let everybody in, and nobody closes this one.
        Arc::clone(self.room.as_ref()?).acquire_owned().await.ok()
    }

    /// Cancelled when the server is to stop.
    pub(crate) fn stop(&self) -> &CancellationToken {
        &self.stop
    }
}

/// Whether an error is that of a connection that has ended before it was accepted, so that the next
/// one may well be accepted at once.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::Interrupted
    )
}
