//! Responders: what a handler returns.

mod hold;
mod publish;
mod sse;
mod websocket;

pub use hold::{Held, Hold, HoldExt};
pub use publish::PublishRejection;
pub use sse::SseEvents;
pub(crate) use websocket::reply;
