//! What of a request is needed until its response is there.

use std::{
    fmt,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

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
    /// The same for the log, made once for all requests of a connection.
    pub(super) peer_text: Option<Arc<str>>,
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
            peer = self.peer_text.as_deref().map(tracing::field::display),
            duration = %Took(clock::now().saturating_duration_since(self.since)),
            "request"
        );
    }
}

/// How long something took, in the largest unit of which it has a hundred. A line has no use for the
/// digits behind that, which cost more than all else in it.
struct Took(Duration);

impl fmt::Display for Took {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.0.as_micros();
        match micros {
            0..100_000 => write!(f, "{micros}µs"),
            100_000..100_000_000 => write!(f, "{}ms", micros / 1_000),
            _ => write!(f, "{}s", micros / 1_000_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_in_the_largest_unit_of_which_it_has_a_hundred() {
        for (micros, text) in [
            (0, "0µs"),
            (99_999, "99999µs"),
            (100_000, "100ms"),
            (99_999_999, "99999ms"),
            (100_000_000, "100s"),
        ] {
            assert_eq!(Took(Duration::from_micros(micros)).to_string(), text);
        }
    }
}
