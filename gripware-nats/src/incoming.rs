use std::{fmt, sync::Arc};

use futures_util::StreamExt;
use gripware_relay::{Backoff, BrokerError, BrokerErrorKind, Event, Incoming, NodeId, Task};
use tokio::time::sleep;

use crate::{
    broker::Shared,
    connection::{Connection, denial},
};

/// What comes for one node, over one connection after the other.
pub(crate) struct NatsIncoming {
    shared: Arc<Shared>,
    own: String,
    connection: Option<Connection>,
    /// Whether there is a pause before the next connection.
    has_failed: bool,
    backoff: Backoff,
}

impl NatsIncoming {
    pub(crate) fn new(shared: Arc<Shared>, own: &NodeId) -> Self {
        Self {
            own: shared.node(own),
            shared,
            connection: None,
            has_failed: false,
            backoff: Backoff::new(),
        }
    }

    async fn event(&mut self) -> Event {
        loop {
            let Some(connection) = &mut self.connection else {
                if self.has_failed {
                    sleep(self.backoff.next_pause()).await;
                }
                match self.connect().await {
                    Ok(()) => return Event::Connected { resumed: false },
                    Err(error) => return self.disconnected(error),
                }
            };
            let message = tokio::select! {
                event = connection.events.recv() => match self.heard(event) {
                    Some(event) => return event,
                    None => continue,
                },
                message = connection.items.next() => message,
                message = connection.node.next() => message,
            };
            let Some(message) = message else {
                let ended = self.shared.error(BrokerErrorKind::Unreachable, "it closed");
                return self.disconnected(ended);
            };
            self.backoff.reset();
            return Event::Message(message.payload);
        }
    }

    async fn connect(&mut self) -> Result<(), BrokerError> {
        let subjects = [self.shared.items.clone(), self.own.clone()];
        let servers = &self.shared.servers;
        let connection = Connection::open(servers, &self.shared.name, subjects).await?;
        self.shared.set_client(Some(connection.client.clone()));
        self.connection = Some(connection);
        Ok(())
    }

    fn disconnected(&mut self, error: BrokerError) -> Event {
        self.shared.set_client(None);
        self.connection = None;
        self.has_failed = true;
        Event::Disconnected(error)
    }

    /// What an event of the client means here, if anything.
    fn heard(&mut self, event: Option<async_nats::Event>) -> Option<Event> {
        let unreachable = |message: &str| self.shared.error(BrokerErrorKind::Unreachable, message);
        match event {
            None | Some(async_nats::Event::Closed | async_nats::Event::Disconnected) => {
                let error = unreachable("the connection broke");
                Some(self.disconnected(error))
            }
            Some(async_nats::Event::SlowConsumer(_)) => Some(Event::Missed),
            Some(async_nats::Event::ServerError(error)) => {
                match denial(&self.shared.name, &error) {
                    Some(denial) => Some(self.disconnected(denial)),
                    None => {
                        tracing::warn!(%error, "NATS has a complaint");
                        None
                    }
                }
            }
            Some(_) => None,
        }
    }
}

impl Incoming for NatsIncoming {
    fn next(&mut self) -> Task<'_, Event> {
        Box::pin(self.event())
    }
}

impl Drop for NatsIncoming {
    fn drop(&mut self) {
        if self.connection.is_some() {
            self.shared.set_client(None);
        }
    }
}

impl fmt::Debug for NatsIncoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsIncoming")
            .field("broker", &self.shared.name)
            .field("is_connected", &self.connection.is_some())
            .finish_non_exhaustive()
    }
}
