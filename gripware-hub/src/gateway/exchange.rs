//! What of a request is needed until its response is there.

use std::{net::SocketAddr, time::Instant};

use http::{Method, StatusCode, Uri, Version};

use crate::{clock, connection_id::Id, log::REQUESTS};

/// One request, as far as its answer depends on it.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) method: Method,
    /// For the log: the path, without a query, which may have secrets.
    pub(super) uri: Uri,
    pub(super) version: Version,
    pub(super) keep_alive: bool,
    pub(super) is_tls: bool,
    pub(super) peer: Option<SocketAddr>,
    pub(super) since: Instant,
}

impl Exchange {
    pub(super) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    /// The one line that each request leaves in the log.
    pub(super) fn log(&self, status: StatusCode, hold: &'static str) {
        self.log_held(status, hold, None);
    }

    /// The same for one that is held, with the connection's id.
    pub(super) fn log_held(&self, status: StatusCode, hold: &'static str, id: Option<Id>) {
        tracing::debug!(
            target: REQUESTS,
            method = %self.method,
            path = self.uri.path(),
            status = status.as_u16(),
            hold,
            connection = id.map(tracing::field::display),
            peer = self.peer.map(tracing::field::display),
            duration = ?clock::now().saturating_duration_since(self.since),
            "request"
        );
    }
}
