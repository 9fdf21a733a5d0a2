//! The server loop that everything which listens has in common: the gateway, the control API, and
//! an application that is served as it is.
//!
//! Data comes in here first: a [`Listener`] gives sockets, a [`Server`] runs a task for each, and a
//! [`Serve`] is what the application awaits and stops.

mod accept;
mod listener;
mod quick_ack;
mod serve;
mod tcp;

pub(crate) use self::{
    accept::{Accepted, Server},
    quick_ack::QuickAck,
    serve::within,
    tcp::TcpTimes,
};
pub use self::{listener::Listener, serve::Serve};
