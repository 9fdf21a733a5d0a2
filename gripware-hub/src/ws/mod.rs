//! WebSockets: RFC 6455 towards a client, and WebSocket-over-HTTP towards the origin (GRIP 2).
//!
//! There is no socket and no clock here. A [`handshake`] is checked; the origin's answer to `OPEN`
//! is [judged](judge), and an accepted one starts a [`WsSession`]. Whoever owns the socket hands
//! the [`FrameDecoder`] what arrives and the session what comes out of it, sends its [`EventsRequest`]s to
//! the origin, and does what its [`Effect`](crate::effect::Effect)s say.

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
    connection_meta::ConnectionMeta,
    events_request::EventsRequest,
    frame::{Opcode, append, encode, encode_close},
    frame_decoder::{ClientMessage, FrameDecoder, ProtocolError},
    opening::{Accepted, Opening, judge},
    session::WsSession,
    settings::WsSettings,
};
