//! What all handles to a hub share. It publishes, lists and ends by messages to the shards.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use gripware_core::{Channel, item::ItemParts};
use tokio::{
    runtime::Handle,
    sync::{mpsc::UnboundedReceiver, oneshot},
    time::timeout,
};

use crate::{
    channels::{
        backlog::Backlog,
        encoded_item::EncodedItem,
        registry::{Published, Registry},
    },
    clock,
    connection_id::Id,
    handoff::{HeldClient, Holder},
    inspect::{ChannelInfo, ConnectionInfo, Subscribers},
    metrics::{Gauges, Metrics},
    page::{CursorError, MAX_PAGE, Page, Seniority, channel_cursor, read_channel_cursor},
    passed::PassedSockets,
    settings::Settings,
    shard,
    shard::{Message, Shared},
    signature::Signature,
    threads::{Threads, index_of_caller},
};

/// How many connections a shard gives turns to before others are served.
const MAX_REFRESHED: usize = 256;

/// What all handles to a hub share.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) settings: Settings,
    pub(crate) signature: Arc<Signature>,
    pub(crate) metrics: Arc<Metrics>,
    shared: Arc<Shared>,
    backlog: Arc<Backlog>,
    passed: Arc<PassedSockets>,
    /// Those of the shards, in their order.
    threads: Arc<[Handle]>,
    next_shard: AtomicUsize,
    /// What cursors of connections count from.
    started: Instant,
}

impl Node {
    /// Starts the shards.
    pub(crate) fn start(settings: Settings) -> io::Result<Self> {
        let mut threads = Vec::with_capacity(settings.shards);
        let mut node = Self::start_with(settings, |index, shared, inbox| {
            threads.push(shard::start(index, shared, inbox)?);
            Ok(())
        })?;
        node.threads = threads.into();
        Ok(node)
    }

    /// Has each shard started by the caller.
    pub(crate) fn start_with(
        settings: Settings,
        mut start: impl FnMut(usize, Arc<Shared>, UnboundedReceiver<Message>) -> io::Result<()>,
    ) -> io::Result<Self> {
        let registry = Registry::new(settings.message_wait, settings.id_memory);
        let (shared, inboxes) = Shared::new(settings.clone(), registry);
        let shared = Arc::new(shared);
        for (index, inbox) in inboxes.into_iter().enumerate() {
            if let Err(error) = start(index, Arc::clone(&shared), inbox) {
                // Those that run already would wait for ever.
                stop(&shared);
                return Err(error);
            }
        }
        Ok(Self {
            signature: Arc::new(Signature::new(settings.signer.clone())),
            metrics: Arc::clone(&shared.metrics),
            backlog: Arc::new(Backlog::new(settings.backlog_bytes)),
            passed: Arc::default(),
            threads: Arc::default(),
            next_shard: AtomicUsize::new(0),
            started: clock::now(),
            shared,
            settings,
        })
    }

    /// The threads of the shards; that of the caller where somebody else runs them.
    pub(crate) fn threads(&self) -> Threads {
        Threads::of_hub(&self.threads)
    }

    /// Takes a valid item as soon as the backlog is below its limit. Returns how many subscribers
    /// it is for.
    pub(crate) async fn publish(&self, channel: &Channel, item: &ItemParts) -> Subscribers {
        loop {
            self.backlog.free().await;
            if let Some(subscribers) = self.try_publish(channel, item) {
                return subscribers;
            }
        }
    }

