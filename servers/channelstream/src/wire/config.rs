//! The settings of one channel.

use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::fields::{Fields, boolean, count};

/// What a channel does beside passing messages on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChannelConfig {
    pub(crate) notify_presence: bool,
    pub(crate) store_history: bool,
    pub(crate) history_size: u32,
    pub(crate) broadcast_presence_with_user_lists: bool,
    pub(crate) notify_state: bool,
    pub(crate) store_frames: bool,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self {
            notify_presence: false,
            store_history: false,
            history_size: 10,
            broadcast_presence_with_user_lists: false,
            notify_state: false,
            store_frames: true,
        }
    }
}

impl ChannelConfig {
    /// Reads one. What is left out has its default.
    pub(crate) fn read(raw: &RawValue) -> Result<Self, Value> {
        let default = Self::default();
        let mut fields = Fields::of(raw.get()).map_err(|invalid| invalid.0)?;
        let mut switch = |name, default| fields.optional(name, boolean).unwrap_or(default);
        let config = Self {
            notify_presence: switch("notify_presence", default.notify_presence),
            store_history: switch("store_history", default.store_history),
            broadcast_presence_with_user_lists: switch(
                "broadcast_presence_with_user_lists",
                default.broadcast_presence_with_user_lists,
            ),
            notify_state: switch("notify_state", default.notify_state),
            store_frames: switch("store_frames", default.store_frames),
            history_size: fields
                .optional("history_size", count)
                .unwrap_or(default.history_size),
        };
        fields.finish().map_err(|invalid| invalid.0)?;
        Ok(config)
    }
}
