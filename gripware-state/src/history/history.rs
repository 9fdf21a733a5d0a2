use std::{sync::Arc, time::Duration};

use gripware_core::{Channel, ChannelError, HttpResponse, HttpStream, Item};

use super::{Appended, Draft, HistoryBackend, MAX_PAGE_ENTRIES, NewEntry, Page, page::Cursor};
use crate::{EntryId, Position, StateError, resume::Refresher};

/// Entries that a channel keeps where nothing else is set.
pub const DEFAULT_SIZE: usize = 100;

/// How long entries are kept after the last append where nothing else is set: five minutes, which
/// outlasts a tunnel and a restart.
pub const DEFAULT_TTL: Duration = Duration::from_secs(300);

/// The most entries that a channel keeps. A page has 1 000 at most: a reader that missed more is
/// better served by a snapshot.
pub const MAX_SIZE: usize = 10_000;

/// The most bytes of one entry as JSON, so that two fit one page.
pub const MAX_ENTRY_LEN: usize = 256 << 10;

/// The most bytes of an idempotency key.
pub const MAX_KEY_LEN: usize = 128;

/// How long the numbers of a channel are kept after the last append: 30 days. A client that comes
/// later is told [`OtherEpoch`](super::Continuity::OtherEpoch).
pub const EPOCH_TTL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// The last items of each channel. See the [module](super).
///
/// A handle: clones share the backend, and each has its own [`size`](Self::size) and
/// [`ttl`](Self::ttl).
#[derive(Clone, Debug)]
pub struct History {
    backend: Arc<dyn HistoryBackend>,
    size: usize,
    ttl: Duration,
    pub(crate) refresher: Option<Refresher>,
}

impl History {
    /// A history over a backend, with [`DEFAULT_SIZE`] and [`DEFAULT_TTL`].
    #[must_use]
    pub fn new(backend: Arc<dyn HistoryBackend>) -> Self {
        Self {
            backend,
            size: DEFAULT_SIZE,
            ttl: DEFAULT_TTL,
            refresher: None,
        }
    }

    /// Sets how many entries a channel keeps when this handle appends to it. Default:
    /// [`DEFAULT_SIZE`]. Below 1 is taken for 1, above [`MAX_SIZE`] for that.
    #[must_use]
    pub fn size(mut self, entries: usize) -> Self {
        self.size = entries.clamp(1, MAX_SIZE);
        self
    }

