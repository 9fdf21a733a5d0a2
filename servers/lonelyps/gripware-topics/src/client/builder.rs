use std::{sync::Arc, time::Duration};

use tokio::sync::Mutex;

use super::{
    BuildError, Client, Here, Link, Shared,
    broadcasters::Broadcasters,
    connect::{CONNECT, Connector},
    reconcile,
    registry::Registry,
    send::{Retries, Sender},
    socket::{Dial, Keys, Limits, OPENING, Socket},
};
use crate::{
    Address, AddressError, Auth,
    auth::{Credential, Kind, ReplayStore, Verifier},
    tls::Tls,
    ws::MAX_PAYLOAD,
};

/// Builds a [`Client`].
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    auth: Auth,
    broadcasters: Broadcasters,
    host: Option<Address>,
    is_websocket: bool,
    compression: bool,
    tls: Tls,
    retries: Retries,
    reconcile_every: Duration,
    max_message: usize,
    max_payload: usize,
    queue: usize,
}

impl ClientBuilder {
    pub(super) fn new(auth: Auth) -> Self {
        Self {
            auth,
            broadcasters: Broadcasters::default(),
            host: None,
            is_websocket: false,
            compression: true,
            tls: Tls::default(),
            retries: Retries::default(),
            reconcile_every: Duration::from_secs(300),
            max_message: 64 * 1024 * 1024,
            max_payload: MAX_PAYLOAD,
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
        self.broadcasters.push(priority, Address::new(url)?);
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

    /// Keeps a WebSocket to a broadcaster, and sends and receives everything over it: for who has much
    /// to say, or cannot be reached. There is no [`host`](Self::host) then.
    pub fn websocket(mut self) -> Self {
        self.is_websocket = true;
        self
    }

    /// Whether messages over a WebSocket may be compressed with zstd, where the broadcaster says so too.
    /// Default: `true`.
    pub fn compression(mut self, allow: bool) -> Self {
        self.compression = allow;
        self
    }

    /// Whom it trusts, and by which certificate it is known, where broadcasters are reached over TLS.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = tls;
        self
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
    ///
    /// Of that, connecting to one takes at most 5 s and at most half; then the next one is tried. A
    /// WebSocket is open within 10 s, or within an equal share for each broadcaster where that is less.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.retries.timeout = timeout;
        self
    }

    /// How often it looks whether the broadcaster means the same subscriptions. Default: 300 s. It also
    /// looks two seconds after a message that nobody wants.
    pub fn reconcile_every(mut self, every: Duration) -> Self {
        self.reconcile_every = every;
        self
    }

    /// Most bytes of a message, either way and over either wire. Default: 64 MiB. A larger one is
    /// neither sent nor taken.
    pub fn max_message(mut self, bytes: usize) -> Self {
        self.max_message = bytes;
        self
    }

    /// Most bytes of a message that are sent at a time over a WebSocket; what is larger goes out in parts.
    /// Default, and at most: [`MAX_PAYLOAD`]. A proxy in front of the broadcaster may take less.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes.clamp(1, MAX_PAYLOAD);
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
    /// Where there is no broadcaster, the secrets or certificates cannot be used, or a host or a
    /// WebSocket is wanted with what it does not go with: each other, or secrets for
    /// [Standard Webhooks](super#webhook-receivers).
    ///
    /// # Panics
    /// Outside a Tokio runtime.
    pub fn build(self) -> Result<Client, BuildError> {
        if self.broadcasters.is_empty() {
            return Err(BuildError::NoBroadcaster);
        }
        if self.is_websocket && self.host.is_some() {
            return Err(BuildError::HostAndWebSocket);
        }
        let is_subscriber = self.is_websocket || self.host.is_some();
        let to_subscriber = match self.auth.to_subscriber.kind() {
            Kind::StandardWebhooks if is_subscriber => return Err(BuildError::Webhook),
            // The broadcaster signs what it POSTs to receivers, and no answer.
            Kind::StandardWebhooks => Credential::none(),
            _ => self.auth.to_subscriber,
        };
        let shared = |credential| Arc::new(Verifier::new(credential, ReplayStore::default()));
        let to_broadcaster = shared(self.auth.to_broadcaster);
        let to_subscriber = shared(to_subscriber);
        let registry = Arc::new(Registry::new(self.queue));
        let link = match self.is_websocket {
            true => {
                // As many broadcasters as there are can be tried before a command has waited too long.
                let share = u32::try_from(self.broadcasters.len()).unwrap_or(u32::MAX);
                let share = self.retries.timeout / share.saturating_add(1);
                let opening = OPENING.min(share);
                let dial = Dial {
                    broadcasters: self.broadcasters,
                    connector: Connector::new(self.tls, CONNECT.min(opening / 2))?,
                    opening,
                    retries: self.retries,
                    limits: Limits {
                        message: self.max_message,
                        payload: self.max_payload,
                    },
                    zstd: self.compression,
                };
                let keys = Keys {
                    to_broadcaster: Arc::clone(&to_broadcaster),
                    to_subscriber: Arc::clone(&to_subscriber),
                };
                Link::Socket(Socket::spawn(dial, keys, Arc::clone(&registry)))
            }
            false => Link::Http {
                sender: Box::new(Sender::new(
                    self.broadcasters,
                    self.retries,
                    Arc::clone(&to_broadcaster),
                    Connector::new(self.tls, CONNECT.min(self.retries.timeout / 2))?,
                )),
                here: self.host.as_ref().map(Here::new),
            },
        };
        let client = Client(Arc::new(Shared {
            to_broadcaster,
            to_subscriber,
            link,
            registry,
            unwanted: Arc::default(),
            talking: Arc::new(Mutex::new(())),
            max_message: self.max_message,
        }));
        if client.here().is_some() {
            reconcile::spawn(&client, self.reconcile_every);
        }
        Ok(client)
    }
}
