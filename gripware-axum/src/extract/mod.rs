//! Extractors: what a handler asks of a request.

mod context;
mod rejection;
mod websocket;

pub use context::GripContext;
pub use rejection::{LayerMissing, WebSocketRejection};
pub use websocket::WebSocketContext;
