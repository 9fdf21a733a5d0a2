//! What comes from a subscription.

use std::{
    fmt,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use futures_core::Stream;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::{Client, ClientError, missed::MissedTopics, subscribe::to_its_end};
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
    /// had forgotten the subscription, or told of more than 64 topics before one was taken.
    ///
    /// It comes before messages that wait, and of each topic once for as long as it is not taken.
    Missed(Option<Topic>),
}

/// A message that waits in a subscription.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) topic: Topic,
    pub(super) data: Bytes,
    /// Sent when it was taken; what comes out of it ends when it was worked on.
    pub(super) taken: oneshot::Sender<oneshot::Receiver<()>>,
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
    missed: Arc<MissedTopics>,
}

impl Subscription {
    pub(super) fn new(client: Client) -> Self {
        let (id, receiver, missed) = client.0.registry.open();
        Self {
            client,
            id,
            receiver,
            missed,
        }
    }

    /// Adds a topic.
    ///
    /// Cancel safe: where it is dropped before it is done, the topic is not added, and a broadcaster
    /// that may know of it is told so in the background.
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
    /// Cancel safe, as [`subscribe_exact`](Self::subscribe_exact).
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
    /// Cancel safe: where it is dropped before it is done, it is either not taken back, since something
    /// else was said to the broadcaster first, or is, and the broadcaster is told in the background.
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

    /// As [`next`](Self::next), for so long. Cancel safe.
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
    /// Cancel safe: what is not returned comes with the next call.
    pub async fn next_event(&mut self) -> Option<Event> {
        std::future::poll_fn(|cx| self.poll_event(cx)).await
    }

    fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<Option<Event>> {
        if let Poll::Ready(topic) = self.missed.poll(cx) {
            return Poll::Ready(Some(Event::Missed(topic)));
        }
        loop {
            let Some(queued) = ready!(self.receiver.poll_recv(cx)) else {
                return Poll::Ready(None);
            };
            let Queued { topic, data, taken } = queued;
            let (done, worked_on) = oneshot::channel();
            // Where nobody waits for it any more the broadcaster has given it up, and says that it was
            // missed.
            if taken.send(worked_on).is_ok() {
                return Poll::Ready(Some(Event::Message(Message {
                    topic,
                    data,
                    _done: Some(done),
                })));
            }
        }
    }

    /// Ends the subscription, and waits until the broadcaster knows.
    ///
    /// Cancel safe: where it is dropped before it is done, the subscription has ended, and the
    /// broadcaster is told in the background.
    ///
    /// # Errors
    /// Where no broadcaster has confirmed it.
    pub async fn close(self) -> Result<(), ClientError> {
        let patterns = self.client.0.registry.close(self.id);
        let client = self.client.clone();
        to_its_end(async move { client.say_gone(patterns).await }).await
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        loop {
            match ready!(self.poll_event(cx)) {
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
        if !patterns.is_empty() {
            self.client.say_gone_later(patterns);
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::Auth;

    fn topic(name: &str) -> Topic {
        Topic::try_from(name).unwrap()
    }

    /// A subscription to everything with room for one message, and to nothing that a broadcaster
    /// would know of.
    fn subscription() -> Subscription {
        let builder = Client::builder(Auth::none()).broadcaster("http://127.0.0.1:9");
        let client = builder.unwrap().queue(1).build().unwrap();
        let subscription = client.subscribe_multi();
        let everything = Pattern::Glob("*".try_into().unwrap());
        client.0.registry.add(subscription.id, &everything);
        subscription
    }

    #[tokio::test]
    async fn what_was_missed_is_told_though_the_queue_is_full() {
        let mut subscription = subscription();
        let client = subscription.client.clone();
        let (busy, data) = (topic("busy"), Bytes::from_static(b"x"));
        let mut handed = Box::pin(client.0.registry.hand_out(&busy, &data));
        assert_eq!(handed.as_mut().now_or_never(), None);
        // Twice the same is told once.
        for name in ["a", "b", "a"] {
            client.0.registry.note_missed(Some(&topic(name)));
        }
        let mut told = Vec::new();
        while let Some(Event::Missed(of)) = subscription.next_event().now_or_never().flatten() {
            told.push(of);
        }
        assert_eq!(told, [Some(topic("a")), Some(topic("b"))]);
        // The message, which the last call has taken, was confirmed as it was dropped.
        assert_eq!(handed.now_or_never(), Some(Some(true)));
    }

    #[tokio::test]
    async fn what_was_missed_of_too_many_topics_is_told_of_all() {
        let mut subscription = subscription();
        let client = subscription.client.clone();
        for number in 0..1000 {
            client
                .0
                .registry
                .note_missed(Some(&topic(&number.to_string())));
        }
        let told = subscription.next_event().now_or_never();
        assert!(matches!(told, Some(Some(Event::Missed(None)))), "{told:?}");
        assert!(subscription.next_event().now_or_never().is_none());
        // It begins anew.
        client.0.registry.note_missed(Some(&topic("a")));
        let told = subscription.next_event().now_or_never().flatten();
        assert!(
            matches!(&told, Some(Event::Missed(Some(of))) if *of == topic("a")),
            "{told:?}"
        );
    }

    #[tokio::test]
    async fn who_waits_is_woken_by_what_was_missed() {
        let mut subscription = subscription();
        let client = subscription.client.clone();
        let waiting = tokio::spawn(async move { subscription.next_event().await });
        tokio::task::yield_now().await;
        client.0.registry.note_missed(None);
        let told = waiting.await.unwrap();
        assert!(matches!(told, Some(Event::Missed(None))), "{told:?}");
    }
}
