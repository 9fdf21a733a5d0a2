//! What comes from a subscription.

use std::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::{Client, ClientError};
use crate::{Glob, Pattern, Topic};

/// A message. It is confirmed to the broadcaster when it is dropped.
#[derive(Debug)]
pub struct Message {
    topic: Topic,
    data: Bytes,
    /// Dropped with it, which is how it is noticed.
    _done: Option<oneshot::Sender<()>>,
}

impl Message {
    /// Returns its topic.
    #[must_use]
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Returns its content.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Returns topic and content, and confirms it.
    #[must_use]
    pub fn into_parts(self) -> (Topic, Bytes) {
        (self.topic, self.data)
    }
}

/// What comes from a subscription.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// A message.
    Message(Message),
    /// Messages may have been missed: of a topic, or where it is `None` of any, as the broadcaster
    /// had forgotten the subscription.
    Missed(Option<Topic>),
}

/// What waits in a subscription.
#[derive(Debug)]
pub(super) enum Queued {
    Message {
        topic: Topic,
        data: Bytes,
        /// Sent when it was taken; what comes out of it ends when it was worked on.
        taken: oneshot::Sender<oneshot::Receiver<()>>,
    },
    Missed(Option<Topic>),
}

/// No message has come in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no message has come in time")]
pub struct TimedOut;

/// Topics and patterns, and the messages of them. The broadcaster is told when it is dropped and
/// nobody else at this end wants the same, or earlier with [`close`](Self::close).
///
/// It is a [`Stream`] of [`Message`]s.
pub struct Subscription {
    client: Client,
    id: u64,
    receiver: mpsc::Receiver<Queued>,
}

impl Subscription {
    pub(super) fn new(client: Client) -> Self {
        let (id, receiver) = client.0.registry.open();
        Self {
            client,
            id,
            receiver,
        }
    }

    /// Adds a topic.
    ///
    /// # Errors
    /// Where no broadcaster has confirmed it. Then it is not added.
    pub async fn subscribe_exact<T>(&mut self, topic: T) -> Result<(), ClientError>
    where
        T: TryInto<Topic>,
        ClientError: From<T::Error>,
    {
        let pattern = Pattern::Exact(topic.try_into()?);
        self.client.add(self.id, pattern).await
    }

    /// Adds a pattern.
    ///
    /// # Errors
    /// As [`subscribe_exact`](Self::subscribe_exact).
    pub async fn subscribe_glob<T>(&mut self, glob: T) -> Result<(), ClientError>
    where
        T: TryInto<Glob>,
        ClientError: From<T::Error>,
    {
        let pattern = Pattern::Glob(glob.try_into()?);
        self.client.add(self.id, pattern).await
    }

    /// Takes back a topic or a pattern.
    ///
    /// # Errors
    /// Where no broadcaster has confirmed it. No messages of it come even so.
    pub async fn unsubscribe(&mut self, pattern: &Pattern) -> Result<(), ClientError> {
        self.client.remove(self.id, pattern).await
    }

    /// Returns the next message. What was missed is skipped: see [`next_event`](Self::next_event).
    ///
    /// Cancel safe: what is not returned stays in the queue.
    pub async fn next(&mut self) -> Option<Message> {
        loop {
            if let Event::Message(message) = self.next_event().await? {
                return Some(message);
            }
        }
    }

    /// As [`next`](Self::next), for so long.
    ///
    /// # Errors
    /// [`TimedOut`] where no message has come. Another call waits anew.
    pub async fn next_within(&mut self, time: Duration) -> Result<Option<Message>, TimedOut> {
        let next = tokio::time::timeout(time, self.next()).await;
        next.map_err(|_| TimedOut)
    }

    /// Returns the next message, or that some may have been missed. Never `None` while the
    /// subscription is there.
    ///
    /// Cancel safe.
    pub async fn next_event(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        loop {
            return Poll::Ready(match std::task::ready!(self.receiver.poll_recv(cx)) {
                None => None,
                Some(Queued::Missed(topic)) => Some(Event::Missed(topic)),
                Some(Queued::Message { topic, data, taken }) => {
                    let (done, worked_on) = oneshot::channel();
                    // Where nobody waits for it any more the broadcaster has given it up, and says
                    // that it was missed.
                    if taken.send(worked_on).is_err() {
                        continue;
                    }
                    Some(Event::Message(Message {
                        topic,
                        data,
                        _done: Some(done),
                    }))
                }
            });
        }
    }

    /// Ends the subscription, and waits until the broadcaster knows.
    ///
    /// # Errors
    /// Where no broadcaster has confirmed it.
    pub async fn close(self) -> Result<(), ClientError> {
        let patterns = self.client.0.registry.close(self.id);
        self.client.say_gone(patterns).await
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        loop {
            match std::task::ready!(self.poll_event(cx)) {
                Some(Event::Message(message)) => return Poll::Ready(Some(message)),
                Some(Event::Missed(_)) => (),
                None => return Poll::Ready(None),
            }
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let patterns = self.client.0.registry.close(self.id);
        if patterns.is_empty() {
            return;
        }
        let client = self.client.clone();
        // Without a runtime the broadcaster finds out as soon as it sends a message.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = client.say_gone(patterns).await;
            });
        }
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subscription")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
