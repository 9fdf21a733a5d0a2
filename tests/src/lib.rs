//! What the interop tests are written with: a proxy in front of a conformance server, and clients
//! that read like a transcript of who sent what.
//!
//! Each test has a site of its own: its own origin, its own proxy and its own loopback address, so
//! that tests run in parallel and nothing of one reaches another. The proxy is a real Pushpin, which
//! is up in about a tenth of a second, or a hub: the program, the program with an origin that dials
//! in, or the library in the process of the origin. What the hub means to do in another way stands in one table, [`DIFFERENCES`].
//!
//! ```no_run
//! # async fn example() {
//! use gripware_interop::{AXUM, Site};
//!
//! let site = Site::of(AXUM).await;
//! let mut client = site.get("/hold/stream?channel=news").await;
//! client.receives("[open]\n").await;
//!
//! site.publish(r#"{"channel": "news", "http-stream": {"content": "one\n"}}"#).await;
//! client.receives("one\n").await;
//! # }
//! ```
//!
//! The programs that stand on the other side are installed by `tests/peers`. Where one is missing a
//! test fails and says so.

mod binary;
mod browser;
mod cable;
mod client;
mod differences;
mod example;
mod hub_library;
mod hub_nodes;
mod hub_pipe;
mod hub_program;
mod layout;
mod looking;
mod native_origin;
mod origin;
mod peer;
mod place;
mod process;
mod proxy;
mod publishing;
mod pushpin;
mod rabbitmq;
mod raw_origin;
mod readiness;
mod recorder;
mod scenario;
mod script;
mod site;
mod site_builder;
mod socket;
mod valve;

use std::time::Duration;

pub use binary::{ACTIX, AXUM, DJANGO, NODE, find as program};
pub use browser::Browser;
pub use cable::Cable;
pub use client::{Answer, ConnectionError, Pending, Request, escaped};
pub use differences::{DIFFERENCES, Difference};
pub use example::Example;
pub use hub_program::HubProgram;
pub use layout::{Front, Layout};
pub use looking::until;
pub use native_origin::NativeOrigin;
pub use origin::{Origin, OriginBuilder};
pub use peer::Peer;
pub use place::Place;
pub use process::Process;
pub use pushpin::{ISSUER, KEY, Pushpin};
pub use rabbitmq::RabbitMq;
pub use raw_origin::{RawOrigin, Step};
pub use recorder::{Recorded, Recorder, Script};
pub use scenario::scenario;
pub use script::{run, try_run};
pub use site::Site;
pub use site_builder::SiteBuilder;
pub use socket::{Frame, Refusal, Socket};
pub use valve::Valve;

/// How long a test waits for something that has to happen. Long, since a busy machine is no reason
/// to fail; what must *not* happen is waited for with [`Answer::stays_quiet`].
pub const PATIENCE: Duration = Duration::from_secs(30);