    /// Waits until the backlog is below its limit. Returns `None` if it is now.
    pub(crate) fn wait_for_backlog(&self) -> Option<impl Future<Output = ()> + Send + '_> {
        (!self.backlog.is_free()).then(|| self.backlog.free())
    }

    /// Takes a valid item without waiting. Returns how many subscribers it is for, or `None` if
    /// twice the limit of the backlog is in use.
    pub(crate) fn try_publish(&self, channel: &Channel, item: &ItemParts) -> Option<Subscribers> {
        let registry = &self.shared.registry;
        if item.id.is_none() && !registry.is_followed(channel.name()) {
            self.metrics.items.add(1);
            return Some(Subscribers::default());
        }
        let permit = Arc::new(self.backlog.take(EncodedItem::cost(item))?);
        self.metrics.items.add(1);
        let encoded = Arc::new(EncodedItem::new(channel.name().into(), item));
        let published = registry.publish(encoded, |shards, encoded| {
            self.shared.deliver(shards, &encoded, Some(&permit));
        });
        let Published {
            subscribers,
            is_duplicate,
            waits,
        } = published;
        if is_duplicate {
            self.metrics.duplicates.add(1);
            return Some(Subscribers::default());
        }
        if waits {
            self.shared.send(0, Message::Waits);
        }
        Some(subscribers.of_formats(item))
    }

    /// Gives turns to WebSockets. Returns `false`, and does nothing, if twice the limit of the backlog is in
    /// use.
    pub(crate) fn try_refresh(&self, ids: &[Id]) -> bool {
        let Some(permit) = self.backlog.take(size_of_val(ids)) else {
            return false;
        };
        let permit = Arc::new(permit);
        for ids in ids.chunks(MAX_REFRESHED) {
            let ids: Arc<[Id]> = ids.into();
            for shard in 0..self.shared.shards() {
                let (ids, permit) = (Arc::clone(&ids), Arc::clone(&permit));
                self.shared.send(shard, Message::Refresh { ids, permit });
            }
        }
        true
    }

    /// Hands an item to one connection, whatever it is subscribed to. Returns whether it is there
    /// and the item has a format for it.
    pub(crate) async fn publish_to(&self, id: Id, item: &ItemParts) -> bool {
        self.backlog.free().await;
        let encoded = Arc::new(EncodedItem::new("".into(), item));
        let mut is_reached = false;
        for answer in self.ask_all(|reached| Message::PublishTo {
            id,
            item: Arc::clone(&encoded),
            reached,
        }) {
            is_reached |= answer.await.unwrap_or(false);
        }
        is_reached
    }

    /// Returns how many bytes of items have been accepted and not been handed out yet.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn occupied(&self) -> usize {
        self.backlog.used()
    }

    /// Returns all channels that somebody is subscribed to, by name.
    pub(crate) fn channels(&self) -> Vec<ChannelInfo> {
        self.shared.registry.channels(None, usize::MAX)
    }

    /// Returns a page of them: the first, or the one that a cursor names.
    pub(crate) fn channels_page(
        &self,
        cursor: Option<&str>,
    ) -> Result<Page<ChannelInfo>, CursorError> {
        let after = cursor.map(read_channel_cursor).transpose()?;
        let channels = self.first_channels(after.as_deref(), MAX_PAGE + 1);
        Ok(Page::new(channels, |last| channel_cursor(&last.name)))
    }

    /// Returns the first `limit` channels behind a name.
    pub(crate) fn first_channels(&self, after: Option<&str>, limit: usize) -> Vec<ChannelInfo> {
        self.shared.registry.channels(after, limit)
    }

    /// Returns all clients that are held, the oldest first.
    pub(crate) async fn connections(&self) -> Vec<ConnectionInfo> {
        self.first_connections(None, None, usize::MAX)
            .await
            .into_iter()
            .map(|(_, info)| info)
            .collect()
    }

    /// Returns the clients that are subscribed to a channel, the oldest first.
    pub(crate) async fn connections_of(&self, channel: &str) -> Vec<ConnectionInfo> {
        self.first_connections(Some(channel), None, usize::MAX)
            .await
            .into_iter()
            .map(|(_, info)| info)
            .collect()
    }

    /// Returns a page of all, or of those of a channel: the first, or the one that a cursor names.
    pub(crate) async fn connections_page(
        &self,
        channel: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Page<ConnectionInfo>, CursorError> {
        let read = |cursor| Seniority::read(cursor, self.started);
        let after = cursor.map(read).transpose()?;
        let first = self.first_connections(channel, after, MAX_PAGE + 1).await;
        let Page { entries, next } = Page::new(first, |(last, _)| last.to_cursor(self.started));
        Ok(Page {
            entries: entries.into_iter().map(|(_, info)| info).collect(),
            next,
        })
    }

    /// Returns the first connections of all, or of a channel, behind a cursor: one more than a page
    /// has, each with its own cursor.
    #[cfg(feature = "relay")]
    pub(crate) async fn connections_after(
        &self,
        channel: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Vec<(String, ConnectionInfo)>, CursorError> {
        let read = |cursor| Seniority::read(cursor, self.started);
        let after = cursor.map(read).transpose()?;
        let first = self.first_connections(channel, after, MAX_PAGE + 1).await;
        let with_cursor = |(at, info): (Seniority, _)| (at.to_cursor(self.started), info);
        Ok(first.into_iter().map(with_cursor).collect())
    }

    async fn first_connections(
        &self,
        channel: Option<&str>,
        after: Option<Seniority>,
        limit: usize,
    ) -> Vec<(Seniority, ConnectionInfo)> {
        let mut connections = match channel {
            // What is passed through follows none.
            Some(_) => Vec::new(),
            None => self.passed.list(after),
        };
        let channel: Option<Arc<str>> = channel.map(Into::into);
        for answer in self.ask_all(|list| Message::List {
            channel: channel.clone(),
            after,
            limit,
            list,
        }) {
            connections.append(&mut answer.await.unwrap_or_default());
        }
        connections.sort_unstable_by_key(|(place, _)| *place);
        connections.truncate(limit);
        connections
    }

    /// Writes what has been counted, and what there is, in the text format of Prometheus. It asks
    /// no shard, and costs the same however many clients there are.
    pub(crate) fn exposition(&self) -> String {
        self.metrics.exposition(&self.gauges())
    }

    pub(crate) fn gauges(&self) -> Gauges {
        Gauges {
            connections: self.metrics.connections.values(),
            passed: self.passed.len(),
            channels: self.shared.registry.followed(),
            subscriptions: self.metrics.subscriptions.values(),
            queued_bytes: self.shared.queued_bytes(),
        }
    }

    /// Ends a connection in the way its kind allows. Returns whether there was one.
    pub(crate) async fn close(&self, id: Id) -> bool {
        let mut is_found = self.passed.close(id);
        for answer in self.ask_all(|found| Message::Close { id, found }) {
            is_found |= answer.await.unwrap_or(false);
        }
        is_found
    }

    /// Makes every stream with a next link, and every response hold, ask the origin what it missed.
    pub(crate) fn recover(&self) {
        for shard in 0..self.shared.shards() {
            self.shared.send(shard, Message::Recover);
        }
    }

    /// Makes every client recover that may have missed an item of another node, spread over a while.
    #[cfg(feature = "relay")]
    pub(crate) fn lost(&self) {
        for shard in 0..self.shared.shards() {
            self.shared.send(shard, Message::Lost);
        }
    }

    /// Returns how many subscribers a channel has, by its name.
    pub(crate) fn subscribers(&self, channel: &str) -> Subscribers {
        self.shared.registry.subscribers(channel)
    }

    /// Whether anybody here follows a channel.
    #[cfg(feature = "relay")]
    pub(crate) fn is_followed(&self, channel: &str) -> bool {
        self.shared.registry.is_followed(channel)
    }

    /// Ends every hold in the way its kind allows, after what was accepted is delivered. Returns
    /// whether all clients have got what is theirs in time.
    pub(crate) async fn drain(&self, limit: Duration) -> bool {
        self.passed.end();
        let shared = &self.shared;
        let released = shared
            .registry
            .release(|shards, encoded| shared.deliver(shards, &encoded, None));
        self.metrics.gaps.add(released.gaps);
        let all = self.ask_all(Message::Drain);
        let drained = async {
            for one in all {
                let _ = one.await;
            }
        };
        timeout(limit, drained).await.is_ok()
    }

    /// Asks every shard; those that have ended do not answer.
    fn ask_all<T>(
        &self,
        message: impl Fn(oneshot::Sender<T>) -> Message,
    ) -> Vec<oneshot::Receiver<T>> {
        let ask = |shard| {
            let (sender, receiver) = oneshot::channel();
            self.shared.send(shard, message(sender));
            receiver
        };
        (0..self.shared.shards()).map(ask).collect()
    }
}

impl Holder for Node {
    fn hold(&self, held: HeldClient) {
        // One that a shard has served stays on its thread.
        let shard = index_of_caller(&self.threads).unwrap_or_else(|| {
            let next = self.next_shard.fetch_add(1, Ordering::Relaxed);
            next % self.shared.shards()
        });
        // Where the shard has ended the client is dropped, as every other one was.
        self.shared.send(shard, Message::Hold(Box::new(held)));
    }

    fn settings(&self) -> &Settings {
        &self.settings
    }

    fn signature(&self) -> &Arc<Signature> {
        &self.signature
    }

    fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    fn passed(&self) -> &Arc<PassedSockets> {
        &self.passed
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        stop(&self.shared);
    }
}

fn stop(shared: &Shared) {
    for shard in 0..shared.shards() {
        shared.send(shard, Message::Stop);
    }
}
