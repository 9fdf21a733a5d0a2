//! Compressing the messages of a WebSocket (permessage-deflate; RFC 7692).
//!
//! Neither side keeps anything from one message to the next (`no_context_takeover`): what is published
//! is compressed once for all who have agreed to the same, and a client that is idle costs nothing.
//! What works belongs to the thread.

mod codec;
mod offer;

pub(crate) use self::{
    codec::{InflateError, inflate},
    offer::{Agreement, Window},
};
