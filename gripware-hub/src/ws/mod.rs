//! WebSockets: RFC 6455 towards a client, and WebSocket-over-HTTP towards the origin (GRIP 2).
//!
//! There is no socket and no clock here. A [`handshake`] is checked; the origin's answer to `OPEN`
//! is [judged](judge), and an accepted one starts a [`Conversation`]. Whoever owns the socket hands
//! the [`Reader`] what arrives and the conversation what comes out of it, sends its [`Turn`]s to
//! the origin, and does what its [`Action`]s say.

mod action;
mod close;
mod connection_meta;
mod event_queue;
mod events_request;
mod extension;
mod frame;
mod frame_decoder;
pub(crate) mod handshake;
mod opening;
pub(crate) mod request;
mod session;
mod settings;

pub(crate) use self::{
    action::Action,
    connection_meta::Memory,
    events_request::{Turn, TurnError},
    frame::{Opcode, append, encode, encode_close},
    frame_decoder::{Incoming, ProtocolError, Reader},
    opening::{Accepted, Opening, judge},
    session::Conversation,
    settings::ConversationSettings,
};
