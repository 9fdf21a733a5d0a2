//! How publishers are received.

#[cfg(feature = "tls")]
use std::time::Duration;

use super::access::ControlKey;
use crate::socket::Socket;
#[cfg(feature = "tls")]
use crate::tls::Tls;

/// How long a handshake may take.
#[cfg(feature = "tls")]
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// What is set of the control API.
#[derive(Clone, Debug, Default)]
pub(crate) struct ControlOptions {
    pub(crate) key: Option<ControlKey>,
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<Tls>,
}

impl ControlOptions {
    /// Does the handshake of TLS, if there is one; `None` if the client cannot, or takes too long.
    #[cfg(feature = "tls")]
    pub(super) async fn secure(&self, socket: Socket) -> Option<Socket> {
        let Some(tls) = &self.tls else {
            return Some(socket);
        };
        let accepted = tokio::time::timeout(HANDSHAKE_TIMEOUT, tls.accept_http1(socket));
        accepted.await.ok()?.ok()
    }

    #[cfg(not(feature = "tls"))]
    pub(super) async fn secure(&self, socket: Socket) -> Option<Socket> {
        Some(socket)
    }

    /// Whether an answer can be written before anything is read.
    #[cfg(feature = "tls")]
    pub(super) const fn is_plain(&self) -> bool {
        self.tls.is_none()
    }

    #[cfg(not(feature = "tls"))]
    #[expect(clippy::unused_self, reason = "as with TLS")]
    pub(super) const fn is_plain(&self) -> bool {
        true
    }
}
