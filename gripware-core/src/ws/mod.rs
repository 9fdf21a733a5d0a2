//! WebSockets over HTTP (GRIP 2): events and control messages.

mod close;
mod control;
mod decode;
mod encode;
mod event;

pub use self::{
    close::{Close, CloseCode, CloseCodeError, MAX_REASON_LEN},
    control::{
        CONTROL_PREFIX, ControlError, ControlMessage, Frame, FrameKind, MAX_PING_LEN, WsKeepAlive,
    },
    decode::{DecodeError, DecodeErrorKind, Events, Scan, decode, scan},
    encode::{encode, encode_into, encoded_len},
    event::{Event, EventKind},
};
