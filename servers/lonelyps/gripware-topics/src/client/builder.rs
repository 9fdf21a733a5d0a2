use std::{sync::Arc, time::Duration};

use tokio::sync::Mutex;

use super::{
    BuildError, Client, Here, Shared, reconcile,
    registry::Registry,
    send::{Retries, Sender},
};
use crate::{
    Address, AddressError, Auth,
    auth::{Kind, ReplayStore, Verifier},
};

/// Builds a [`Client`].
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    auth: Auth,
    broadcasters: Vec<(u32, Address)>,
    host: Option<Address>,
    retries: Retries,
    reconcile_every: Duration,
    max_message: usize,
    queue: usize,
}

impl ClientBuilder {
    pub(super) fn new(auth: Auth) -> Self {
        Self {
            auth,
            broadcasters: Vec::new(),
            host: None,
            retries: Retries::default(),
            reconcile_every: Duration::from_secs(300),
            max_message: 64 * 1024 * 1024,
            queue: 64,
        }
    }

    /// Adds a broadcaster, which is tried after those with a priority.
    ///
    /// # Errors
    /// Where it is no URL.
    pub fn broadcaster(self, url: &str) -> Result<Self, AddressError> {
        self.broadcaster_with_priority(url, u32::MAX)
    }

    /// Adds a broadcaster. Those of the lowest number are tried first, in an order that is new each
    /// time, then those of the next.
    ///
    /// # Errors
    /// Where it is no URL.
    pub fn broadcaster_with_priority(
        mut self,
        url: &str,
        priority: u32,
    ) -> Result<Self, AddressError> {
        self.broadcasters.push((priority, Address::new(url)?));
        Ok(self)
    }

    /// Where the broadcaster reaches this client: the URL whose path the router is mounted at. A
    /// fragment tells apart clients behind one URL. Without a host it only publishes.
    ///
    /// # Errors
    /// Where it is no URL.
    pub fn host(mut self, url: &str) -> Result<Self, AddressError> {
        self.host = Some(Address::new(url)?);
        Ok(self)
    }

    /// How often all broadcasters are tried. Default: 2. Between two rounds it waits 1 s, 2 s, 4 s and
    /// so on, and at random up to a second more.
    pub fn rounds(mut self, rounds: u32) -> Self {
        self.retries.rounds = rounds.max(1);
        self
    }

    /// Whether to try again where something was sent and not answered, and may be done twice then.
    /// Default: `false`.
    pub fn retry_ambiguous(mut self, retry: bool) -> Self {
        self.retries.ambiguous = retry;
        self
    }

    /// How long a broadcaster may take to answer. Default: 60 s, twice as long as it gives its
    /// subscribers by default.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.retries.timeout = timeout;
        self
    }

    /// How often it looks whether the broadcaster means the same subscriptions. Default: 300 s.
    pub fn reconcile_every(mut self, every: Duration) -> Self {
        self.reconcile_every = every;
        self
    }

    /// Most bytes of a message, either way. Default: 64 MiB.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// Most messages that wait in a subscription; the broadcaster waits with what comes then.
    /// Default: 64.
    pub fn queue(mut self, messages: usize) -> Self {
        self.queue = messages.max(1);
        self
    }

    /// Builds the client, which looks after its subscriptions until the last clone is gone.
    ///
    /// # Errors
    /// Where there is no broadcaster, or the secrets or certificates cannot be used.
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn build(self) -> Result<Client, BuildError> {
        if self.broadcasters.is_empty() {
            return Err(BuildError::NoBroadcaster);
        }
        if self.auth.to_subscriber.kind() == Kind::StandardWebhooks {
            return Err(BuildError::Webhook);
        }
        let to_broadcaster = Arc::new(Verifier::new(
            self.auth.to_broadcaster,
            ReplayStore::default(),
        ));
        let sender = Sender::new(self.broadcasters, self.retries, Arc::clone(&to_broadcaster))
            .map_err(BuildError::Certificates)?;
        let client = Client(Arc::new(Shared {
            to_broadcaster,
            to_subscriber: Verifier::new(self.auth.to_subscriber, ReplayStore::default()),
            sender,
            here: self.host.as_ref().map(Here::new),
            registry: Registry::new(self.queue),
            talking: Mutex::new(()),
            max_message: self.max_message,
        }));
        if client.0.here.is_some() {
            reconcile::spawn(&client, self.reconcile_every);
        }
        Ok(client)
    }
}
