use std::{collections::VecDeque, fmt, sync::Arc, time::Duration};

use bytes::Bytes;
use gripware_relay::{Backoff, Event, Incoming, NodeId, Task};
use redis::{RedisError, Value, aio::MultiplexedConnection};
use tokio::time::sleep;

use super::{
    broker::Shared,
    client,
    reply::{EntryId, Read, first_id, streams},
};

/// How long a read waits for something to come.
const BLOCK: Duration = Duration::from_secs(1);

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
        let end = |pipeline: &mut redis::Pipeline, command, key: &str, from, to| {
            let command = pipeline.cmd(command).arg(key).arg(from).arg(to);
            command.arg("COUNT").arg(1);
        };
        end(&mut pipeline, "XRANGE", &self.shared.items, "-", "+");
        end(&mut pipeline, "XREVRANGE", &self.shared.items, "+", "-");
        end(&mut pipeline, "XREVRANGE", &self.own, "+", "-");
        let ends: (Value, Value, Value) = pipeline.query_async(&mut connection).await?;
        let first = first_id(&ends.0).unwrap_or_default();
        let last = first_id(&ends.1).unwrap_or_default();
        let is_empty = last == EntryId::default();
        let resumed = match self.items {
            // It starts with what comes from now on.
            None => {
                self.items = Some(last);
                self.node = first_id(&ends.2).unwrap_or_default();
                false
            }
            Some(place) if place <= last => first <= place,
            // A server without its data begins anew, and its clock goes on: nothing of what comes
            // is before this place.
            Some(_) if is_empty => false,
            Some(_) => {
                self.items = Some(last);
                false
            }
        };
        self.connection = Some(connection);
        Ok(resumed)
    }

    /// Reads what has come. Whether something before it was trimmed.
    async fn read(&mut self, mut connection: MultiplexedConnection) -> Result<bool, RedisError> {
        let place = self.items.unwrap_or_default();
        let mut pipeline = redis::pipe();
        if self.is_behind {
            let first = pipeline.atomic().cmd("XRANGE").arg(&self.shared.items);
            first.arg("-").arg("+").arg("COUNT").arg(1);
        }
        let read = pipeline.cmd("XREAD").arg("COUNT").arg(self.count);
        if !self.is_behind {
            read.arg("BLOCK").arg(BLOCK.as_millis() as u64);
        }
        read.arg("STREAMS").arg(&self.shared.items).arg(&self.own);
        read.arg(place.to_string()).arg(self.node.to_string());
        let mut replies: Vec<Value> = pipeline.query_async(&mut connection).await?;

        let reply = replies.pop().unwrap_or_default();
        let first = replies.pop().as_ref().and_then(first_id);
        // Where the last entry that was read is gone, those after it may be.
        let is_trimmed = first.is_some_and(|first| first > place);
        let (mut bytes, mut is_full) = (0, false);
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
        if bytes > READ_BYTES {
            self.count = (self.count / 2).max(1);
        } else if is_full && bytes < READ_BYTES / 4 {
            self.count = (self.count * 2).min(MAX_COUNT);
        }
        Ok(is_trimmed)
    }
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
