//! The client's WebSocket: one connection to one broadcaster at a time, for everything.
//!
//! A task keeps the connection, and makes another one when it is lost, with one broadcaster after the
//! other as over HTTP. What this end is subscribed to is subscribed to again then, and each
//! subscription learns that it may have missed something. A message that was published and not
//! confirmed when the connection was lost is ambiguous.
//!
//! | | |
//! |---|---|
//! | [`Socket`] | what the client has of it |
//! | [`task`] | connects, and carries messages between the connection and the client |
//! | [`dial`] | the connection, up to its CONFIGURE |
//! | [`Session`](session::Session) | what is said over one connection, without a socket or a clock |

mod acks;
mod dial;
mod joining;
mod opening;
mod publish;
mod session;
mod task;
#[cfg(test)]
mod tests;

use std::{error::Error, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use self::task::Task;
pub(super) use self::{
    dial::{Dial, OPENING},
    opening::{Keys, Limits},
};
use super::{ClientError, registry::Registry};
use crate::{Pattern, Topic};

/// Most commands that wait to be read; whoever has another one waits with it.
const COMMANDS: usize = 16;

/// How a client uses its connection.
#[derive(Debug)]
pub(super) struct Socket {
    commands: mpsc::Sender<Command>,
    timeout: Duration,
}

/// Something that the connection is to be used for.
#[derive(Debug)]
struct Command {
    what: What,
    /// Learns that it is begun, after which it may have been done. `None`: it was begun before.
    begin: Option<oneshot::Sender<()>>,
}

#[derive(Debug)]
enum What {
    Subscribe(Pattern, Done<()>),
    Unsubscribe(Pattern, Done<()>),
    Notify(Job),
}

/// A message to be published.
#[derive(Debug)]
struct Job {
    topic: Topic,
    data: Bytes,
    done: Done<u32>,
}

/// Who waits for the outcome of a command.
type Done<T> = oneshot::Sender<Result<T, ClientError>>;

impl Socket {
    /// Starts the task, which ends when the socket is dropped.
    pub(super) fn spawn(dial: Dial, keys: Keys, registry: Arc<Registry>) -> Self {
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let timeout = dial.retries.timeout;
        tokio::spawn(Task::new(dial, keys, registry, receiver).run());
        Self { commands, timeout }
    }

    pub(super) async fn subscribe(&self, pattern: Pattern) -> Result<(), ClientError> {
        self.ask(|done| What::Subscribe(pattern, done)).await
    }

    pub(super) async fn unsubscribe(&self, pattern: Pattern) -> Result<(), ClientError> {
        self.ask(|done| What::Unsubscribe(pattern, done)).await
    }

    /// Publishes a message, and returns for how many subscribers it was confirmed.
    pub(super) async fn notify(&self, topic: Topic, data: Bytes) -> Result<u32, ClientError> {
        self.ask(|done| What::Notify(Job { topic, data, done }))
            .await
    }

    async fn ask<T>(&self, what: impl FnOnce(Done<T>) -> What) -> Result<T, ClientError> {
        let (done, outcome) = oneshot::channel();
        let (begin, mut begun) = oneshot::channel();
        let command = Command {
            what: what(done),
            begin: Some(begin),
        };
        let asked = async {
            self.commands.send(command).await.map_err(|_| ENDED)?;
            outcome.await.map_err(|_| ENDED)
        };
        let asked = timeout(self.timeout, asked).await;
        let failed = match asked {
            Ok(Ok(outcome)) => return outcome,
            Ok(Err(ended)) => ended,
            Err(_) => "it has taken too long",
        };
        // It is not begun from here on, unless it is already.
        begun.close();
        Err(match begun.try_recv() {
            Ok(()) => ClientError::Ambiguous(failed.into()),
            Err(_) => ClientError::Unreachable(failed.into()),
        })
    }
}

impl Command {
    /// One that was begun over a connection that is lost.
    fn again(what: What) -> Self {
        Self { what, begin: None }
    }

    /// Returns what is to be done, and says that it may have been done from here on. `None` if
    /// nobody waits for it any more.
    fn begin(self) -> Option<What> {
        match self.begin {
            Some(begin) => begin.send(()).ok().map(|()| self.what),
            None => Some(self.what),
        }
    }

    /// Tells whoever waits that it was not done, or that a message may have been.
    fn fail(self, error: Box<dyn Error + Send + Sync>) {
        let error = match (&self.what, &self.begin) {
            (What::Notify(_), None) => ClientError::Ambiguous(error),
            // Subscriptions end with their connection.
            _ => ClientError::Unreachable(error),
        };
        // Who has stopped waiting does not want to know.
        match self.what {
            What::Subscribe(_, done) | What::Unsubscribe(_, done) => drop(done.send(Err(error))),
            What::Notify(job) => drop(job.done.send(Err(error))),
        }
    }

    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool {
        match &self.what {
            What::Subscribe(_, done) | What::Unsubscribe(_, done) => done.is_closed(),
            What::Notify(job) => job.done.is_closed(),
        }
    }
}

/// Nobody keeps the connection: the runtime ends.
const ENDED: &str = "the connection's task has ended";
