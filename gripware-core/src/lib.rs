//! GRIP without a framework: the vocabulary and codecs that an origin needs.
//!
//! Everything here takes bytes, headers and `now`, and returns values and bytes. There is no
//! socket, no clock and no runtime; adapters such as `gripware-axum` own those. Whoever writes an
//! application finds what is needed re-exported there, and the [`manual`] here.
//!
//! - [`GripUrl`] and [`sig`]: where to publish, and whose signatures to trust.
//! - [`Policy`] and [`GripContext`]: what one request proves, and what may leave;
//!   [`SharedPolicy`], [`RequestMarks`] and [`Admission`]: the same as an adapter has them.
//! - [`Hold`], [`Recovery`] and [`LastIds`]: what becomes of a connection, and missing nothing.
//! - [`ws`]: WebSockets over HTTP.
//! - [`Item`]: what is published.
//!
//! # Features
//! | feature | default | what it does |
//! |---|---|---|
//! | `aws-lc-rs` | yes | signs and verifies with aws-lc-rs |
//! | `proxy` | no | [`proxy`]: what a proxy reads, for those who build or pretend to be one |
//! | `tracing` | no | lets adapters say in the log why a request or a hold was refused |
//! | `rust-crypto` | no | signs and verifies in pure Rust; aws-lc-rs is used where both are on |
//!
//! One of the two that sign has to be on.

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-core/latest")]

pub mod header;
pub mod hold;
pub mod item;
pub mod json;
#[doc(hidden)]
pub mod log;
pub mod manual;
#[cfg(feature = "proxy")]
pub mod proxy;
pub mod sig;
pub mod webhook;
pub mod ws;

mod channel;
mod context;
mod error_chain;
mod grip_url;
mod hold_encoding;
mod last;
mod last_event_id;
mod limits;
mod policy;
mod private_stream;
mod recovery;
mod refusal;
mod request_marks;
mod shared_policy;

pub use channel::{Channel, ChannelError, CustomFilter, Filter, MAX_NAME_LEN};
pub use context::{GripContext, Trust};
pub use error_chain::ErrorChain;
pub use grip_url::{Credentials, GripUrl, GripUrlError, MAX_URL_LEN, MAX_URLS};
pub use hold::{Hold, HoldError, HoldMode, KeepAlive, KeepAliveMode, Link};
pub use hold_encoding::HoldEncoding;
pub use http;
pub use item::{HttpResponse, HttpStream, Item, ItemError, SseEvent, WsMessage};
pub use last::LastIds;
pub use last_event_id::LastEventId;
pub use limits::Limits;
pub use policy::Policy;
pub use private_stream::{
    LinkKey, LinkKeyError, PRIVATE_LINK_LIFETIME, PrivateLink, PrivateStream, PrivateStreamError,
};
pub use recovery::Recovery;
pub use refusal::Refusal;
pub use request_marks::RequestMarks;
pub use shared_policy::{Admission, SharedPolicy};
