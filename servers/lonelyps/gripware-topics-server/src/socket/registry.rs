//! The connections of this process: which of them want a topic, and how they are woken.

mod upkeep;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use gripware_core::ErrorChain;
use gripware_topics::{Address, Pattern, SubscriptionList, Topic, ws::Joiner};
use tokio::sync::OwnedSemaphorePermit;

pub(crate) use self::upkeep::look_after;
use super::{outbox::Outbox, peer::Peer, tally::Tally, waker::Waker};
use crate::{
    clock::now,
    deliver::Message,
    store::{StoreError, StoreLimits, index::Index},
};

/// How often the proxy asks by itself, where a refresh may have been lost.
pub(super) const POLL: Duration = Duration::from_secs(60);

/// All connections of this process.
#[derive(Debug, Default)]
pub(crate) struct Sockets {
    inner: RwLock<Inner>,
    /// Without one there are no connections.
    waker: Option<Waker>,
    /// Where other broadcasters have to know what the connections want.
    peer: Option<Arc<Peer>>,
}

#[derive(Debug, Default)]
struct Inner {
    sockets: HashMap<Arc<str>, Arc<Socket>>,
    index: Index<Arc<str>>,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Socket {
    id: Arc<str>,
    outbox: Mutex<Outbox>,
    incoming: Mutex<Incoming>,
    /// Whether a refresh is on its way whose turn has not begun.
    is_asked: AtomicBool,
    /// When its last turn was, in seconds since 1970.
    heard: AtomicU64,
}

/// A message of the client that comes in parts.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) joiner: Joiner,
    /// Since its first part: the room that it takes, and until when it has to be there.
    pub(super) reserved: Option<(OwnedSemaphorePermit, Instant)>,
}

impl Incoming {
    fn new(max_message: u64) -> Self {
        Self {
            joiner: Joiner::new(max_message),
            reserved: None,
        }
    }

    /// Whether the time for a message is over.
    pub(super) fn is_late(&self) -> bool {
        let until = self.reserved.as_ref().map(|(_, until)| *until);
        until.is_some_and(|until| until <= Instant::now())
    }

    /// Takes the joiner, which is to be put back.
    pub(super) fn take_joiner(&mut self) -> Joiner {
        let none = Joiner::new(self.joiner.limit());
        std::mem::replace(&mut self.joiner, none)
    }
}

/// Deliveries to connections that have not been confirmed.
#[derive(Debug)]
pub(crate) struct UnderWay {
    tally: Tally,
    /// Each with the number that the message has there.
    sockets: Vec<(Arc<Socket>, u64)>,
}

impl UnderWay {
    pub(crate) fn is_empty(&self) -> bool {
        self.sockets.is_empty()
    }
}

impl Socket {
    /// Nothing panics while it is held.
    pub(super) fn outbox(&self) -> MutexGuard<'_, Outbox> {
        self.outbox.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing panics while it is held.
    pub(super) fn incoming(&self) -> MutexGuard<'_, Incoming> {
        self.incoming.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A turn begins: whatever comes from now on needs another one.
    pub(super) fn begin_turn(&self) {
        self.heard.store(now(), Ordering::Relaxed);
        self.is_asked.store(false, Ordering::SeqCst);
    }

    /// Whether a refresh is to be published: none is on its way.
    fn ask(&self) -> bool {
        !self.is_asked.swap(true, Ordering::SeqCst)
    }
}

impl Sockets {
    /// Those of a proxy that is told by this.
    pub(crate) fn new(waker: Waker, peer: Option<Arc<Peer>>) -> Self {
        Self {
            waker: Some(waker),
            peer,
            ..Self::default()
        }
    }

