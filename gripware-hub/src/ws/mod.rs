//! WebSockets: RFC 6455 towards a client, and WebSocket-over-HTTP towards the origin (GRIP 2).
//!
//! There is no socket, no clock and no state of a connection here but the [`FrameDecoder`]'s: a
//! [`handshake`] is checked, the origin's answer to `OPEN` is [judged](judge), frames are read and
//! written, and requests to the origin are put together. What an accepted WebSocket does is a
//! session's affair.

pub(crate) mod close;
mod connection_meta;
pub(crate) mod deflate;
mod events_request;
pub(crate) mod extensions;
mod frame;
mod frame_decoder;
pub(crate) mod handshake;
mod mask;
mod opening;
pub(crate) mod request;
mod settings;

pub(crate) use self::{
    connection_meta::ConnectionMeta,
    events_request::EventsRequest,
    frame::{
        Opcode, append, append_for, append_masked, encode, encode_close, encode_deflated,
        encode_for, random_mask,
    },
    frame_decoder::{FrameDecoder, PeerMessage, ProtocolError, Sender},
    opening::{Accepted, Opening, interval, is_events, judge, poll},
    settings::{HeartbeatSettings, WsSettings},
};
