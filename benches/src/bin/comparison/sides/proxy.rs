use std::{
    net::SocketAddr,
    sync::{Arc, atomic::AtomicUsize},
};

use super::{Side, Usage};
use crate::clients::Control;

/// A running server, ended when dropped.
pub(crate) trait Proxy: Send + Sync {
    /// What its figures stand under.
    fn side(&self) -> Side;

    /// Where clients connect.
    fn client(&self) -> SocketAddr;

    /// Where items are published.
    fn control(&self) -> Control;

    /// What its processes have used so far.
    fn usage(&self) -> Usage;

    /// How one learns that a client is held that gets no answer yet.
    fn held(&self) -> Held;
}

/// Who knows how many clients were held.
#[derive(Clone, Debug)]
pub(crate) enum Held {
    /// The origin, which counts its holds.
    Count(Arc<AtomicUsize>),
    /// The application there, asked by `GET /held`.
    Ask(SocketAddr),
    /// Nobody but the clients.
    Unknown,
}
