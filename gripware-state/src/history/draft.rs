use std::fmt;

use gripware_core::{HttpResponse, HttpStream, Item, ItemError, SseEvent, WsMessage};

use super::Template;
use crate::EntryId;

/// An item that is yet to get its id, to be appended to a [`History`](super::History).
///
/// A [`SseEvent`] gets the entry's id as its event id, which browsers send back as `Last-Event-ID`.
/// Whatever else shall carry the id in its content is built by [`with_id`](Self::with_id).
///
/// ```
/// use gripware_core::{Item, SseEvent, WsMessage};
/// use gripware_state::Draft;
/// use serde_json::json;
///
/// let event = Draft::from(SseEvent::new().event("said").data("hi"));
/// let both = Draft::with_id(|id| {
///     Item::new()
///         .http_stream(SseEvent::new().id(id).data("hi"))
///         .ws_message(WsMessage::json(&json!({ "id": id, "text": "hi" })))
/// });
/// let retried = Draft::from(WsMessage::text("hi")).key("5f0c");
/// # let _ = (event, both, retried);
/// ```
#[must_use]
pub struct Draft {
    make: Box<dyn Fn(&str) -> Item + Send + Sync>,
    key: Option<String>,
}

impl Draft {
    /// An item that is built for its id.
    ///
    /// `make` may be called more than once, and with a text that stands for an id: it has to put it
    /// unchanged into texts, of which [binary content](gripware_core::item::Content::is_binary) is
    /// none.
    pub fn with_id(make: impl Fn(&str) -> Item + Send + Sync + 'static) -> Self {
        Self {
            make: Box::new(make),
            key: None,
        }
    }

    /// Sets the idempotency key: 1 to [`MAX_KEY_LEN`](super::MAX_KEY_LEN) bytes without control
    /// characters, such as the message's UUID.
    ///
    /// While the entry is kept, the same key again on this channel appends nothing and returns the
    /// first answer. [`History::amend`](super::History::amend) and
    /// [`History::remove`](super::History::remove) find the entry by it.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    pub(super) fn idempotency_key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// The item as the entry `id`.
    pub(super) fn item(&self, id: &EntryId) -> Item {
        let own = id.to_string();
        let item = (self.make)(&own);
        item.id(own).prev_id(id.previous().to_string())
    }

    pub(super) fn template(&self, channel: &str, prefix: &str) -> Result<Template, ItemError> {
        Template::new(channel, prefix, &self.make)
    }
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Draft")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

impl From<Item> for Draft {
    fn from(item: Item) -> Self {
        Self::with_id(move |_| item.clone())
    }
}

impl From<SseEvent> for Draft {
    fn from(event: SseEvent) -> Self {
        Self::with_id(move |id| event.clone().id(id).into())
    }
}

impl From<HttpStream> for Draft {
    fn from(format: HttpStream) -> Self {
        Item::from(format).into()
    }
}

impl From<HttpResponse> for Draft {
    fn from(format: HttpResponse) -> Self {
        Item::from(format).into()
    }
}

impl From<WsMessage> for Draft {
    fn from(format: WsMessage) -> Self {
        Item::from(format).into()
    }
}
