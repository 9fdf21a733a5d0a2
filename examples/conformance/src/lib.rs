//! What the conformance servers have in common: their settings, the reading of parameters into
//! holds and items, and what they remember. The handlers are each framework's own.

mod feed;
mod holds;
mod items;
mod params;
mod settings;
mod socket_log;

pub use feed::Feeds;
pub use holds::{hold_instruct, hold_response, hold_sse, hold_stream};
pub use items::{accepted, item};
pub use params::{BadRequest, Params};
pub use settings::Settings;
pub use socket_log::SocketLog;
