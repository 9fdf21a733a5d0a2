//! Items between nodes over a real NATS: what every broker has to do, and what is NATS's own.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod failures;
mod foreign;
mod server;

use gripware_relay::broker_suite;

use self::server::Server;

broker_suite!(Server);
