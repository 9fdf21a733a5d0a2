//! In front of clients: HTTP on the caller's runtime.
//!
//! A request is cleaned, signed and handed to the application; the answer is passed on, or read as an
//! instruction. A client that is held leaves here: its connection is taken out of hyper and handed to
//! a [`Holder`](crate::handoff::Holder) together with what is needed to ask the application again.

mod acceptance;
mod answer;
mod body_prefix;
mod consent;
mod delivery;
mod disposition;
mod ending;
mod error_response;
mod exchange;
mod forward;
mod frame_meter;
mod frame_scanner;
mod h2_stream;
mod handoff_slot;
mod http1;
mod http2;
mod http2_io;
mod lazy_timer;
mod linger;
mod native;
mod options;
mod passage;
pub(crate) mod passthrough;
mod progress;
mod refused;
mod request;
mod rewind;
mod server;
mod share;
mod stream;
mod streams;
#[cfg(test)]
mod tests;
mod websocket;

pub(crate) use self::{
    options::{Handshakes, Options},
    server::Gateway,
};
