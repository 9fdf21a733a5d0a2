/// One of those that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    /// The router of an application with the hub around it, in one process.
    Inside,
    /// The same router with a layer that does nothing.
    NoOp,
    /// The same router as axum serves it.
    Router,
    /// The program `gripware-hub` before the origin.
    Hub,
    /// The same, with permessage-deflate.
    Compressing,
    Pushpin,
    Nchan,
    /// nginx with `proxy_pass`.
    Nginx,
    /// hyper before the origin, and nothing else.
    Floor,
    /// The loop that writes to sockets.
    Bare,
    /// The origin without anything before it.
    Origin,
}

impl Side {
    /// In the order of the columns.
    pub(crate) const ALL: [Self; 11] = [
        Self::Inside,
        Self::NoOp,
        Self::Router,
        Self::Hub,
        Self::Compressing,
        Self::Pushpin,
        Self::Nchan,
        Self::Nginx,
        Self::Floor,
        Self::Bare,
        Self::Origin,
    ];

    /// How it is named on the command line, and in JSON.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Inside => "inside",
            Self::NoOp => "no-op",
            Self::Router => "router",
            Self::Hub => "hub",
            Self::Compressing => "deflate",
            Self::Pushpin => "pushpin",
            Self::Nchan => "nchan",
            Self::Nginx => "nginx",
            Self::Floor => "floor",
            Self::Bare => "bare",
            Self::Origin => "origin",
        }
    }

    /// How it is named in tables.
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Inside => "hub inside",
            Self::NoOp => "router, no-op layer",
            Self::Router => "router alone",
            Self::Hub => "hub program",
            Self::Compressing => "hub program, deflate",
            Self::Pushpin => "Pushpin",
            Self::Nchan => "nchan",
            Self::Nginx => "nginx",
            Self::Floor => "hyper proxy alone",
            Self::Bare => "bare write loop",
            Self::Origin => "origin alone",
        }
    }
}
