use std::{fmt, net::SocketAddr, sync::Arc};

use crate::Name;

/// Who is at the other end of a pipe. It is in the extensions of every request that a handler gets.
///
/// ```
/// use axum::{Extension, Router, routing::get};
/// use gripware_pipe::Peer;
///
/// let app: Router = Router::new()
///     .route("/who", get(|Extension(peer): Extension<Peer>| async move { peer.caller().to_owned() }));
/// ```
#[derive(Clone, Debug)]
pub struct Peer {
    name: Arc<str>,
    address: SocketAddr,
    from: Option<Name>,
}

impl Peer {
    pub(crate) fn new(name: impl Into<Arc<str>>, address: SocketAddr) -> Self {
        let name = name.into();
        Self {
            name,
            address,
            from: None,
        }
    }

    pub(crate) fn passing_on(&self, from: Name) -> Self {
        let mut peer = self.clone();
        peer.from = Some(from);
        peer
    }

    /// Returns its name: that of its certificate for a client, the one it was verified under for a
    /// server.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the client that made the request, where the server has passed it on from another
    /// one.
    #[must_use]
    pub fn from(&self) -> Option<&Name> {
        self.from.as_ref()
    }

    /// Returns the name of who made the request: the peer itself, or the client it stands for.
    #[must_use]
    pub fn caller(&self) -> &str {
        self.from.as_ref().map_or(&self.name, Name::as_str)
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.address)
    }
}
