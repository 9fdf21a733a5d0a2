//! A client, over HTTP or over a WebSocket: publishes, and is a subscriber.
//!
//! Over HTTP the broadcaster POSTs messages to this process: [`Client::router`] is mounted where
//! [`host`](ClientBuilder::host) says, or [`Client::serve`] has a listener of its own. One that only
//! publishes needs neither.
//!
//! ```no_run
//! use std::time::Duration;
//!
//! use gripware_topics::{Auth, client::Client};
//! use tokio::net::TcpListener;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder(Auth::from_file("subscriber-secrets.json")?)
//!     .broadcaster("http://192.0.2.9:3003")?
//!     .host("http://192.0.2.1:3002")?
//!     .build()?;
//! let listener = TcpListener::bind("0.0.0.0:3002").await?;
//! tokio::spawn(client.serve(listener));
//!
//! // One message of a topic.
//! let mut subscription = client.subscribe_exact("foo/bar").await?;
//! if let Some(message) = subscription.next().await {
//!     println!("on {}: {:?}", message.topic(), message.data());
//! }
//!
//! // Of several topics, for as long as there is one every five seconds.
//! let mut subscription = client.subscribe_multi();
//! subscription.subscribe_exact("foo/bar").await?;
//! subscription.subscribe_glob("foo/*").await?;
//! while let Ok(Some(message)) = subscription.next_within(Duration::from_secs(5)).await {
//!     println!("on {}: {:?}", message.topic(), message.data());
//! }
//!
//! let notified = client.notify("foo/baz", "Hello, world!").await?;
//! println!("{} subscribers have it", notified.subscribers);
//! client.notify_file("foo/baz", "hello.txt").await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Over a WebSocket
//! With [`websocket`](ClientBuilder::websocket) in place of a host the client keeps one connection to one
//! broadcaster, for who has much to say or cannot be reached. Everything above is the same but for the
//! router. A connection that is lost is made again, with one broadcaster after the other; what this end
//! is subscribed to is subscribed to again, and each subscription gets [`Event::Missed`]. At most 64
//! messages are published and not confirmed at a time, of 16 MiB together, or one; what is over 16 MiB
//! goes out and comes in parts.
//!
//! ```no_run
//! # use gripware_topics::{Auth, client::Client};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder(Auth::from_file("subscriber-secrets.json")?)
//!     .broadcaster("https://topics.example")?
//!     .websocket()
//!     .build()?;
//! let mut subscription = client.subscribe_glob("foo/*").await?;
//! # let _ = subscription.next().await;
//! # Ok(())
//! # }
//! ```
//!
//! Confirmations have the order of messages there: a subscription that is not read keeps all others of
//! its client waiting, as soon as three messages are not confirmed. A message that waits for too long at
//! the broadcaster was missed.
//!
//! # Webhook receivers
//! With secrets for [Standard Webhooks](crate::webhook) the broadcaster POSTs to receivers that speak
//! nothing of this protocol. A client with those publishes, and [subscribes](Client::subscribe_url)
//! receivers; it gets no messages itself, and so has neither a host nor a WebSocket. Answers of the
//! broadcaster have no signature then: only TLS tells that they are its own.
//!
//! ```no_run
//! use gripware_topics::{Address, Auth, Pattern, client::Client};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let client = Client::builder(Auth::from_file("subscriber-secrets.json")?)
//!     .broadcaster("https://topics.example")?
//!     .build()?;
//! let receiver = Address::new("https://shop.example/hooks/orders")?;
//! let orders = Pattern::Glob("orders/*".try_into()?);
//! client.subscribe_url(&receiver, &orders, None).await?;
//! client.notify("orders/1", r#"{"state":"paid"}"#).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is confirmed when
//! A message is confirmed to the broadcaster, and so to whoever has published it, when it was taken
//! from its subscription and dropped: who keeps a [`Message`] while working on it makes the publisher
//! wait (backpressure). Where the broadcaster has stopped waiting, the subscription gets
//! [`Event::Missed`] later on: ahead of messages that wait in it, and however many they are.
//!
//! A message that nobody at this end wants is confirmed for nobody. Over HTTP the client then looks
//! after two seconds what the broadcaster holds it to be subscribed to, and [sets that
//! right](Client::reconcile); over a WebSocket it unsubscribes.

