//! Extractors: what a handler asks of a request.

mod context;
mod future;
mod rejection;
mod websocket;

pub use context::GripContext;
pub use future::WebSocketFuture;
pub use rejection::{MiddlewareMissing, WebSocketRejection};
pub use websocket::WebSocketContext;
