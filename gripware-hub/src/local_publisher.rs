//! The application's own publisher in the same process: items go to the hub without HTTP.

use std::{pin::Pin, sync::Arc};

use gripware_core::{Channel, item::ItemParts};
use gripware_publish::{Sink, SinkError};

use crate::node::Node;

/// The sink of the application's publisher.
#[derive(Debug)]
pub(crate) struct LocalPublisher {
    node: Arc<Node>,
}

impl LocalPublisher {
    pub(crate) fn new(node: Arc<Node>) -> Self {
        Self { node }
    }
}

impl Sink for LocalPublisher {
    fn name(&self) -> &str {
        "the hub"
    }

    fn room(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> {
        let waiting = self.node.wait_for_backlog()?;
        Some(Box::pin(waiting))
    }

    fn accept(&self, channel: &Channel, item: &ItemParts) -> Result<(), SinkError> {
        match self.node.try_publish(channel, item) {
            Some(_) => Ok(()),
            None => Err(SinkError::new("too many items wait to be delivered")),
        }
    }
}
