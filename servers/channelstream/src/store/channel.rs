//! Channels.

use std::time::Duration;

use gripware_state::StateError;
use serde::{Deserialize, Serialize};

use super::Store;
use crate::{
    name,
    wire::{ChannelConfig, Moment, random_uuid},
};

/// How long a channel is remembered that nobody uses.
pub(crate) const CHANNEL_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long until the use of a channel is noted again, in seconds.
const RENEW: u64 = 24 * 60 * 60;

/// A channel, with its settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Channel {
    pub(crate) uuid: String,
    pub(crate) name: String,
    pub(crate) config: ChannelConfig,
    pub(crate) made: Moment,
    /// When it was last noted that somebody uses it.
    noted: Moment,
}

impl Channel {
    fn new(name: &str, config: ChannelConfig) -> Self {
        let now = Moment::now();
        Self {
            uuid: random_uuid(),
            name: name.to_owned(),
            config,
            made: now,
            noted: now,
        }
    }
}

impl Store {
    pub(crate) async fn channel(&self, name: &str) -> Result<Option<Channel>, StateError> {
        let record = self
            .records
            .get::<Channel>(&name::channel_key(name))
            .await?;
        Ok(record.map(|record| record.value))
    }

    /// Finds a channel, or makes one with these settings.
    pub(crate) async fn enter_channel(
        &self,
        name: &str,
        config: Option<&ChannelConfig>,
    ) -> Result<Channel, StateError> {
        let now = Moment::now();
        let known = self.channel(name).await?;
        if let Some(channel) = known.filter(|channel| now.seconds_since(channel.noted) < RENEW) {
            return Ok(channel);
        }
        self.put_channel(name, |channel| match channel {
            Some(mut channel) => {
                channel.noted = now;
                channel
            }
            None => Channel::new(name, config.cloned().unwrap_or_default()),
        })
        .await
    }

    /// Gives a channel these settings, and makes it where there is none.
    pub(crate) async fn configure_channel(
        &self,
        name: &str,
        config: &ChannelConfig,
    ) -> Result<Channel, StateError> {
        self.put_channel(name, |channel| match channel {
            Some(mut channel) => {
                channel.config.clone_from(config);
                channel.noted = Moment::now();
                channel
            }
            None => Channel::new(name, config.clone()),
        })
        .await
    }

    async fn put_channel(
        &self,
        name: &str,
        mut put: impl FnMut(Option<Channel>) -> Channel,
    ) -> Result<Channel, StateError> {
        let key = name::channel_key(name);
        let channel = self
            .change(&key, CHANNEL_TTL, |channel| {
                let channel = put(channel);
                (Some(channel.clone()), channel)
            })
            .await?;
        self.list_channel(name).await?;
        Ok(channel)
    }
}
