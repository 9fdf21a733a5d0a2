use std::{error::Error, fmt, sync::Arc};

use gripware_core::{Item, proxy::decode_items};

use super::{Announcement, Presence, presence::log};
use crate::Task;

type Announce =
    dyn Fn(String, Item) -> Task<'static, Result<(), Box<dyn Error + Send + Sync>>> + Send + Sync;

/// Publishes what has changed.
#[derive(Clone)]
pub(super) struct Announcer(Arc<Announce>);

impl fmt::Debug for Announcer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Announcer")
    }
}

impl Presence {
    /// Publishes joins, leaves and counts by `announce`, which gets the channel and the item. What
    /// fails is logged and not tried again: a client that follows the channel finds the gap by the
    /// next item's previous id, or at its next link.
    ///
    /// Not called for what the backend itself hands to all nodes.
    #[must_use]
    pub fn announcing<F, T>(mut self, announce: F) -> Self
    where
        F: Fn(String, Item) -> T + Send + Sync + 'static,
        T: Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'static,
    {
        self.announcer = Some(Announcer(Arc::new(move |channel, item| {
            Box::pin(announce(channel, item))
        })));
        self
    }

    /// Publishes joins, leaves and counts by a publisher: [`announcing`](Self::announcing) with a
    /// clone of it. Needs the feature `publish`, which `gripware-axum` and `gripware-actix` have on
    /// with their `state`.
    ///
    /// ```
    /// use gripware_axum::Publisher;
    /// use gripware_state::{Presence, State};
    ///
    /// fn presence(state: &State, publisher: &Publisher) -> Presence {
    ///     state.presence().publishing(publisher)
    /// }
    /// # presence(&State::memory(), &Publisher::none());
    /// ```
    #[cfg(feature = "publish")]
    #[must_use]
    pub fn publishing(self, publisher: &gripware_publish::Publisher) -> Self {
        let publisher = publisher.clone();
        self.announcing(move |channel, item| {
            let publisher = publisher.clone();
            async move { Ok(publisher.publish(channel, item).await?) }
        })
    }

    /// Publishes what has changed.
    pub(super) async fn announce(&self, announcements: &[Announcement]) {
        let Some(Announcer(announce)) = &self.announcer else {
            return;
        };
        for announcement in announcements
            .iter()
            .filter(|announcement| !announcement.is_relayed)
        {
            let Some(item) = item(&announcement.json) else {
                continue;
            };
            if let Err(error) = announce(announcement.channel.clone(), item).await {
                log(&*error);
            }
        }
    }
}

/// The item of an announcement's JSON.
fn item(json: &[u8]) -> Option<Item> {
    let body = [b"{\"items\":[", json, b"]}"].concat();
    Some(decode_items(&body).ok()?.pop()?.1)
}
