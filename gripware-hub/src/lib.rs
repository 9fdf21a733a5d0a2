//! A GRIP proxy inside the application, or as a program in front of it.

pub mod design;

mod asker;
mod body;
mod builder;
mod client_addr;
mod connection_id;
mod control;
mod gateway;
mod held;
mod hub;
mod inner;
mod item_sink;
mod kept;
mod looking;
mod metrics;
mod origin;
mod parcel;
mod plain;
mod registry;
mod room;
mod serve;
mod settings;
mod shard;
mod signature;
mod sink;
mod ws;

#[cfg(feature = "tls")]
pub use self::gateway::{Tls, TlsError};
pub use self::{
    body::{Body, BodyError},
    builder::{BuildError, HubBuilder},
    client_addr::ClientAddr,
    control::ControlKeyError,
    hub::{Hub, HubError},
    looking::{ChannelInfo, ConnectionInfo, ConnectionKind, Subscribers},
    origin::OriginAddressError,
    serve::Serve,
    settings::SlowClients,
};
