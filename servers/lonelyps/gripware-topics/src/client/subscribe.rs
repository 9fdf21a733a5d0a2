//! What this end is subscribed to is what the broadcaster is told, over either wire.

use super::{Client, ClientError, Link};
use crate::Pattern;

impl Client {
    /// Adds a pattern to a subscription, and tells the broadcaster where it is the first.
    pub(super) async fn add(&self, id: u64, pattern: Pattern) -> Result<(), ClientError> {
        let _talking = self.0.talking.lock().await;
        // Before the broadcaster knows: what it sends at once is wanted already.
        if !self.0.registry.add(id, &pattern) {
            return Ok(());
        }
        let said = match &self.0.link {
            Link::Http { sender, here } => match here {
                Some(here) => self.post_subscribe(sender, here, &pattern).await,
                None => Err(ClientError::NoHost),
            },
            Link::Socket(socket) => socket.subscribe(pattern.clone()).await,
        };
        if said.is_err() {
            self.0.registry.remove(id, &pattern);
        }
        said
    }

    /// Removes a pattern from a subscription, and tells the broadcaster where it was the last.
    pub(super) async fn remove(&self, id: u64, pattern: &Pattern) -> Result<(), ClientError> {
        let _talking = self.0.talking.lock().await;
        match self.0.registry.remove(id, pattern) {
            true => self.say_unsubscribe(pattern).await,
            false => Ok(()),
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
                Some(here) => self.post_unsubscribe(sender, here, pattern).await,
                None => Err(ClientError::NoHost),
            },
            Link::Socket(socket) => socket.unsubscribe(pattern.clone()).await,
        }
    }
}
