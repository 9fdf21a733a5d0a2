//! Triggers from RabbitMQ, with the exchange and the queues of high-templar 3.1.0.

use std::{error::Error, fmt, sync::atomic::Ordering::Relaxed, time::Duration};

use futures_util::StreamExt as _;
use gripware_core::ErrorChain;
use lapin::{
    Channel, Connection, ConnectionProperties, Consumer, ExchangeKind,
    message::Delivery,
    options::{
        BasicAckOptions, BasicConsumeOptions, BasicQosOptions, ExchangeDeclareOptions,
        QueueBindOptions, QueueDeclareOptions,
    },
    types::{AMQPValue, FieldTable, ShortString},
    uri::{AMQPScheme, AMQPUri},
};
use thiserror::Error;
use tokio::time::timeout;

use crate::{Trigger, app::App};

/// How long to wait before a broker that was lost is tried again.
const PAUSE: Duration = Duration::from_secs(3);

/// How many triggers are fetched ahead of those that are dealt with. The broker keeps the others.
const PREFETCH: u16 = 256;

/// The routing key of triggers, which is meant literally.
const ROUTING_KEY: &str = "*";

/// How long a broker may take until it delivers.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long the shared queue stays when nobody listens, and how many triggers it keeps.
const SHARED_QUEUE_EXPIRES: Duration = Duration::from_secs(60);
const SHARED_QUEUE_LENGTH: i32 = 10_000;

/// A broker that triggers are read from.
#[derive(Clone)]
pub struct Broker {
    uri: AMQPUri,
    exchange: ShortString,
    is_shared: bool,
}

/// There can be no such [`Broker`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BrokerError {
    /// The address is not `amqp://user:password@host:port/vhost`.
    #[error("the broker's address is no amqp://user:password@host:port/vhost")]
    Url,
    /// The address is that of a broker over TLS.
    #[error("brokers over TLS (amqps://) are not supported")]
    Tls,
    /// The name of an exchange has more than 255 bytes.
    #[error("the name of an exchange has at most 255 bytes")]
    Exchange,
}

impl Broker {
    /// A broker at `amqp://user:password@host:port/vhost`. Triggers are read from the exchange
    /// `hightemplar`, by a queue of this process, so each process publishes each trigger to the
    /// clients of its own hub.
    ///
    /// # Errors
    /// [`BrokerError`] if that is no address of a broker.
    pub fn new(url: &str) -> Result<Self, BrokerError> {
        let uri: AMQPUri = url.parse().map_err(|_| BrokerError::Url)?;
        if uri.scheme == AMQPScheme::AMQPS {
            return Err(BrokerError::Tls);
        }
        Ok(Self {
            uri,
            exchange: ShortString::from("hightemplar"),
            is_shared: false,
        })
    }

    /// Another exchange. It is declared as direct and not durable.
    ///
    /// # Errors
    /// [`BrokerError::Exchange`] if the name is too long.
    pub fn exchange(mut self, exchange: &str) -> Result<Self, BrokerError> {
        self.exchange = ShortString::try_new(exchange).map_err(|_| BrokerError::Exchange)?;
        Ok(self)
    }

