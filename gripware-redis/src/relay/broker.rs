use std::{fmt, sync::Arc};

use bytes::Bytes;
use gripware_relay::{
    Broker, BrokerError, BrokerErrorKind, ClusterName, Incoming, Lane, NodeId, RelayUrl, Sent, Task,
};
use redis::{Client, Pipeline, RedisError, aio::MultiplexedConnection};
use tokio::sync::Mutex;

use super::{client, incoming::RedisIncoming};

/// The field of a stream's entry that has the message.
pub(crate) const FIELD: &str = "d";

/// The largest message, in bytes. Redis itself takes 512 MiB; each is read by every node.
const MAX_MESSAGE: usize = 1024 * 1024;

/// How many messages the stream keeps, about: at 1000 items/s the last 100 s.
const MAXLEN: usize = 100_000;

/// How many questions and answers wait for one node, about.
const NODE_MAXLEN: usize = 1000;

/// How long questions to a node are kept, in seconds. Who asked has given up long before.
const NODE_SECONDS: u32 = 60;

/// Carries messages over a stream of Redis.
pub(crate) struct RedisBroker {
    pub(crate) shared: Arc<Shared>,
    maxlen: usize,
    /// None while there is no connection to send over.
    writer: Mutex<Option<MultiplexedConnection>>,
}

/// What the sending and the receiving side have in common.
pub(crate) struct Shared {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) items: String,
    node_prefix: String,
}

impl Shared {
    pub(crate) fn node(&self, node: &NodeId) -> String {
        format!("{}{node}", self.node_prefix)
    }

    pub(crate) fn error(&self, error: &RedisError) -> BrokerError {
        client::broker_error(&self.name, error)
    }
}

impl RedisBroker {
    pub(crate) fn open(url: &RelayUrl, cluster: &ClusterName) -> Result<Self, BrokerError> {
        let name = url.to_string();
        let maxlen = match url.parameter("maxlen") {
            None => MAXLEN,
            Some(text) => text
                .parse()
                .ok()
                .filter(|count| (1000..=10_000_000).contains(count))
                .ok_or_else(|| {
                    let message = "maxlen is a number from 1000 to 10000000";
                    BrokerError::new(BrokerErrorKind::Settings, &name, message)
                })?,
        };
        Ok(Self {
            shared: Arc::new(Shared {
                client: client::open(url)?,
                name,
                items: format!("gw:{cluster}:items"),
                node_prefix: format!("gw:{cluster}:node:"),
            }),
            maxlen,
            writer: Mutex::new(None),
        })
    }

    /// One transaction, so that either all messages are accepted or none: a node would drop one
    /// that came after a later one.
    fn pipeline(&self, messages: &[(Lane, Bytes)]) -> Pipeline {
        let mut pipeline = redis::pipe();
        pipeline.atomic();
        for (lane, message) in messages {
            let (key, maxlen) = match lane {
                Lane::Node(node) => (self.shared.node(node), NODE_MAXLEN),
                _ => (self.shared.items.clone(), self.maxlen),
            };
            let add = pipeline.cmd("XADD").arg(&key).arg("MAXLEN").arg("~");
            add.arg(maxlen).arg("*").arg(FIELD).arg(&message[..]);
            add.ignore();
            if let Lane::Node(_) = lane {
                pipeline.cmd("EXPIRE").arg(key).arg(NODE_SECONDS).ignore();
            }
        }
        pipeline
    }

    async fn add(&self, messages: &[(Lane, Bytes)]) -> Result<Sent, RedisError> {
        let mut writer = self.writer.lock().await;
        // Taken out, so that one that failed, or whose answer nobody waited for, is not used again.
        let mut connection = match writer.take() {
            Some(connection) => connection,
            None => client::connect(&self.shared.client, std::time::Duration::ZERO).await?,
        };
        self.pipeline(messages)
            .query_async::<()>(&mut connection)
            .await?;
        *writer = Some(connection);
        Ok(Sent::Accepted)
    }
}

impl Broker for RedisBroker {
    fn name(&self) -> &str {
        &self.shared.name
    }

    fn max_message(&self) -> usize {
        MAX_MESSAGE
    }

    fn send(&self, messages: Vec<(Lane, Bytes)>) -> Task<'_, Result<Sent, BrokerError>> {
        Box::pin(async move {
            let sent = self.add(&messages).await;
            sent.map_err(|error| self.shared.error(&error))
        })
    }

    fn receive(&self, own: &NodeId) -> Task<'_, Result<Box<dyn Incoming>, BrokerError>> {
        let incoming = RedisIncoming::new(Arc::clone(&self.shared), own);
        Box::pin(std::future::ready(Ok(Box::new(incoming) as _)))
    }
}

impl fmt::Debug for RedisBroker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisBroker")
            .field("name", &self.shared.name)
            .field("items", &self.shared.items)
            .finish_non_exhaustive()
    }
}
