//! Responders: what a handler returns.

mod hold;
mod publish;
mod websocket;

pub use hold::{Held, Hold, HoldExt};
pub use publish::PublishRejection;
pub(crate) use websocket::reply;
