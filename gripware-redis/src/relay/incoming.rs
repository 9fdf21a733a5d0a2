use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use gripware_relay::{Backoff, Event, Incoming, NodeId, Task};
use redis::{Pipeline, RedisError, Value, aio::MultiplexedConnection};
use tokio::time::{Instant, sleep};

use super::{
    broker::Shared,
    client,
    reply::{EntryId, Read, first_id, streams},
};

/// How long a read waits for something to come.
const BLOCK: Duration = Duration::from_secs(1);

/// How often it is looked whether the stream of this node has begun anew.
const LOOK: Duration = Duration::from_secs(1);

/// The most entries of one read.
const MAX_COUNT: usize = 1000;

/// How many entries the first read has, when it is not known how large they are.
const FIRST_COUNT: usize = 16;

/// A read that had more bytes is followed by one of half as many entries, so that what was read and
/// not taken yet stays within a few times this.
const READ_BYTES: usize = 1024 * 1024;

/// Reads the streams of one node.
pub(crate) struct RedisIncoming {
    shared: Arc<Shared>,
    own: String,
    /// None while the server is out of reach.
    connection: Option<MultiplexedConnection>,
    /// Whether there is a pause before the next connection.
    has_failed: bool,
    /// The last entry that was read of the items; none before the first connection.
    items: Option<EntryId>,
    node: EntryId,
    /// When the end of the node's stream was looked at.
    looked: Instant,
    ready: VecDeque<Bytes>,
    count: usize,
    /// Whether the last read was full, so that there is more, and some may have been trimmed.
    is_behind: bool,
    backoff: Backoff,
}

impl RedisIncoming {
    pub(crate) fn new(shared: Arc<Shared>, own: &NodeId) -> Self {
        Self {
            own: shared.node(own),
            shared,
            connection: None,
            has_failed: false,
            items: None,
            node: EntryId::default(),
            looked: Instant::now(),
            ready: VecDeque::new(),
            count: FIRST_COUNT,
            is_behind: false,
            backoff: Backoff::new(),
        }
    }

    async fn event(&mut self) -> Event {
        loop {
            if let Some(message) = self.ready.pop_front() {
                return Event::Message(message);
            }
            let Some(connection) = self.connection.clone() else {
                if self.has_failed {
                    sleep(self.backoff.next_pause()).await;
                }
                match self.connect().await {
                    Ok(resumed) => return Event::Connected { resumed },
                    Err(error) => return self.disconnected(&error),
                }
            };
            match self.read(connection).await {
                Ok(false) => self.backoff.reset(),
                Ok(true) => return Event::Missed,
                Err(error) => return self.disconnected(&error),
            }
        }
    }

    fn disconnected(&mut self, error: &RedisError) -> Event {
        self.connection = None;
        self.has_failed = true;
        Event::Disconnected(self.shared.error(error))
    }

    /// Connects; whether it goes on where it was.
    async fn connect(&mut self) -> Result<bool, RedisError> {
        let mut connection = client::connect(&self.shared.client, BLOCK).await?;
        let mut pipeline = redis::pipe();
        ask_first(&mut pipeline, &self.shared.items);
        ask_last(&mut pipeline, &self.shared.items);
        ask_last(&mut pipeline, &self.own);
        let ends: (Value, Value, Value) = pipeline.query_async(&mut connection).await?;
        let first = first_id(&ends.0).unwrap_or_default();
        let last = first_id(&ends.1).unwrap_or_default();
        let resumed = match self.items {
            // It starts with what comes from now on.
            None => {
                self.items = Some(last);
                self.node = first_id(&ends.2).unwrap_or_default();
                false
            }
            Some(place) if place <= last => first <= place,
            // A server without its data begins anew, by a clock that may have been set back.
            Some(_) => {
                self.items = Some(last);
                false
            }
        };
        self.look(first_id(&ends.2));
        self.connection = Some(connection);
        Ok(resumed)
    }

    /// Reads what has come. Whether something before it was trimmed.
    async fn read(&mut self, mut connection: MultiplexedConnection) -> Result<bool, RedisError> {
        let place = self.items.unwrap_or_default();
        let mut pipeline = redis::pipe();
        let looks = self.looked.elapsed() >= LOOK;
        if looks {
            ask_last(&mut pipeline, &self.own);
        }
        if self.is_behind {
            ask_first(pipeline.atomic(), &self.shared.items);
        }
        let read = pipeline.cmd("XREAD").arg("COUNT").arg(self.count);
        if !self.is_behind {
            read.arg("BLOCK").arg(BLOCK.as_millis() as u64);
        }
        read.arg("STREAMS").arg(&self.shared.items).arg(&self.own);
        read.arg(place.to_string()).arg(self.node.to_string());
        let mut replies: Vec<Value> = pipeline.query_async(&mut connection).await?;

        let reply = replies.pop().unwrap_or_default();
        let first = match self.is_behind {
            true => replies.pop().as_ref().and_then(first_id),
            false => None,
        };
        // Where the last entry that was read is gone, those after it may be.
        let is_trimmed = first.is_some_and(|first| first > place);
        let (mut bytes, mut is_full) = (0, false);
        let node = self.node;
        for Read { key, entries } in streams(reply) {
            is_full |= entries.len() >= self.count;
            let is_own = key == self.own.as_bytes();
            for (id, message) in entries {
                match is_own {
                    true => self.node = id,
                    false => self.items = Some(id),
                }
                bytes += message.len();
                self.ready.push_back(message);
            }
        }
        self.is_behind = is_full;
        if looks && self.node == node {
            self.look(replies.pop().as_ref().and_then(first_id));
        }
        if bytes > READ_BYTES {
            self.count = (self.count / 2).max(1);
        } else if is_full && bytes < READ_BYTES / 4 {
            self.count = (self.count * 2).min(MAX_COUNT);
        }
        Ok(is_trimmed)
    }

    /// Reads the node's stream from its beginning, if it ends before the place that was read up to:
    /// it has expired, and goes on by a clock that may have been set back meanwhile.
    fn look(&mut self, last: Option<EntryId>) {
        self.looked = Instant::now();
        if last.unwrap_or_default() < self.node {
            self.node = EntryId::default();
        }
    }
}

/// Asks for the first entry of a stream.
fn ask_first(pipeline: &mut Pipeline, key: &str) {
    let command = pipeline.cmd("XRANGE").arg(key).arg("-").arg("+");
    command.arg("COUNT").arg(1);
}

/// Asks for the last entry of a stream.
fn ask_last(pipeline: &mut Pipeline, key: &str) {
    let command = pipeline.cmd("XREVRANGE").arg(key).arg("+").arg("-");
    command.arg("COUNT").arg(1);
}

impl Incoming for RedisIncoming {
    fn next(&mut self) -> Task<'_, Event> {
        Box::pin(self.event())
    }
}

impl fmt::Debug for RedisIncoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisIncoming")
            .field("broker", &self.shared.name)
            .field("items", &self.items)
            .field("ready", &self.ready.len())
            .finish_non_exhaustive()
    }
}
