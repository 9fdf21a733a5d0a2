//! Attacks on the program `gripware-hub`, byte for byte, as the manual's page on attacks lists them.
//!
//! What arrives behind the hub is judged by a [`Witness`](witness::Witness), an origin that reads as
//! strictly as RFC 9112 allows. Each module has a control beside its attacks: the same detector finds
//! the same attack where nothing stands in its way.

mod control_api;
mod faults;
mod floods;
mod forged_headers;
mod frames;
mod front;
mod http1_shapes;
mod http2_shapes;
mod log_injection;
mod next_links;
mod smuggling;
mod splitting;
mod websocket_frames;
mod wire;
mod witness;
