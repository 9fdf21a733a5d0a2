use std::{error::Error, time::Duration};

use bytes::Bytes;
use gripware_core::{
    Channel, ChannelError, GripContext, Hold, HoldError, HttpStream, Item, KeepAlive, LastEventId,
    Link, Recovery, SseEvent, item::Action,
};
use serde_json::json;

use super::{Missed, Start, present::Attendance, snapshot::Snapshot};
use crate::{Continuity, EntryId, History, Page, Position, StateError, history::MAX_PAGE_ENTRIES};

/// After how long a proxy asks for the rest of what one answer has no room for. A proxy that knows
/// a later id asks at once.
pub const MORE_INTERVAL: Duration = Duration::from_secs(1);

impl History {
    /// Serves a stream of a channel to a client that may have missed something.
    ///
    /// `path` is that of the same resource, without a query: proxies fetch there what they miss, and
    /// give one answer to all clients that wait at it (see [`Hold::stream_after`]). What a client
    /// sees therefore depends on nothing but the path.
    pub fn stream<C, L>(&self, channel: C, path: L) -> StreamResume
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
        L: TryInto<Link>,
        L::Error: Into<HoldError>,
    {
        StreamResume {
            history: self.clone(),
            channel: channel.try_into().map_err(Into::into),
            path: path.try_into().map_err(Into::into),
            format: Format::Sse,
            start: Start::default(),
            snapshot: None,
            keep_alive: None,
            next_timeout: None,
            attendance: None,
        }
    }
}

/// A stream that is about to be served. Built by [`History::stream`].
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it resumes"]
pub struct StreamResume {
    history: History,
    channel: Result<Channel, ChannelError>,
    path: Result<Link, HoldError>,
    format: Format,
    start: Start,
    snapshot: Option<Snapshot>,
    keep_alive: Option<KeepAlive>,
    next_timeout: Option<Duration>,
    pub(super) attendance: Option<Attendance>,
}

#[derive(Clone, Debug)]
enum Format {
    Sse,
    Lines {
        content_type: &'static str,
        reset: String,
    },
}

impl StreamResume {
    /// Serves what the items have for streams as it is, with this content type. Default: server-sent
    /// events. `reset` is what a client gets, with its line end, that is to forget what it has.
    ///
    /// Items carry their id in the content themselves ([`Draft::with_id`](crate::Draft::with_id)),
    /// and clients come back with it in the query.
    pub fn lines(mut self, content_type: &'static str, reset: impl Into<String>) -> Self {
        self.format = Format::Lines {
            content_type,
            reset: reset.into(),
        };
        self
    }