    /// Sets how long a channel's entries are kept after this handle has appended to it, in
    /// milliseconds at the finest. Default: [`DEFAULT_TTL`]. Below 1 ms is taken for 1 ms, above
    /// [`EPOCH_TTL`] for that.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl.clamp(Duration::from_millis(1), EPOCH_TTL);
        self
    }

    /// Appends an item, which gets the next id of its channel.
    ///
    /// The item is stored, not published: publish what [`Appended::into_item`] returns. Two handlers
    /// that append at once may publish in the other order; proxies order by the previous ids.
    ///
    /// # Errors
    /// Where the channel, the item or the key is not valid, the entry is longer than
    /// [`MAX_ENTRY_LEN`], or the backend fails.
    ///
    /// # Cancel safety
    /// When the future is dropped, the item has been appended or not. With a
    /// [key](Draft::key) it can be appended again.
    pub async fn append<C>(
        &self,
        channel: C,
        draft: impl Into<Draft>,
    ) -> Result<Appended, StateError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let (channel, draft) = (checked(channel)?, draft.into());
        if let Some(key) = draft.idempotency_key() {
            check_key(key)?;
        }
        let template = draft
            .template(channel.name(), "")
            .map_err(StateError::invalid)?;
        StateError::check_length("an entry", template.expected_len(), MAX_ENTRY_LEN)?;
        let relayed = match self.backend.relay_prefix() {
            Some("") => Some(template.clone()),
            Some(prefix) => {
                let relayed = draft.template(channel.name(), prefix);
                Some(relayed.map_err(StateError::invalid)?)
            }
            None => None,
        };
        let entry = NewEntry {
            template: &template,
            relayed: relayed.as_ref(),
            key: draft.idempotency_key(),
            size: self.size,
            ttl: self.ttl,
        };
        let appended = self.backend.append(channel.name(), entry).await?;
        Ok(Appended {
            id: appended.id,
            item: draft.item(&appended.id),
            is_duplicate: appended.is_duplicate,
            is_relayed: relayed.is_some() && !appended.is_duplicate,
        })
    }

    /// Reads what came after a cursor, at most `limit` entries; from the oldest one on without a
    /// cursor. A cursor may be any text: a client's `Last-Event-ID`, or its URL's.
    ///
    /// A limit of 0 is taken for 1, above [`MAX_PAGE_ENTRIES`] for that. A page ends at
    /// [`MAX_PAGE_LEN`](super::MAX_PAGE_LEN) bytes as well.
    ///
    /// # Errors
    /// Where the channel is not valid, or the backend fails.
    pub async fn read_after<C>(
        &self,
        channel: C,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Page, StateError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let (channel, cursor) = (checked(channel)?, Cursor::new(after));
        let limit = limit.clamp(1, MAX_PAGE_ENTRIES);
        let stored = self
            .backend
            .read(channel.name(), cursor.position(), limit)
            .await?;
        Ok(Page::new(cursor, &stored))
    }

    /// The position of a channel's last entry, whether that is still kept or not:
    /// [`Position::Start`] where nothing was ever appended.
    ///
    /// # Errors
    /// As [`read_after`](Self::read_after).
    pub async fn last<C>(&self, channel: C) -> Result<Position, StateError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        self.backend.last(checked(channel)?.name()).await
    }

    /// Drops all entries of a channel and begins a new epoch. What is returned is to be published:
    /// it has every hold ask the origin, which tells the client that it knows nothing any more.
    /// WebSockets have no such hint; tell them with an item of your own.
    ///
    /// # Errors
    /// As [`read_after`](Self::read_after).
    pub async fn clear<C>(&self, channel: C) -> Result<Appended, StateError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let id = self.backend.clear(checked(channel)?.name()).await?;
        let hint = Item::new()
            .http_response(HttpResponse::hint())
            .http_stream(HttpStream::hint());
        Ok(Appended {
            id,
            // Without a previous id, so that nobody waits for the one before it.
            item: hint.id(id.to_string()),
            is_duplicate: false,
            is_relayed: false,
        })
    }

    /// Replaces one entry, found by its key or its id, by another item under the same id. Returns
    /// the id, or `None` if the entry is no longer kept.
    ///
    /// Who has the entry already learns nothing of it: append an item that says so.
    ///
    /// # Errors
    /// As [`append`](Self::append).
    pub async fn amend<C>(
        &self,
        channel: C,
        name: &str,
        draft: impl Into<Draft>,
    ) -> Result<Option<EntryId>, StateError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = checked(channel)?;
        check_key(name)?;
        let template = draft.into().template(channel.name(), "");
        let template = template.map_err(StateError::invalid)?;
        StateError::check_length("an entry", template.expected_len(), MAX_ENTRY_LEN)?;
        self.backend
            .replace(channel.name(), name, Some(&template))
            .await
    }

    /// Removes one entry, found by its key or its id. Its number stays taken, so that nobody takes
    /// it for one that is missing. Returns the id, or `None` if the entry is no longer kept.
    ///
    /// # Errors
    /// As [`amend`](Self::amend).
    pub async fn remove<C>(&self, channel: C, name: &str) -> Result<Option<EntryId>, StateError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = checked(channel)?;
        check_key(name)?;
        self.backend.replace(channel.name(), name, None).await
    }
}

/// The channel of an argument.
pub(crate) fn checked<C>(channel: C) -> Result<Channel, StateError>
where
    C: TryInto<Channel>,
    C::Error: Into<ChannelError>,
{
    channel
        .try_into()
        .map_err(|error| StateError::invalid(error.into()))
}

/// Keys keep the rules for names.
fn check_key(key: &str) -> Result<(), StateError> {
    StateError::check_length("a key", key.len(), MAX_KEY_LEN)?;
    Channel::new(key).map(drop).map_err(StateError::invalid)
}
