//! A GRIP proxy inside the application, or as a program in front of it.

mod asker;
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
mod settings;
mod shard;
mod signature;
mod sink;
mod ws;

pub use self::{
    control::ControlKeyError,
    hub::{Hub, HubBuilder, OriginError, Serve},
    looking::{ChannelInfo, ConnectionInfo, ConnectionKind, Subscribers},
    settings::SlowClients,
};
