use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use async_nats::{Client, PublishErrorKind, connection::State};
use bytes::Bytes;
use gripware_relay::{
    Broker, BrokerError, BrokerErrorKind, ClusterName, Incoming, Lane, NodeId, RelayUrl, Sent, Task,
};

use crate::{incoming::NatsIncoming, servers::Servers};

/// The largest message while there is no connection, in bytes: the server's default.
const MAX_MESSAGE: usize = 1024 * 1024;

/// Carries messages over subjects of NATS.
pub(crate) struct NatsBroker {
    shared: Arc<Shared>,
}

/// What the sending and the receiving side have in common: they use one connection, so that what
/// comes back was sent over it.
pub(crate) struct Shared {
    pub(crate) servers: Servers,
    pub(crate) name: String,
    pub(crate) items: String,
    node_prefix: String,
    /// None while there is no connection.
    client: Mutex<Option<Client>>,
}

impl Shared {
    pub(crate) fn node(&self, node: &NodeId) -> String {
        format!("{}{node}", self.node_prefix)
    }

    pub(crate) fn set_client(&self, client: Option<Client>) {
        *self.client.lock().unwrap_or_else(PoisonError::into_inner) = client;
    }

    /// The client, while it is connected.
    fn client(&self) -> Option<Client> {
        let client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        let client = client.as_ref();
        client
            .filter(|client| client.connection_state() == State::Connected)
            .cloned()
    }

    pub(crate) fn error(&self, kind: BrokerErrorKind, message: impl fmt::Display) -> BrokerError {
        BrokerError::new(kind, &self.name, message)
    }

    async fn publish(&self, messages: Vec<(Lane, Bytes)>) -> Result<Sent, BrokerError> {
        // A client that is not connected would keep the messages, and send them at a time when
        // they have been sent again.
        let Some(client) = self.client() else {
            return Err(self.error(BrokerErrorKind::Unreachable, ""));
        };
        for (lane, message) in messages {
            let subject = match lane {
                Lane::Node(node) => self.node(&node),
                _ => self.items.clone(),
            };
            client.publish(subject, message).await.map_err(|error| {
                let kind = match error.kind() {
                    PublishErrorKind::MaxPayloadExceeded => BrokerErrorKind::TooLarge,
                    _ => BrokerErrorKind::Unreachable,
                };
                self.error(kind, error)
            })?;
        }
        let flushed = client.flush().await;
        flushed.map_err(|error| self.error(BrokerErrorKind::Unreachable, error))?;
        Ok(Sent::Unconfirmed)
    }
}

impl NatsBroker {
    pub(crate) fn open(url: &RelayUrl, cluster: &ClusterName) -> Result<Self, BrokerError> {
        Ok(Self {
            shared: Arc::new(Shared {
                servers: Servers::read(url)?,
                name: url.to_string(),
                items: format!("gw.{cluster}.items"),
                node_prefix: format!("gw.{cluster}.node."),
                client: Mutex::new(None),
            }),
        })
    }
}

impl Broker for NatsBroker {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn max_message(&self) -> usize {
        self.shared
            .client()
            .map_or(MAX_MESSAGE, |client| client.max_payload())
    }

    fn send(&self, messages: Vec<(Lane, Bytes)>) -> Task<'_, Result<Sent, BrokerError>> {
        Box::pin(self.shared.publish(messages))
    }

    fn receive(&self, own: &NodeId) -> Task<'_, Result<Box<dyn Incoming>, BrokerError>> {
        let incoming = NatsIncoming::new(Arc::clone(&self.shared), own);
        Box::pin(std::future::ready(Ok(Box::new(incoming) as _)))
    }
}

impl fmt::Debug for NatsBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsBroker")
            .field("name", &self.shared.name)
            .field("items", &self.shared.items)
            .finish_non_exhaustive()
    }
}