    pub(super) fn open(&self, id: &str, max_message: usize) {
        let id: Arc<str> = id.into();
        let socket = Socket {
            id: Arc::clone(&id),
            outbox: Mutex::default(),
            incoming: Mutex::new(Incoming::new(max_message as u64)),
            is_asked: AtomicBool::new(false),
            heard: AtomicU64::new(now()),
        };
        self.write().sockets.insert(id, Arc::new(socket));
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Socket>> {
        self.read().sockets.get(id).map(Arc::clone)
    }

    /// Forgets a connection. What was under way to it is not confirmed.
    pub(super) fn close(self: &Arc<Self>, id: &str) {
        let closed = self.write().close(id);
        if let Some((socket, patterns)) = closed {
            // Deliveries may hold the connection, and wait for what is dropped here.
            socket.outbox().close();
            *socket.incoming() = Incoming::new(0);
            if !patterns.is_empty() {
                self.announce_later(patterns);
            }
        }
    }

    /// Tells other broadcasters, where there are any, whether connections want these patterns.
    pub(super) async fn announce(&self, patterns: Vec<Pattern>) -> Result<(), StoreError> {
        match &self.peer {
            Some(peer) => {
                let is_wanted = |pattern: &Pattern| self.read().index.has(pattern);
                peer.announce(patterns, is_wanted).await
            }
            None => Ok(()),
        }
    }

    /// As [`announce`](Self::announce), in the background.
    pub(crate) fn announce_later(self: &Arc<Self>, patterns: Vec<Pattern>) {
        if self.peer.is_none() {
            return;
        }
        let this = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(error) = this.announce(patterns).await {
                let error = ErrorChain(&error);
                tracing::warn!(%error, "other broadcasters do not know that connections have ended");
            }
        });
    }

    /// Whether others send to this address what the connections here want.
    pub(crate) fn are_at(&self, url: &Address) -> bool {
        self.peer.as_ref().is_some_and(|peer| peer.receive == *url)
    }

    /// Tells all connections that match that messages of a topic were missed.
    pub(crate) async fn note_missed(&self, topic: &Topic) {
        let sockets = self.matching(topic);
        for socket in &sockets {
            socket.outbox().note_missed(topic.clone());
        }
        self.wake(&sockets).await;
    }

    /// Adds a subscription. `false` if the connection has it.
    pub(super) fn subscribe(&self, socket: &Socket, pattern: &Pattern) -> Result<bool, StoreError> {
        let mut inner = self.write();
        if inner.index.contains(&socket.id, pattern) {
            return Ok(false);
        }
        inner
            .index
            .check_room(&socket.id, &StoreLimits::default())?;
        inner.index.insert(&socket.id, pattern, None);
        Ok(true)
    }

    /// Removes a subscription. `false` if there is none.
    pub(super) fn unsubscribe(&self, socket: &Socket, pattern: &Pattern) -> bool {
        self.write().index.remove(&socket.id, pattern)
    }

    fn matching(&self, topic: &Topic) -> Vec<Arc<Socket>> {
        let inner = self.read();
        let matching = inner.index.matching(topic);
        let ids = matching.iter().map(|(id, _)| id);
        ids.filter_map(|id| inner.sockets.get(id).cloned())
            .collect()
    }

    /// Gives a message to all connections that match, each once. That they are woken is not waited for,
    /// which other subscribers would have to, too.
    pub(crate) async fn deliver(self: &Arc<Self>, message: &Arc<Message>) -> UnderWay {
        let tally = Tally::new();
        let sockets = match self.waker {
            Some(_) => self.matching(&message.topic),
            None => Vec::new(),
        };
        if sockets.is_empty() {
            return UnderWay {
                tally,
                sockets: Vec::new(),
            };
        }
        if sockets.iter().any(|socket| socket.outbox().is_compressed()) {
            message.compress().await;
        }
        let mut under_way = Vec::with_capacity(sockets.len());
        for socket in &sockets {
            let number = socket.outbox().push(message, &tally);
            under_way.extend(number.map(|number| (Arc::clone(socket), number)));
        }
        let this = Arc::clone(self);
        tokio::spawn(async move { this.wake(&sockets).await });
        UnderWay {
            tally,
            sockets: under_way,
        }
    }

    /// Waits until deliveries are confirmed, their time is over or they are `cut` short, and returns for
    /// how many subscribers they are.
    pub(crate) async fn confirmed(
        &self,
        under_way: UnderWay,
        time: Duration,
        cut: impl Future<Output = ()>,
    ) -> u32 {
        let UnderWay { tally, sockets } = under_way;
        let are_closed = tokio::select! {
            biased;
            are_closed = tally.closed(time) => are_closed,
            () = cut => false,
        };
        if are_closed {
            return tally.subscribers();
        }
        let confirmed = tally.subscribers();
        // Those that are confirmed are in no outbox any more.
        let is_missed = |(socket, number): (Arc<Socket>, u64)| {
            let is_missed = socket.outbox().expire(number);
            is_missed.then_some(socket)
        };
        let late: Vec<_> = sockets.into_iter().filter_map(is_missed).collect();
        self.wake(&late).await;
        confirmed
    }

    /// Makes turns for connections. The proxy makes one of several that come before it begins.
    pub(super) async fn wake(&self, sockets: &[Arc<Socket>]) {
        let asked = sockets.iter().filter(|socket| socket.ask());
        let ids: Vec<_> = asked.map(|socket| Arc::clone(&socket.id)).collect();
        let Some(waker) = self.waker.as_ref().filter(|_| !ids.is_empty()) else {
            return;
        };
        for id in waker.wake(ids).await {
            if let Some(socket) = self.find(&id) {
                socket.is_asked.store(false, Ordering::SeqCst);
            }
        }
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Inner> {
        // Nothing panics while it is held.
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Removes a connection, and returns it and what it was subscribed to.
    fn close(&mut self, id: &str) -> Option<(Arc<Socket>, Vec<Pattern>)> {
        let socket = self.sockets.remove(id)?;
        let list = self.index.list(&socket.id);
        self.index.replace(&socket.id, &SubscriptionList::default());
        let patterns = list.iter().map(|(pattern, _)| pattern).collect();
        Some((socket, patterns))
    }
}
