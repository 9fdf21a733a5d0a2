//! What a [`Templar`](crate::Templar) cannot be built of.

use thiserror::Error;

/// There can be no such [`Templar`](crate::Templar).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A connection may have more subscriptions than the proxy has channels and meta for, by the limits
    /// of the [`Grip`](gripware_axum::Grip): it would drop them, and the client be told of success.
    #[error(
        "{max} subscriptions need {max} items of meta, and as many channels and {own_channels} more; \
         the proxy allows {meta} and {channels}: raise its limits (the hub's max_channels and max_meta, or for another proxy \
         what it is set to and GripBuilder::limits_with), or lower max_subscriptions"
    )]
    TooManySubscriptions {
        /// [`max_subscriptions`](crate::TemplarBuilder::max_subscriptions).
        max: usize,
        /// How many channels a connection has besides: of its session, and of its
        /// [user](crate::TemplarBuilder::user_id_path).
        own_channels: usize,
        /// The limit of channels.
        channels: usize,
        /// The limit of meta.
        meta: usize,
    },
}
