//! WebSockets: RFC 6455 towards a client, and WebSocket-over-HTTP towards the origin (GRIP 2).
//!
//! There is no socket and no clock here. A [`handshake`] is checked; the origin's answer to `OPEN`
//! is [judged](judge), and an accepted one starts a [`Conversation`]. Whoever owns the socket hands
//! the [`Reader`] what arrives and the conversation what comes out of it, sends its [`Turn`]s to
//! the origin, and does what its [`Action`]s say.

mod action;
mod close;
mod conversation;
mod extension;
mod frame;
pub(crate) mod handshake;
mod memory;
mod opening;
mod queue;
mod reader;
pub(crate) mod request;
mod settings;
mod turn;

pub(crate) use self::{
    action::Action,
    conversation::Conversation,
    frame::{Opcode, append, encode, encode_close},
    memory::Memory,
    opening::{Accepted, Opening, judge},
    reader::{Incoming, ProtocolError, Reader},
    settings::ConversationSettings,
    turn::{Turn, TurnError},
};