    /// Reads from one queue together with other processes, so that one of them publishes each
    /// trigger: for those whose clients are held by the same proxy, or by hubs that a relay joins.
    /// The queue is called as the exchange.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.is_shared = true;
        self
    }

    /// Reads triggers for ever. A broker that is not there, or lost, is tried again every 3 s;
    /// clients stay meanwhile. What is published to a queue of a process while it is away is lost.
    pub(crate) async fn run(self, app: App) {
        loop {
            let error = match self.consume(&app).await {
                Ok(()) => "the broker has ended the consumer".to_owned(),
                Err(error) => ErrorChain(&error).to_string(),
            };
            app.counts().broker_losses.fetch_add(1, Relaxed);
            tracing::error!(error, "no triggers are read, as the broker is lost");
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn consume(&self, app: &App) -> Result<(), ConsumeError> {
        // The consumer ends when the connection is dropped.
        let (_connection, mut consumer) = timeout(CONNECT_TIMEOUT, self.connect()).await??;
        tracing::info!(
            exchange = self.exchange.as_str(),
            "triggers are read from the broker"
        );
        while let Some(delivery) = consumer.next().await {
            let delivery = delivery?;
            receive(app, &delivery).await;
            delivery.ack(BasicAckOptions::default()).await?;
        }
        Ok(())
    }

    async fn connect(&self) -> Result<(Connection, Consumer), lapin::Error> {
        let properties = ConnectionProperties::default();
        let connection = Connection::connect_uri(self.uri.clone(), properties).await?;
        let channel = connection.create_channel().await?;
        let consumer = self.subscribe(&channel).await?;
        Ok((connection, consumer))
    }

    async fn subscribe(&self, channel: &Channel) -> Result<Consumer, lapin::Error> {
        let exchange = self.exchange.clone();
        channel
            .exchange_declare(
                exchange.clone(),
                ExchangeKind::Direct,
                ExchangeDeclareOptions::default(),
                FieldTable::default(),
            )
            .await?;
        let (name, options, arguments) = self.queue();
        channel
            .queue_declare(name.clone(), options, arguments)
            .await?;
        let bind = QueueBindOptions::default();
        let key = ShortString::from(ROUTING_KEY);
        channel
            .queue_bind(name.clone(), exchange, key, bind, FieldTable::default())
            .await?;
        channel
            .basic_qos(PREFETCH, BasicQosOptions::default())
            .await?;
        let options = BasicConsumeOptions::default();
        channel
            .basic_consume(name, ShortString::default(), options, FieldTable::default())
            .await
    }

    /// RabbitMQ 4 refuses queues that are neither durable nor exclusive.
    fn queue(&self) -> (ShortString, QueueDeclareOptions, FieldTable) {
        let mut options = QueueDeclareOptions::default();
        let mut arguments = FieldTable::default();
        if self.is_shared {
            options.durable = true;
            let expires = i32::try_from(SHARED_QUEUE_EXPIRES.as_millis()).unwrap_or(i32::MAX);
            arguments.insert("x-expires".into(), AMQPValue::LongInt(expires));
            arguments.insert(
                "x-max-length".into(),
                AMQPValue::LongInt(SHARED_QUEUE_LENGTH),
            );
            return (self.exchange.clone(), options, arguments);
        }
        options.exclusive = true;
        let name = format!("hightemplar_{}", unique());
        (name.as_str().into(), options, arguments)
    }
}

impl fmt::Debug for Broker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broker")
            .field("url", &"[redacted]")
            .field("exchange", &self.exchange.as_str())
            .field("is_shared", &self.is_shared)
            .finish()
    }
}

/// Why the broker delivers no more.
#[derive(Debug, Error)]
enum ConsumeError {
    #[error(transparent)]
    Amqp(#[from] lapin::Error),
    #[error("the broker does not answer")]
    Late(#[from] tokio::time::error::Elapsed),
}

/// Publishes what the broker has delivered. A message that is no trigger is dropped, as the queue has
/// nobody to tell.
async fn receive(app: &App, delivery: &Delivery) {
    match Trigger::parse(&delivery.data) {
        // What goes wrong is counted and in the log.
        Ok(trigger) => drop(app.trigger(&trigger).await),
        Err(error) => {
            app.counts().triggers_received.fetch_add(1, Relaxed);
            app.counts().triggers_lost.fetch_add(1, Relaxed);
            tracing::warn!(
                error = &error as &dyn Error,
                "a message of the broker is no trigger"
            );
        }
    }
}

fn unique() -> String {
    let mut bytes = [0; 16];
    match getrandom::fill(&mut bytes) {
        Ok(()) => bytes.iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(_) => std::process::id().to_string(),
    }
}
