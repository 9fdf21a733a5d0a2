//! Towards the application: a tower service in this process, or an HTTP address.
//!
//! A plain request goes through as a stream ([`Origin::send`]). What the hub itself asks on behalf of
//! clients (next links, requests that are repeated, events of WebSockets) is whole, signed and
//! bounded in number, and goes through the [`OriginClient`].

mod address;
mod client;
mod collect;
mod connect;
mod dot_segments;
mod early_answer;
mod error;
mod http;
#[cfg(feature = "tls")]
mod https;
mod kept;
mod per_runtime;
mod routes;
mod service;
mod upgrade;

pub(crate) use self::{
    address::OriginAddress,
    client::{Asking, OriginClient},
    collect::collect,
    error::OriginError,
    http::HttpOrigin,
    routes::{OverTls, RoutedOrigin},
    service::Origin,
    upgrade::send_within,
};
pub use self::{
    address::OriginAddressError,
    routes::{RouteError, RouteServices, Routes},
    service::ClientAddr,
};
pub(crate) use crate::http::BoxError;
