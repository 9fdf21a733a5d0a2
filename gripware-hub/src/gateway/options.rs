use std::time::Duration;

/// How clients are received.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Whether what a client says in `X-Forwarded-For` and the like is passed on and added to. It is
    /// right only behind a proxy that sets them itself. Otherwise it is all removed, so that nobody
    /// can pretend to have another address.
    pub(crate) trust_forwarded: bool,
    /// How many connections may be open that are not held. More wait until one ends.
    pub(crate) max_connections: Option<usize>,
    /// How long the head of a request may take, from the connection's first moment or the end of the
    /// request before. It is how long an idle connection is kept, too.
    pub(crate) header_timeout: Duration,
    /// The largest head of a request, in bytes. Larger ones get 431.
    pub(crate) max_header_size: usize,
    /// How many requests may be under way on one HTTP/2 connection. Holds count.
    pub(crate) max_streams: u32,
    /// How long a client may leave an answer untaken that is not held.
    pub(crate) answer_timeout: Duration,
    /// How many requests of one client address may be in progress at the origin.
    pub(crate) max_client_requests: usize,
    /// Clients come over HTTPS, and no other way.
    #[cfg(feature = "tls")]
    pub(crate) tls: Option<super::Tls>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            trust_forwarded: false,
            max_connections: None,
            header_timeout: Duration::from_secs(60),
            max_header_size: 64 * 1024,
            max_streams: 250,
            answer_timeout: Duration::from_secs(60),
            max_client_requests: 256,
            #[cfg(feature = "tls")]
            tls: None,
        }
    }
}
