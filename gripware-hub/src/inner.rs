use std::sync::Arc;

use gripware_core::{Channel, Item};

use crate::{
    connection_id::Id,
    held::Held,
    looking::{ChannelInfo, ConnectionInfo, Subscribers},
    metrics::Metrics,
    settings::Settings,
    signature::Signature,
};

/// What all handles to a hub share.
#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) settings: Settings,
    pub(crate) signature: Arc<Signature>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Inner {
    /// Holds a client from now on.
    pub(crate) fn hold(&self, held: Held) {
        drop(held);
    }

    /// Takes a valid item, as soon as there is room for it, and says how many subscribers it is
    /// for.
    pub(crate) async fn publish(&self, channel: &Channel, item: &Item) -> Subscribers {
        let _ = (channel, item);
        Subscribers::default()
    }

    /// Hands an item to one connection, whatever it is subscribed to.
    pub(crate) async fn publish_to(&self, id: Id, item: &Item) -> bool {
        let _ = (id, item);
        false
    }

    pub(crate) fn channels(&self) -> Vec<ChannelInfo> {
        Vec::new()
    }

    pub(crate) async fn connections(&self) -> Vec<ConnectionInfo> {
        Vec::new()
    }

    /// Ends a connection in the way its kind allows. Whether there was one.
    pub(crate) async fn close(&self, id: Id) -> bool {
        let _ = id;
        false
    }

    /// Makes every stream with a next link, and every response hold, ask the origin what it missed.
    pub(crate) async fn recover(&self) {}

    /// Ends every hold in the way its kind allows, after what was accepted is delivered, within
    /// `Settings::drain`.
    pub(crate) async fn drain(&self) {}
}
