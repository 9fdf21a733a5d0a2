//! A broker in this process, for several nodes in it: tests, and applications with several hubs.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use crate::{
    Broker, BrokerError, BrokerErrorKind, Event, Incoming, Lane, NodeId, Sent, broker::Task,
};

/// The most messages that wait for the slowest node. One that is slower loses the oldest, and is
/// told.
pub const MEMORY_MESSAGES: usize = 4096;

/// The largest message, in bytes: what the brokers of real clusters take by default.
const MAX_MESSAGE: usize = 1024 * 1024;

const NAME: &str = "memory";

/// Carries messages between the relays of this process that have a clone of it.
///
/// ```
/// use std::sync::Arc;
///
/// use gripware_core::{Channel, Item, WsMessage};
/// use gripware_relay::{Delivery, MemoryBroker, Relay, RelaySettings};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let broker = MemoryBroker::new();
/// let (_, mut others) = Relay::new(Arc::new(broker.clone()), RelaySettings::new());
/// let (relay, mut own) = Relay::new(Arc::new(broker), RelaySettings::new());
/// tokio::spawn(async move { while own.next().await.is_some() {} });
///
/// let publishing = async {
///     relay.heard().await;
///     let item = Item::from(WsMessage::text("hi"));
///     relay.publish(&Channel::new("room")?, &item).await?;
///     Ok::<(), Box<dyn std::error::Error>>(())
/// };
/// let (published, delivery) = tokio::join!(publishing, others.next());
/// published?;
/// let Some(Delivery::Item(item)) = delivery else {
///     return Err("no item".into());
/// };
/// assert_eq!(item.channel(), "room");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct MemoryBroker {
    bus: Arc<Bus>,
}

#[derive(Debug)]
struct Bus {
    messages: broadcast::Sender<(Lane, Bytes)>,
    is_reachable: watch::Sender<bool>,
}

impl MemoryBroker {
    /// Returns a broker that nobody uses yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bus: Arc::new(Bus {
                messages: broadcast::Sender::new(MEMORY_MESSAGES),
                is_reachable: watch::Sender::new(true),
            }),
        }
    }

    /// Takes it out of reach of everybody, or brings it back, for tests of what an application does
    /// then. What was under way is lost.
    pub fn set_reachable(&self, is_reachable: bool) {
        self.bus.is_reachable.send_replace(is_reachable);
    }
}

impl Default for MemoryBroker {
    fn default() -> Self {
        Self::new()
    }
}

impl Broker for MemoryBroker {
    fn name(&self) -> &str {
        NAME
    }

    fn max_message(&self) -> usize {
        MAX_MESSAGE
    }

    fn send(&self, messages: Vec<(Lane, Bytes)>) -> Task<'_, Result<Sent, BrokerError>> {
        let sent = if *self.bus.is_reachable.borrow() {
            for message in messages {
                // It fails where nobody receives.
                let _ = self.bus.messages.send(message);
            }
            Ok(Sent::Accepted)
        } else {
            Err(unreachable())
        };
        Box::pin(std::future::ready(sent))
    }

    fn receive(&self, own: &NodeId) -> Task<'_, Result<Box<dyn Incoming>, BrokerError>> {
        let incoming = MemoryIncoming {
            bus: Arc::clone(&self.bus),
            is_reachable: self.bus.is_reachable.subscribe(),
            messages: None,
            is_told: false,
            own: own.clone(),
        };
        Box::pin(std::future::ready(Ok(Box::new(incoming) as _)))
    }
}

#[derive(Debug)]
struct MemoryIncoming {
    bus: Arc<Bus>,
    is_reachable: watch::Receiver<bool>,
    /// None while the broker is out of reach.
    messages: Option<broadcast::Receiver<(Lane, Bytes)>>,
    /// Whether it was told that the broker is out of reach.
    is_told: bool,
    own: NodeId,
}

impl Incoming for MemoryIncoming {
    fn next(&mut self) -> Task<'_, Event> {
        Box::pin(self.event())
    }
}

impl MemoryIncoming {
    async fn event(&mut self) -> Event {
        loop {
            let is_reachable = *self.is_reachable.borrow_and_update();
            if !is_reachable {
                self.messages = None;
                if !std::mem::replace(&mut self.is_told, true) {
                    return Event::Disconnected(unreachable());
                }
                // The sender lives as long as the bus, which this has.
                let _ = self.is_reachable.changed().await;
                continue;
            }
            let Some(messages) = &mut self.messages else {
                self.messages = Some(self.bus.messages.subscribe());
                self.is_told = false;
                return Event::Connected { resumed: false };
            };
            tokio::select! {
                biased;
                _ = self.is_reachable.changed() => {}
                message = messages.recv() => match message {
                    Ok((Lane::Items, message)) => return Event::Message(message),
                    Ok((Lane::Node(node), message)) if node == self.own => {
                        return Event::Message(message);
                    }
                    Ok(_) | Err(RecvError::Closed) => {}
                    Err(RecvError::Lagged(_)) => return Event::Missed,
                },
            }
        }
    }
}

fn unreachable() -> BrokerError {
    BrokerError::new(BrokerErrorKind::Unreachable, NAME, "")
}
