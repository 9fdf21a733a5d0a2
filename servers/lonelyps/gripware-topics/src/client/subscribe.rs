//! What this end is subscribed to is what the broadcaster is told, over either wire.
//!
//! One thing is said after the other. What takes something away is said to its end though its caller
//! stops waiting: a request that is on its way while the next one is sent could be done after it, and
//! would take away what that one has added.

use std::sync::Arc;

use tokio::sync::OwnedMutexGuard;

use super::{Client, ClientError, Here, Link};
use crate::Pattern;

/// A pattern of a subscription that no broadcaster has confirmed. It is taken back when this is
/// dropped.
struct Unconfirmed<'a> {
    client: &'a Client,
    id: u64,
    pattern: &'a Pattern,
    /// Whether the broadcaster may have added it.
    may_be_done: bool,
}

impl Drop for Unconfirmed<'_> {
    fn drop(&mut self) {
        let Self {
            client,
            id,
            pattern,
            may_be_done,
        } = *self;
        if client.0.registry.remove(id, pattern) && may_be_done {
            client.say_gone_later(vec![pattern.clone()]);
        }
    }
}

impl Client {
    /// Adds a pattern to a subscription, and tells the broadcaster where it is the first.
    pub(super) async fn add(&self, id: u64, pattern: Pattern) -> Result<(), ClientError> {
        let _talking = self.0.talking.lock().await;
        // Before the broadcaster knows: what it sends at once is wanted already.
        if !self.0.registry.add(id, &pattern) {
            return Ok(());
        }
        let mut unconfirmed = Unconfirmed {
            client: self,
            id,
            pattern: &pattern,
            may_be_done: true,
        };
        let said = match &self.0.link {
            Link::Http { sender, here } => match here {
                Some(Here { receive, recover }) => {
                    self.post_subscribe(sender, receive, Some(recover), &pattern)
                        .await
                }
                None => Err(ClientError::NoHost),
            },
            Link::Socket(socket) => socket.subscribe(pattern.clone()).await,
        };
        match &said {
            Ok(()) => std::mem::forget(unconfirmed),
            Err(error) => unconfirmed.may_be_done = error.is_ambiguous(),
        }
        said
    }

    /// Removes a pattern from a subscription, and tells the broadcaster where it was the last.
    pub(super) async fn remove(&self, id: u64, pattern: &Pattern) -> Result<(), ClientError> {
        let talking = self.talk().await;
        if !self.0.registry.remove(id, pattern) {
            return Ok(());
        }
        let (client, pattern) = (self.clone(), pattern.clone());
        to_its_end(async move {
            let _talking = talking;
            client.say_unsubscribe(&pattern).await
        })
        .await
    }

    /// Waits until nothing is said to broadcasters about subscriptions.
    pub(super) async fn talk(&self) -> OwnedMutexGuard<()> {
        Arc::clone(&self.0.talking).lock_owned().await
    }

    /// As [`say_gone`](Self::say_gone), in the background. Without a runtime the broadcaster finds out
    /// as soon as it sends a message.
    pub(super) fn say_gone_later(&self, patterns: Vec<Pattern>) {
        let client = self.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                let _ = client.say_gone(patterns).await;
            });
        }
    }

    /// Takes back what nobody at this end wants any more.
    pub(super) async fn say_gone(&self, patterns: Vec<Pattern>) -> Result<(), ClientError> {
        let _talking = self.0.talking.lock().await;
        let mut said = Ok(());
        for pattern in patterns {
            // Somebody may have come meanwhile.
            if self.0.registry.has(&pattern) {
                continue;
            }
            if let Err(error) = self.say_unsubscribe(&pattern).await {
                said = Err(error);
            }
        }
        said
    }

    async fn say_unsubscribe(&self, pattern: &Pattern) -> Result<(), ClientError> {
        match &self.0.link {
            Link::Http { sender, here } => match here {
                Some(here) => self.post_unsubscribe(sender, &here.receive, pattern).await,
                None => Err(ClientError::NoHost),
            },
            Link::Socket(socket) => socket.unsubscribe(pattern.clone()).await,
        }
    }
}

