//! Towards the application: a tower service in this process, or an HTTP address.

mod address;
pub(crate) mod client;
mod connect;
mod dot_segments;
mod error;
mod fetch;
mod http;
mod service;

pub use self::address::OriginAddressError;
pub(crate) use self::{
    address::OriginAddress,
    error::OriginError,
    fetch::{ServiceFetch, collect, fetch},
    http::HttpOrigin,
    service::{BoxError, Origin},
};