    /// Sets what a client gets that has no cursor. Default: [`Start::Kept`].
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Sets what a client gets that has missed too much: the state that all entries up to
    /// [`Missed::position`] make. It is taken after that position is known, so it may have more, of
    /// which the client gets the items again.
    ///
    /// Default: the event `reset`, with `{"reason":…}` as [`Continuity::as_str`] names it, or the
    /// reset of [`lines`](Self::lines); then the entries that are kept.
    pub fn snapshot<F, T, S, E>(mut self, take: F) -> Self
    where
        F: Fn(Missed) -> T + Send + Sync + 'static,
        T: Future<Output = Result<S, E>> + Send + 'static,
        S: Into<HttpStream>,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        self.snapshot = Some(Snapshot::new(take));
        self
    }

    /// Sets what keeps the stream alive; see [`Hold::keep_alive`].
    pub fn keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.keep_alive = Some(keep_alive);
        self
    }

    /// Sets after how long without an item the proxy asks anyway; see [`Hold::next_timeout`].
    pub fn next_timeout(mut self, timeout: Duration) -> Self {
        self.next_timeout = Some(timeout);
        self
    }

    /// Reads what came after the client's cursor: that of the proxy where it says one, else the
    /// client's own.
    ///
    /// Where one answer has no room for all, its hold has the proxy come back for the rest.
    ///
    /// # Errors
    /// Where the channel is not valid, the backend fails, or the snapshot does. A path that is none
    /// is found when the hold is written.
    pub async fn resume(
        &self,
        cx: &GripContext,
        cursor: &LastEventId,
    ) -> Result<ResumedStream, StateError> {
        let channel = self.channel.clone().map_err(StateError::invalid)?;
        let name = channel.name().to_owned();
        if let Some(Attendance {
            presence, member, ..
        }) = &self.attendance
        {
            presence.join(channel.clone(), member).await?;
        }
        let recovery = Recovery::new(cx.last(), channel).or_cursor(cursor.id());
        let after = recovery.after();

        let page = self
            .history
            .read_after(name, after, MAX_PAGE_ENTRIES)
            .await?;
        let is_new = after.is_none();
        let missed = Missed {
            continuity: page.continuity,
            position: page.last,
        };
        let wants_snapshot =
            !page.continuity.is_complete() || (is_new && self.start == Start::Snapshot);
        let mut body = Vec::new();
        let (mut position, mut has_more) = (page.last, false);
        let mut told = after.map(str::to_owned);
        match &self.snapshot {
            Some(snapshot) if wants_snapshot => put(&mut body, &snapshot.take(missed).await?)?,
            _ if is_new && self.start == Start::Now => {}
            _ => {
                if !page.continuity.is_complete() {
                    self.put_reset(&mut body, page.continuity)?;
                }
                if let Some(last) = put_entries(&mut body, &page)? {
                    told = Some(last.to_string());
                }
                (position, has_more) = (page.position, page.has_more);
            }
        }
        // Tells a browser where it stands, where no event has.
        if matches!(self.format, Format::Sse) && told != Some(position.to_string()) {
            put(&mut body, &SseEvent::new().id(position).into())?;
        }
        Ok(ResumedStream {
            hold: self.hold(&recovery, position, has_more),
            content_type: match &self.format {
                Format::Sse => "text/event-stream",
                Format::Lines { content_type, .. } => content_type,
            },
            body: body.into(),
            continuity: page.continuity,
            position,
        })
    }

    fn hold(&self, recovery: &Recovery, position: Position, has_more: bool) -> Hold {
        let hold = match &self.path {
            Ok(path) => Hold::stream_after(recovery, position, path.clone()),
            // As if it had been given to the hold, which keeps its first mistake.
            Err(mistake) => Hold::stream_after(recovery, position, Mistake(mistake.clone())),
        };
        let hold = match &self.keep_alive {
            Some(keep_alive) => hold.keep_alive(keep_alive.clone()),
            None => hold,
        };
        let attendance = self.attendance.as_ref();
        let hold = match attendance {
            Some(attendance) => attendance.tell_gone(hold),
            None => hold,
        };
        let timeout = if has_more {
            Some(MORE_INTERVAL)
        } else {
            let interval = attendance.and_then(Attendance::interval);
            self.next_timeout.or(interval)
        };
        match timeout {
            Some(timeout) if self.path.is_ok() => hold.next_timeout(timeout),
            _ => hold,
        }
    }

    fn put_reset(&self, body: &mut Vec<u8>, continuity: Continuity) -> Result<(), StateError> {
        match &self.format {
            Format::Sse => {
                let reason = json!({ "reason": continuity.as_str() });
                put(body, &SseEvent::new().event("reset").json(&reason).into())
            }
            Format::Lines { reset, .. } => {
                body.extend_from_slice(reset.as_bytes());
                Ok(())
            }
        }
    }
}

/// Stands for a path that is none.
pub(super) struct Mistake(pub(super) HoldError);

impl TryFrom<Mistake> for Link {
    type Error = HoldError;

    fn try_from(mistake: Mistake) -> Result<Self, HoldError> {
        Err(mistake.0)
    }
}

/// What an item has for streams. An action is no content.
fn stream(item: &Item) -> Option<&HttpStream> {
    let stream = item.parts().ok()?.http_stream.as_ref()?;
    (stream.action() == Action::Send).then_some(stream)
}

/// Writes the entries, and returns the id of the last one that was.
fn put_entries(body: &mut Vec<u8>, page: &Page) -> Result<Option<EntryId>, StateError> {
    let mut last = None;
    for entry in &page.entries {
        if let Some(stream) = stream(&entry.item) {
            put(body, stream)?;
            last = Some(entry.id);
        }
    }
    Ok(last)
}

fn put(body: &mut Vec<u8>, stream: &HttpStream) -> Result<(), StateError> {
    Item::from(stream.clone())
        .check()
        .map_err(StateError::invalid)?;
    body.extend_from_slice(stream.content().as_bytes());
    Ok(())
}

/// What a client of a stream gets at once, and the hold that goes on from there.
///
/// With the feature `axum` it is an `IntoResponse`, with `actix` a `Responder`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "it does nothing unless it is returned"]
pub struct ResumedStream {
    hold: Hold,
    content_type: &'static str,
    body: Bytes,
    continuity: Continuity,
    position: Position,
}

impl ResumedStream {
    /// The hold.
    pub const fn hold(&self) -> &Hold {
        &self.hold
    }

    /// Changes the hold: to add a channel, meta, or a gone link.
    pub fn with_hold(mut self, change: impl FnOnce(Hold) -> Hold) -> Self {
        self.hold = change(self.hold);
        self
    }

    /// The content type.
    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        self.content_type
    }

    /// What the client gets at once.
    #[must_use]
    pub const fn body(&self) -> &Bytes {
        &self.body
    }

    /// Whether the client was told everything that it had missed.
    #[must_use]
    pub const fn continuity(&self) -> Continuity {
        self.continuity
    }

    /// Where the hold goes on.
    #[must_use]
    pub const fn position(&self) -> Position {
        self.position
    }

    /// The hold, the content type and the body.
    pub fn into_parts(self) -> (Hold, &'static str, Bytes) {
        (self.hold, self.content_type, self.body)
    }
}