/// Does something to its end, though its caller stops waiting.
pub(super) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ClientError>> + Send + 'static,
) -> Result<T, ClientError> {
    let done = tokio::spawn(work).await;
    done.unwrap_or_else(|ended| Err(ClientError::Ambiguous(ended.into())))
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use futures_util::FutureExt;
    use http::StatusCode;
    use tokio::{net::TcpListener, sync::mpsc};

    use super::*;
    use crate::{
        Topic,
        client::{
            ClientBuilder, Subscription,
            tests::{Asked, broadcaster, client, done, soon, with_host},
        },
        http::{SUBSCRIBE_EXACT, UNSUBSCRIBE_EXACT},
    };

    fn pattern() -> Pattern {
        Pattern::Exact(Topic::try_from("t").unwrap())
    }

    /// Subscribes, with answers for all that is asked meanwhile. Returns the paths.
    async fn subscribe(
        subscription: &mut Subscription,
        asked: &mut mpsc::UnboundedReceiver<Asked>,
    ) -> Vec<String> {
        let mut paths = Vec::new();
        let mut subscribing = pin!(subscription.subscribe_exact("t"));
        soon(async {
            loop {
                tokio::select! {
                    done = &mut subscribing => break done.unwrap(),
                    Some(question) = asked.recv() => {
                        paths.push(question.path);
                        let _ = question.answer.send((StatusCode::OK, done()));
                    }
                }
            }
        })
        .await;
        paths
    }

    #[tokio::test]
    async fn a_subscription_that_was_given_up_is_asked_for_again() {
        let (url, mut asked) = broadcaster().await;
        let client = client(&url, with_host);
        let mut subscription = client.subscribe_multi();
        let first = tokio::select! {
            done = subscription.subscribe_exact("t") => panic!("{done:?}"),
            Some(first) = asked.recv() => first,
        };
        assert_eq!(first.path, SUBSCRIBE_EXACT);
        assert_eq!(client.subscribed(), []);
        let paths = subscribe(&mut subscription, &mut asked).await;
        assert_eq!(paths.last().map(String::as_str), Some(SUBSCRIBE_EXACT));
        assert_eq!(client.subscribed(), [pattern()]);
    }

    #[tokio::test]
    async fn a_subscription_that_was_given_up_is_taken_back_where_nobody_else_has_it() {
        let (url, mut asked) = broadcaster().await;
        let client = client(&url, with_host);
        let first = tokio::select! {
            done = client.subscribe_exact("t") => panic!("{done:?}"),
            Some(first) = asked.recv() => first,
        };
        let second = soon(asked.recv()).await.unwrap();
        assert_eq!(second.path, UNSUBSCRIBE_EXACT);
        drop((first, second));
    }

    #[tokio::test]
    async fn a_subscription_over_a_websocket_that_was_given_up_is_none() {
        // It takes the connection, and says nothing.
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let client = client(&url, ClientBuilder::websocket);
        let mut subscription = client.subscribe_multi();
        assert!(subscription.subscribe_exact("t").now_or_never().is_none());
        assert_eq!(client.subscribed(), []);
        // Somebody else may have it.
        let mut other = client.subscribe_multi();
        let mut subscribing = Box::pin(other.subscribe_exact("t"));
        assert!(subscribing.as_mut().now_or_never().is_none());
        assert!(subscription.subscribe_exact("t").now_or_never().is_none());
        assert_eq!(client.subscribed(), [pattern()]);
    }

    /// A request that is on its way could be done behind the next one.
    #[tokio::test]
    async fn what_is_taken_back_is_taken_back_before_anything_else_is_said() {
        let (url, mut asked) = broadcaster().await;
        let client = client(&url, with_host);
        let mut subscription = client.subscribe_multi();
        subscribe(&mut subscription, &mut asked).await;
        let (pattern, unsubscribed) = (pattern(), "it does not know yet");
        let asked_first = tokio::select! {
            done = subscription.unsubscribe(&pattern) => panic!("{unsubscribed}: {done:?}"),
            Some(first) = asked.recv() => first,
        };
        assert_eq!(asked_first.path, UNSUBSCRIBE_EXACT);
        assert!(client.0.talking.try_lock().is_err(), "{unsubscribed}");
        assert!(subscription.subscribe_exact("t").now_or_never().is_none());
        asked_first.answer.send((StatusCode::OK, done())).unwrap();
        let paths = subscribe(&mut subscription, &mut asked).await;
        assert_eq!(paths, [SUBSCRIBE_EXACT]);
    }
}
