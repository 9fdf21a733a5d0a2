use std::{fmt, sync::Arc, time::Duration};

use gripware_core::{Channel, ChannelError};
use tokio::time::Instant;

use super::{
    Change, Count, Joining, Lease, Member, Members, PresenceBackend, SUFFIX, announcing::Announcer,
    node::Node, sweeping::Sweepers,
};
use crate::{StateError, history::checked};

/// How long a user may be without a connection before it leaves, where nothing else is set: enough
/// to reload a page on a phone.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(10);

/// How long a connection with a lease of its own counts as present without being heard of, where
/// nothing else is set: two polls of a WebSocket or of a stream may be lost.
pub const DEFAULT_MEMBER_TTL: Duration = Duration::from_secs(60);

/// The next link's timeout for a stream whose client counts as present: a third of
/// [`DEFAULT_MEMBER_TTL`].
pub const STREAM_INTERVAL: Duration = Duration::from_secs(20);

/// The most users in a channel whose joins and leaves are told to everybody. Beyond it a join costs
/// more than a thousand deliveries, of which no human reads one.
pub const MAX_ANNOUNCED: u64 = 1_000;

/// How often a count is told beyond [`MAX_ANNOUNCED`].
pub const COUNT_INTERVAL: Duration = Duration::from_secs(1);

/// The most users that one page of a list asks for.
pub const MAX_LISTED: usize = 1_000;

/// The most connections that are touched in one call; more are touched in several.
pub const MAX_TOUCHED: usize = 500;

/// Who is in which channel. See the [module](super).
///
/// A handle: clones share the backend and the node's lease.
#[derive(Clone)]
pub struct Presence {
    pub(super) backend: Arc<dyn PresenceBackend>,
    pub(super) node: Option<Arc<Node>>,
    pub(super) announcer: Option<Announcer>,
    pub(super) sweepers: Arc<Sweepers>,
    pub(super) grace: Duration,
    member_ttl: Duration,
}

impl Presence {
    /// Presence over a backend: connections have leases of their own, and nothing is published.
    #[must_use]
    pub fn new(backend: Arc<dyn PresenceBackend>) -> Self {
        Self {
            backend,
            node: None,
            announcer: None,
            sweepers: Arc::default(),
            grace: DEFAULT_GRACE,
            member_ttl: DEFAULT_MEMBER_TTL,
        }
    }

    /// Lets all connections live as long as this process: for a proxy inside of it, which tells each
    /// connection's end. [`run`](Self::run) renews the lease.
    #[must_use]
    pub fn by_node(mut self) -> Self {
        self.node = Some(Arc::default());
        self
    }

    /// Whether connections live as long as this process.
    pub(crate) fn is_by_node(&self) -> bool {
        self.node.is_some()
    }

    /// Gives each connection a lease of its own, also where the proxy is in this process: for
    /// connections that may be there without the proxy's holding them, or before it does.
    #[must_use]
    pub fn by_connection(mut self) -> Self {
        self.node = None;
        self
    }

    /// Sets how long a user may be without a connection before it leaves, in milliseconds at the
    /// finest. Default: [`DEFAULT_GRACE`].
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Sets how long a connection with a lease of its own counts as present without being heard of,
    /// in milliseconds at the finest. Default: [`DEFAULT_MEMBER_TTL`].
    #[must_use]
    pub fn member_ttl(mut self, ttl: Duration) -> Self {
        self.member_ttl = ttl;
        self
    }

    /// Adds a connection to a channel. Called again, it renews the connection's lease and the user's
    /// info: a handler calls it with every turn, or [`touch`](Self::touch) for many at once.
    ///
    /// # Errors
    /// Where the channel is not valid or has no room for [`SUFFIX`], or the backend fails.
    ///
    /// # Cancel safety
    /// When the future is dropped, the connection may have joined without that being published. The
    /// history of the channel's presence has it.
    pub async fn join<C>(&self, channel: C, member: &Member) -> Result<Change, StateError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = present_channel(channel)?;
        self.sweepers.used(Instant::now());
        let name = channel.name();
        let change = match &self.node {
            Some(node) => node.join(self, name, member).await?,
            None => {
                let joining = Joining::new(member, Lease::Own(self.member_ttl), self.grace);
                self.backend.join(name, joining).await?
            }
        };
        self.announce(&change.announcements).await;
        Ok(change)
    }

    /// Removes a connection from a channel; nothing happens if it is not there.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub async fn leave<C>(&self, channel: C, connection: &str) -> Result<Change, StateError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = present_channel(channel)?;
        self.sweepers.used(Instant::now());
        if let Some(node) = &self.node {
            node.forget(channel.name(), connection);
        }
        let change = self
            .backend
            .leave(channel.name(), connection, self.grace)
            .await?;
        self.announce(&change.announcements).await;
        Ok(change)
    }

    /// Renews the leases of connections, given by channel and connection. Returns the indexes of
    /// those that are not there, because their time was over or the backend lost them: they have to
    /// join again.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub async fn touch(&self, connections: &[(&str, &str)]) -> Result<Vec<usize>, StateError> {
        let mut unknown = Vec::new();
        for (index, some) in connections.chunks(MAX_TOUCHED).enumerate() {
            for (channel, _) in some {
                present_channel(*channel)?;
            }
            let missing = self.backend.touch(some, self.member_ttl).await?;
            unknown.extend(missing.into_iter().map(|at| index * MAX_TOUCHED + at));
        }
        Ok(unknown)
    }

    /// Lists the users of a channel, about `limit` of them, from where an earlier page ended
    /// ([`Members::next`]). A limit of 0 is taken for 1, above [`MAX_LISTED`] for that. Redis returns
    /// all users of a small channel at once, 512 at most.
    ///
    /// # Errors
    /// As [`join`](Self::join), and where `after` is not what a page said.
    pub async fn list<C>(
        &self,
        channel: C,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Members, StateError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let (channel, limit) = (present_channel(channel)?, limit.clamp(1, MAX_LISTED));
        self.backend.list(channel.name(), after, limit).await
    }

    /// Counts who is in a channel.
    ///
    /// # Errors
    /// As [`join`](Self::join).
    pub async fn count<C>(&self, channel: C) -> Result<Count, StateError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        self.backend.count(present_channel(channel)?.name()).await
    }
}

/// Says what could not be announced, renewed or swept.
pub(super) fn log(error: &(dyn std::error::Error + 'static)) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: "gripware", "presence: {}", gripware_core::ErrorChain(error));
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

impl fmt::Debug for Presence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presence")
            .field("backend", &self.backend)
            .field("node", &self.node)
            .field("grace", &self.grace)
            .field("member_ttl", &self.member_ttl)
            .finish_non_exhaustive()
    }
}

/// A channel whose presence has a channel.
fn present_channel<C>(channel: C) -> Result<Channel, StateError>
where
    C: TryInto<Channel>,
    C::Error: Into<ChannelError>,
{
    let channel = checked(channel)?;
    Channel::new(format!("{}{SUFFIX}", channel.name())).map_err(StateError::invalid)?;
    Ok(channel)
}
