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
mod opening;
mod publish;
mod session;
mod task;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use self::task::Task;
pub(super) use self::{
    dial::Dial,
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

/// What the connection is to be used for.
#[derive(Debug)]
enum Command {
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
        self.ask(|done| Command::Subscribe(pattern, done)).await
    }

    pub(super) async fn unsubscribe(&self, pattern: Pattern) -> Result<(), ClientError> {
        self.ask(|done| Command::Unsubscribe(pattern, done)).await
    }

    /// Publishes a message, and returns for how many subscribers it was confirmed.
    pub(super) async fn notify(&self, topic: Topic, data: Bytes) -> Result<u32, ClientError> {
        self.ask(|done| Command::Notify(Job { topic, data, done }))
            .await
    }

    async fn ask<T>(&self, command: impl FnOnce(Done<T>) -> Command) -> Result<T, ClientError> {
        let (done, outcome) = oneshot::channel();
        let asked = async {
            self.commands
                .send(command(done))
                .await
                .map_err(|_| ended())?;
            outcome.await.map_err(|_| ended())?
        };
        let late = |error: tokio::time::error::Elapsed| Err(ClientError::Ambiguous(error.into()));
        timeout(self.timeout, asked).await.unwrap_or_else(late)
    }
}

impl Command {
    /// Tells whoever waits that it was not done.
    fn fail(self, error: ClientError) {
        // Who has stopped waiting does not want to know.
        match self {
            Self::Subscribe(_, done) | Self::Unsubscribe(_, done) => drop(done.send(Err(error))),
            Self::Notify(job) => drop(job.done.send(Err(error))),
        }
    }

    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool {
        match self {
            Self::Subscribe(_, done) | Self::Unsubscribe(_, done) => done.is_closed(),
            Self::Notify(job) => job.done.is_closed(),
        }
    }
}

/// Nobody keeps the connection: the runtime ends.
fn ended() -> ClientError {
    ClientError::Unreachable("the connection's task has ended".into())
}
