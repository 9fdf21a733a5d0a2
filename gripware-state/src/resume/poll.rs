use std::time::Duration;

use gripware_core::{Channel, ChannelError, GripContext, Hold, LastEventId, Recovery};

use super::Start;
use crate::{History, Page, Position, StateError, history::MAX_PAGE_ENTRIES};

impl History {
    /// Serves long polls of a channel: answers at once what the client has missed, and holds the
    /// request where it has missed nothing.
    pub fn poll<C>(&self, channel: C) -> PollResume
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        PollResume {
            history: self.clone(),
            channel: channel.try_into().map_err(Into::into),
            start: Start::default(),
            timeout: None,
        }
    }
}

/// A long poll that is about to be served. Built by [`History::poll`].
///
/// How entries are written is the application's: in [`Polled::Missed`] several, in what it publishes
/// as `http-response` one.
///
/// ```
/// use gripware_core::{GripContext, HttpResponse, Item, LastEventId};
/// use gripware_state::{Draft, History, StateError, resume::Polled};
/// use serde_json::{Value, json};
///
/// /// One item, for those who wait.
/// fn draft(text: String) -> Draft {
///     Draft::with_id(move |id| {
///         let body = json!({ "last": id, "items": [text] });
///         Item::from(HttpResponse::json(&body)).meta("text", text.as_str())
///     })
/// }
///
/// /// All that were missed, or the hold and what its timeout answers.
/// # #[allow(dead_code)]
/// async fn poll(
///     history: &History,
///     cx: &GripContext,
///     cursor: &LastEventId,
/// ) -> Result<(Option<gripware_core::Hold>, Value), StateError> {
///     Ok(match history.poll("news").resume(cx, cursor).await? {
///         Polled::Missed(page) => {
///             let metas = page.entries.iter().filter_map(|entry| entry.item.parts().ok());
///             let texts: Vec<_> = metas.map(|parts| &parts.meta[0].1).collect();
///             let body = json!({
///                 "last": page.position.to_string(),
///                 "reset": !page.continuity.is_complete(),
///                 "items": texts,
///             });
///             (None, body)
///         }
///         Polled::Held { hold, position } => {
///             (Some(hold), json!({ "last": position.to_string(), "items": [] }))
///         }
///     })
/// }
/// # let _ = draft;
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it resumes"]
pub struct PollResume {
    history: History,
    channel: Result<Channel, ChannelError>,
    start: Start,
    timeout: Option<Duration>,
}

/// How a long poll is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "there is one for each request")]
pub enum Polled {
    /// At once: the client has missed something, or has to be told that it cannot know. Its
    /// [`continuity`](Page::continuity) says which. The cursor for the next poll is its
    /// [`position`](Page::position), of which there may be more.
    Missed(Page),
    /// By what is published next, or by the response that the hold is returned with.
    Held {
        /// The hold.
        hold: Hold,
        /// The cursor for the next poll where nothing came.
        position: Position,
    },
}

impl PollResume {
    /// Sets what a client gets that has no cursor. Default: [`Start::Kept`]. With
    /// [`Start::Snapshot`] it is answered at once with the entries that are kept, be there any or
    /// not.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Sets when the hold is answered although nothing came; see [`Hold::timeout`].
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Reads what came after the client's cursor: that of the proxy where it says one, else the
    /// client's own.
    ///
    /// # Errors
    /// Where the channel is not valid, or the backend fails.
    pub async fn resume(
        &self,
        cx: &GripContext,
        cursor: &LastEventId,
    ) -> Result<Polled, StateError> {
        let channel = self.channel.clone().map_err(StateError::invalid)?;
        let recovery = Recovery::new(cx.last(), channel.clone()).or_cursor(cursor.id());
        let after = recovery.after();
        let name = channel.name();
        let page = self
            .history
            .read_after(name, after, MAX_PAGE_ENTRIES)
            .await?;

        let is_new = after.is_none();
        let is_due = !page.entries.is_empty() || page.has_more || !page.continuity.is_complete();
        let hold = match self.start {
            // Its last id is of a life that the channel no longer has: the client knows that
            // already, and would be told over and over.
            _ if !page.continuity.is_complete() && cursor.id() == Some(&*page.last.to_string()) => {
                Hold::response(channel)
            }
            Start::Now if is_new => Hold::response_after(&recovery, page.last),
            Start::Snapshot if is_new => return Ok(Polled::Missed(page)),
            _ if is_due => return Ok(Polled::Missed(page)),
            _ => Hold::response_after(&recovery, page.position),
        };
        Ok(Polled::Held {
            hold: match self.timeout {
                Some(timeout) => hold.timeout(timeout),
                None => hold,
            },
            position: page.last,
        })
    }
}
