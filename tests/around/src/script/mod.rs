//! What is asked of an application. Each function is a part of a visit, and writes down what it has
//! seen. The paths are the same for all applications; what one does not have is not asked of it.

mod compression;
mod events;
mod files;
mod requests;
mod socket_io;
mod uploads;
mod websockets;
mod wire;

pub use self::{
    compression::compression,
    events::{events, leaving},
    files::files,
    requests::{both_ways, requests, trailers},
    socket_io::socket_io,
    uploads::uploads,
    websockets::{no_websocket, websockets},
    wire::{other_protocol, too_much, wire},
};
