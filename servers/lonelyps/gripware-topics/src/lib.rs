//! Topics delivered to HTTP endpoints: the protocol of httppubsub.
//!
//! Services that want each other's messages without keeping connections: a subscriber is an HTTP
//! endpoint, a *broadcaster* POSTs each message of a topic to whoever is subscribed to it, exactly or
//! by a pattern. Both sign what they send; a delivery is confirmed; one that fails ends in "you have
//! missed something". Whoever is busy may have a WebSocket instead.
//!
//! This crate is both wires without a socket or a clock: bytes and `now` go in, values and bytes come
//! out. It works with the Python packages `lonelypsc`, `lonelypss` and `lonelypsp`. The broadcaster is
//! the crate `gripware-topics-server`.
//!
//! | | |
//! |---|---|
//! | `client` | a client over HTTP or a WebSocket, with the feature of that name |
//! | [`http`] | the messages over HTTP |
//! | [`ws`] | the messages over a WebSocket, and messages in parts |
//! | [`auth`] | signatures: none, token, hmac; replay protection; the file with the secrets |
//! | [`webhook`] | Standard Webhooks, for subscribers that speak nothing else |
//! | [`trace`] | what the original takes for granted in a field that is opaque by the protocol |
//! | [`SubscriptionList`], [`Etag`] | what a URL is subscribed to, and whether both ends mean the same |
//! | [`Topic`], [`Glob`], [`Pattern`] | what is subscribed to; the [dialect](glob) of patterns |
//! | [`Address`] | where a subscriber is reached, with its path and its fragment |
//!
//! # Features
//! | feature | default | what it adds |
//! |---|---|---|
//! | `client` | no | the module `client`, with sockets and a clock |
//! | `tls` | no, and with `client` | the module `tls`, for who connects over TLS |
//! | `zstd` | no, and with `client` | the module `ws::zstd`, compression over WebSockets |
//!
//! # What it does otherwise than the original
//! - A fragment in a subscriber's address is part of what both ends sign, and paths stand before its
//!   query.
//! - Codes are remembered for as long as they are good, not for 180 seconds, and a nonce has 96 random
//!   bits instead of 32.
//! - The client does not answer with `UNSUBSCRIBE_IMMEDIATE`: whoever subscribes before the broadcaster
//!   has read the answer would be unsubscribed by it. It sets right what the broadcaster has instead.
//! - Patterns are of one [dialect](glob) over HTTP and over WebSockets.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-topics/latest")]

mod address;
pub mod auth;
#[cfg(feature = "client")]
pub mod client;
mod digest;
mod etag;
pub mod glob;
pub mod http;
#[cfg(feature = "tls")]
pub mod tls;
mod topic;
pub mod trace;
pub mod webhook;
mod wire;
pub mod ws;

pub use self::{
    address::{Address, AddressError},
    auth::Auth,
    digest::{Digest, Hasher},
    etag::{Etag, Pattern, SubscriptionList},
    glob::Glob,
    topic::{Authorization, Identifier, MAX_FIELD, Topic, Tracing},
    wire::WireError,
};

/// The README, whose example has to compile.
#[cfg(all(doctest, feature = "client"))]
#[doc = include_str!("../../README.md")]
struct Readme;
