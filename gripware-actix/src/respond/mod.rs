//! Responders: what a handler returns.

mod hold;
mod publish;
mod websocket;

pub(crate) use hold::take_hold;
pub use hold::{Held, Hold, HoldExt};
pub use publish::PublishRejection;