mod beside;
mod broadcasters;
mod builder;
mod clock;
mod connect;
mod error;
mod missed;
mod notify;
mod receive;
mod reconcile;
mod registry;
mod send;
mod socket;
mod subscribe;
mod subscription;
#[cfg(test)]
mod tests;
mod webhooks;

use std::{fmt, sync::Arc};

use tokio::sync::{Mutex, Notify};

pub use self::{
    builder::ClientBuilder,
    error::{BuildError, ClientError},
    notify::Notified,
    subscription::{Event, Message, Subscription, TimedOut},
};
use self::{registry::Registry, send::Sender, socket::Socket};
use crate::{
    Address, Auth, Glob, Pattern, Topic,
    auth::Verifier,
    http::{RECEIVE, RECOVER},
};

/// A client. Clones are the same one.
#[derive(Clone)]
pub struct Client(Arc<Shared>);

struct Shared {
    to_broadcaster: Arc<Verifier>,
    to_subscriber: Arc<Verifier>,
    link: Link,
    registry: Arc<Registry>,
    /// Messages have come that nobody wants.
    unwanted: Arc<Notify>,
    /// What is said to broadcasters about subscriptions, one thing after the other.
    talking: Arc<Mutex<()>>,
    max_message: usize,
}

/// How broadcasters are reached, and how they reach this client.
enum Link {
    Http {
        sender: Box<Sender>,
        here: Option<Here>,
    },
    Socket(Socket),
}

/// Where it gets messages, and where it is told that it has missed some.
#[derive(Clone, Debug)]
struct Here {
    receive: Address,
    recover: Address,
}

impl Here {
    fn new(host: &Address) -> Self {
        Self {
            receive: host.join(RECEIVE),
            recover: host.join(RECOVER),
        }
    }
}

impl Client {
    /// Begins to build one with secrets.
    pub fn builder(auth: Auth) -> ClientBuilder {
        ClientBuilder::new(auth)
    }

    /// Subscribes to a topic.
    ///
    /// Cancel safe: where it is dropped before it is done, there is no subscription, and a broadcaster
    /// that may know of it is told so in the background.
    ///
    /// # Errors
    /// Where no broadcaster has confirmed it, or the client has no [`host`](ClientBuilder::host).
    pub async fn subscribe_exact<T>(&self, topic: T) -> Result<Subscription, ClientError>
    where
        T: TryInto<Topic>,
        ClientError: From<T::Error>,
    {
        let mut subscription = self.subscribe_multi();
        subscription.subscribe_exact(topic).await?;
        Ok(subscription)
    }

    /// Subscribes to all topics that match.
    ///
    /// Cancel safe, as [`subscribe_exact`](Self::subscribe_exact).
    ///
    /// # Errors
    /// As [`subscribe_exact`](Self::subscribe_exact).
    pub async fn subscribe_glob<T>(&self, glob: T) -> Result<Subscription, ClientError>
    where
        T: TryInto<Glob>,
        ClientError: From<T::Error>,
    {
        let mut subscription = self.subscribe_multi();
        subscription.subscribe_glob(glob).await?;
        Ok(subscription)
    }

    /// Makes a subscription to nothing yet, for any number of topics and patterns. Each message comes
    /// once, however many of them match.
    #[must_use]
    pub fn subscribe_multi(&self) -> Subscription {
        Subscription::new(self.clone())
    }

    /// Returns what it is subscribed to, at this end.
    #[must_use]
    pub fn subscribed(&self) -> Vec<Pattern> {
        let list = self.0.registry.list(None);
        list.iter().map(|(pattern, _)| pattern).collect()
    }

    fn here(&self) -> Option<&Here> {
        match &self.0.link {
            Link::Http { here, .. } => here.as_ref(),
            Link::Socket(_) => None,
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("here", &self.here())
            .field("registry", &self.0.registry)
            .finish_non_exhaustive()
    }
}
