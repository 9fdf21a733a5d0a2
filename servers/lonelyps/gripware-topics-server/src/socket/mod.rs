//! The WebSocket side: subscribers that keep a connection (`/v1/websocket`).
//!
//! It is an application of gripware as any other: the proxy holds the connection, and each message of
//! a client is a turn of a handler. A delivery is put into the *outbox* of each connection that
//! matches, and a refresh makes a turn for the connection, which takes from the outbox what may be sent
//! now and signs it. The counters that signatures depend on are in the connection's meta, which the
//! proxy keeps.
//!
//! A turn never waits for a delivery: the confirmation that ends it may be the next turn of the same
//! connection.

mod configured;
mod fault;
mod notify;
mod outbox;
mod peer;
mod registry;
mod send;
mod tally;
mod turn;
mod waker;

pub(crate) use self::{
    peer::Peer,
    registry::{Sockets, look_after},
    turn::turn,
    waker::Waker,
};
