//! In front of clients: HTTP on the caller's runtime.
//!
//! A request is cleaned, signed and handed to the application; the answer is passed on, or read as an
//! instruction. A client that is held leaves here: its connection is taken out of hyper and handed to
//! a [`Holder`] together with what is needed to ask the application again.

mod answer;
mod client_io;
mod delivery;
mod exchange;
mod forward;
mod frame_meter;
mod frame_scanner;
mod gather;
mod hold;
mod http1;
mod http1_head;
mod http2;
mod http2_io;
mod listener;
mod options;
mod pipe;
mod progress;
mod refuse;
mod refused;
mod request;
mod server;
mod share;
mod slot;
mod socket;
mod stream;
mod streams;
#[cfg(test)]
mod tests;
#[cfg(feature = "tls")]
mod tls;
mod websocket;

#[cfg(feature = "tls")]
pub use self::tls::{Tls, TlsError};
pub(crate) use self::{
    http1_head::{response_bytes, set_reason},
    listener::Listener,
    options::Options,
    server::Gateway,
    socket::Socket,
};
