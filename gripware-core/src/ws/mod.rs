//! WebSockets over HTTP (GRIP 2): events.

mod close;
mod decode;
mod encode;
mod event;

pub use self::{
    close::{Close, CloseCode, CloseCodeError, MAX_REASON_LEN},
    decode::{DecodeError, DecodeErrorKind, Events, Scan, decode, scan},
    encode::{encode, encode_into, encoded_len},
    event::{Event, EventKind},
};
