//! Extractors: what a handler asks of a request.

mod context;
mod last_event_id;
mod private_stream;
mod rejection;
mod websocket;

pub use context::GripContext;
pub use last_event_id::LastEventId;
pub use private_stream::{PrivateStream, PrivateStreamRejection};
pub use rejection::{LayerMissing, WebSocketRejection};
pub use websocket::WebSocketContext;
