//! What the application tells the proxy about one WebSocket (GRIP 2.5).
//!
//! ```
//! use gripware_core::{
//!     Channel, Filter, Limits,
//!     ws::{ControlError, ControlMessage},
//! };
//!
//! let channel = Channel::new("w1")?.with_filter(Filter::SkipSelf);
//! let message = ControlMessage::Subscribe { channel };
//! let content = message.encode(&Limits::default())?;
//! assert_eq!(content, r#"c:{"type":"subscribe","channel":"w1","filters":["skip-self"]}"#);
//! assert_eq!(ControlMessage::decode(content.as_bytes())?, message);
//!
//! assert!(matches!(
//!     ControlMessage::decode(br#"c:{"type":"next"}"#),
//!     Err(ControlError::UnknownType)
//! ));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod frame;
#[cfg(test)]
mod tests;
mod wire;

use std::time::Duration;

use thiserror::Error;

pub use self::frame::{Frame, FrameKind, MAX_PING_LEN, WsKeepAlive};
use self::wire::Wire;
use crate::{Channel, ChannelError, Limits, json::lenient};

/// Stands before the content of a text event that is a control message.
pub const CONTROL_PREFIX: &str = "c:";

/// An instruction about one WebSocket, from the application to the proxy. The client never sees
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlMessage {
    /// `subscribe`: items of the channel go to the client, through the channel's filters.
    ///
    /// With a previous id, `prev-id`, which is the last one that the application has read: where the
    /// channel has moved on meanwhile, the hub makes a turn without events at once, so that the
    /// application reads again and nothing is lost between reading and subscribing. Pushpin passes
    /// over it.
    Subscribe {
        /// The channel with its filters.
        channel: Channel,
    },
    /// `unsubscribe`: they no longer do.
    Unsubscribe {
        /// The channel, of which the name counts.
        channel: Channel,
    },
    /// `detach`: what the client sends is thrown away from now on; items still reach it.
    Detach,
    /// `session`: ties the connection to a session, or unties it.
    Session {
        /// The session's id; none unties.
        id: Option<String>,
    },
    /// `set-meta`: sets an item of the meta that filters look at, or removes it.
    SetMeta {
        /// The item's name, not empty.
        name: String,
        /// Its value; none removes the item.
        value: Option<String>,
    },
    /// `keep-alive`: sends something to the client again and again, or stops that.
    KeepAlive {
        /// What, and when; none stops.
        keep_alive: Option<WsKeepAlive>,
    },
    /// `send-delayed`: sends something to the client later. There is one place for it: a second
    /// one sends the first at once.
    SendDelayed {
        /// What.
        frame: Frame,
        /// After how long, in whole seconds from one on; none is the proxy's default of 1 s.
        timeout: Option<Duration>,
    },
    /// `flush-delayed`: sends at once what waits to be sent later.
    FlushDelayed,
}

impl ControlMessage {
    /// Returns the content of the text event that carries this, with its `c:`.
    ///
    /// # Errors
    /// If a proxy would drop it or do something else: over [`Limits::control_message`] bytes,
    /// a channel with more than [`Limits::filters`], an empty name of an item of meta, a time that
    /// is not whole seconds, or a ping over [`MAX_PING_LEN`].
    pub fn encode(&self, limits: &Limits) -> Result<String, ControlError> {
        let json = serde_json::to_string(&Wire::try_from(self)?)?;
        let length = CONTROL_PREFIX.len() + json.len();
        if let Self::Subscribe { channel } = self
            && channel.filters().len() > limits.filters
        {
            return Err(ControlError::TooManyFilters {
                count: channel.filters().len(),
                limit: limits.filters,
            });
        }
        if length > limits.control_message {
            return Err(ControlError::TooLarge {
                length,
                limit: limits.control_message,
            });
        }
        Ok(format!("{CONTROL_PREFIX}{json}"))
    }

    /// Reads the content of a text event that starts with `c:`.
    ///
    /// Members that a type does not have are passed over, as proxies do. How large a message or
    /// how long a list of filters may be is up to whoever reads it.
    ///
    /// # Errors
    /// If the content has no `c:`, is no JSON object, has a type that does not exist, or a
    /// member that is missing or wrong.
    pub fn decode(content: &[u8]) -> Result<Self, ControlError> {
        let json = content
            .strip_prefix(CONTROL_PREFIX.as_bytes())
            .ok_or(ControlError::NoPrefix)?;
        serde_json::from_slice::<Wire<'_>>(&lenient(json))?.try_into()
    }
}

/// Why something is no control message, or not one that a proxy obeys.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ControlError {
    /// It does not start with [`CONTROL_PREFIX`].
    #[error("a control message starts with {CONTROL_PREFIX}")]
    NoPrefix,
    /// It is not JSON, or a member has the wrong type.
    #[error("a control message is not the expected JSON")]
    Json(#[from] serde_json::Error),
    /// There is no such type.
    #[error("a control message of an unknown type")]
    UnknownType,
    /// A member is missing, or has a value that it cannot have.
    #[error("the member `{name}` of a control message is missing or invalid")]
    InvalidMember {
        /// The member's name.
        name: &'static str,
    },
    /// The name of a channel or filter is none.
    #[error("a control message with an invalid channel or filter")]
    Channel(#[from] ChannelError),
    /// A subscription has more filters than [`Limits::filters`].
    #[error("{count} filters are over the limit of {limit}")]
    TooManyFilters {
        /// How many.
        count: usize,
        /// The limit.
        limit: usize,
    },
    /// A ping or pong has more than [`MAX_PING_LEN`] bytes.
    #[error("a ping or pong of {length} bytes is over the limit of {limit}")]
    PingTooLarge {
        /// Its length in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// It is over [`Limits::control_message`].
    #[error("a control message of {length} bytes is over the limit of {limit}")]
    TooLarge {
        /// Its length in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
}
