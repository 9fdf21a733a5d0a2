use std::net::SocketAddr;

use crate::usage::Usage;

/// A running proxy, ended when dropped.
pub(crate) trait Proxy {
    /// What its figures stand under.
    fn name(&self) -> &'static str;

    /// Where clients connect.
    fn client(&self) -> SocketAddr;

    /// Where items are published.
    fn control(&self) -> SocketAddr;

    /// What its processes have used so far.
    fn usage(&self) -> Usage;
}
