//! What is set by the builder.

use std::{fmt, net::IpAddr, time::Duration};

use gripware_state::State;

use crate::{
    Wire,
    nudge::Refresh,
    signer::{MAX_AGE, Signer},
};

/// How large the body of a request may be, where nothing else is set.
const MAX_BODY: usize = 1 << 20;

/// How many channels a connection may have, where nothing else is set.
const MAX_CHANNELS: usize = 100;

/// Who may call the API from where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Callers {
    Anybody,
    From(Vec<IpAddr>),
}

/// What is set by [`ChannelStreamBuilder`](crate::ChannelStreamBuilder).
pub(crate) struct Settings {
    pub(crate) signer: Signer,
    pub(crate) wire: Wire,
    pub(crate) callers: Callers,
    pub(crate) trusted_proxies: Vec<IpAddr>,
    /// How old a token may be; any age where nothing is set.
    pub(crate) max_age: Option<Duration>,
    pub(crate) binds_paths: bool,
    pub(crate) allows_jsonp: bool,
    pub(crate) needs_https: bool,
    /// From which pages' hosts the answers may be read; all where nothing is set.
    pub(crate) cors: Vec<String>,
    pub(crate) max_body: usize,
    pub(crate) max_channels: usize,
    pub(crate) state: State,
    pub(crate) admin: Option<Admin>,
    pub(crate) has_demo: bool,
    /// Whether private messages in a channel go by the channels of sockets, and not by a filter.
    pub(crate) addresses_sockets: bool,
    /// How the proxy is asked for turns of sockets, where it takes no item for that.
    pub(crate) refresh: Option<Refresh>,
}

impl Settings {
    /// The defaults, with the secret that callers sign with.
    pub(crate) fn new(secret: &str) -> Self {
        let loopback = IpAddr::from([127, 0, 0, 1]);
        Self {
            signer: Signer::new(secret),
            wire: Wire::default(),
            callers: Callers::From(vec![loopback]),
            trusted_proxies: Vec::new(),
            max_age: Some(MAX_AGE),
            binds_paths: false,
            allows_jsonp: false,
            needs_https: false,
            cors: Vec::new(),
            max_body: MAX_BODY,
            max_channels: MAX_CHANNELS,
            state: State::memory(),
            admin: None,
            has_demo: false,
            addresses_sockets: false,
            refresh: None,
        }
    }
}

/// Who may look at everything.
pub(crate) struct Admin {
    pub(crate) user: String,
    pub(crate) password: String,
    /// What the cookie of a login is signed with.
    pub(crate) cookies: Signer,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("wire", &self.wire)
            .field("callers", &self.callers)
            .finish_non_exhaustive()
    }
}
