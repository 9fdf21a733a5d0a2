//! A GRIP proxy inside the application, or as a program in front of it.

mod asker;
mod builder;
mod connection_id;
mod control;
mod gateway;
mod held;
mod hub;
mod inner;
mod kept;
mod looking;
mod metrics;
mod parcel;
mod registry;
mod room;
mod serve;
mod settings;
mod shard;
mod signature;
mod sink;
mod ws;

pub use self::{
    builder::{BuildError, HubBuilder},
    control::ControlKeyError,
    hub::{Hub, HubError},
    looking::{ChannelInfo, ConnectionInfo, ConnectionKind, Subscribers},
    serve::Serve,
    settings::SlowClients,
};
