//! What is appended to a stream hold.

use bytes::Bytes;
use serde::Serialize;

use super::{Action, Content, SseEvent, error::FirstError};
use crate::Filter;

/// What the clients of `stream` holds get: content that is appended, or an [`Action`].
///
/// Nothing is added to the content: a stream of lines needs its own line ends.
///
/// ```
/// use gripware_core::item::{Action, HttpStream, Item, ItemError, SseEvent};
///
/// let line = HttpStream::json_line(&["a", "b"]);
/// assert_eq!(line.content().as_text(), Some("[\"a\",\"b\"]\n"));
/// assert_eq!(HttpStream::close().action(), Action::Close);
///
/// let event = HttpStream::from(SseEvent::new().event("join").data("anna"));
/// assert_eq!(event.content().as_text(), Some("event: join\ndata: anna\n\n"));
///
/// let broken = Item::from(SseEvent::new().event("jo\nin").data("anna"));
/// assert_eq!(broken.check(), Err(ItemError::EventName));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct HttpStream {
    action: Action,
    content: Content,
    content_filters: Vec<Filter>,
    pub(super) error: FirstError,
}

impl HttpStream {
    /// Creates a text.
    pub fn text(text: impl Into<String>) -> Self {
        Self::send(Content::text(text.into()))
    }

    /// Bytes.
    pub fn bytes(bytes: impl Into<Bytes>) -> Self {
        Self::send(Content::binary(bytes.into()))
    }

    /// Creates a value as one line of JSON, with its line end.
    pub fn json_line<T: Serialize + ?Sized>(value: &T) -> Self {
        let mut error = FirstError::default();
        let content = Content::json(value, "\n", &mut error);
        Self {
            error,
            ..Self::send(content)
        }
    }

    /// The proxy follows the hold's next link now, rather than at its time.
    pub fn hint() -> Self {
        Self::act(Action::Hint)
    }

    /// The stream ends.
    pub fn close() -> Self {
        Self::act(Action::Close)
    }

    /// The proxy asks the origin again. Not before Pushpin 1.38: earlier ones refuse the item.
    pub fn refresh() -> Self {
        Self::act(Action::Refresh)
    }

    /// Names a filter that changes the content. The item is then delivered only where the
    /// subscription has the same filters that change content, in the same order (GRIP 1.9).
    pub fn content_filter(mut self, filter: Filter) -> Self {
        self.content_filters.push(filter);
        self
    }

    /// What is asked of the proxy.
    #[must_use]
    pub fn action(&self) -> Action {
        self.action
    }

    /// What is appended. Empty for every action but [`Action::Send`].
    #[must_use]
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Returns the filters that change the content.
    #[must_use]
    pub fn content_filters(&self) -> &[Filter] {
        &self.content_filters
    }

    /// A format as a proxy has read it.
    #[cfg(feature = "proxy")]
    pub(crate) fn from_wire(content: Content, content_filters: Vec<Filter>) -> Self {
        Self {
            content_filters,
            ..Self::send(content)
        }
    }

    fn send(content: Content) -> Self {
        Self {
            content,
            ..Self::default()
        }
    }

    pub(crate) fn act(action: Action) -> Self {
        Self {
            action,
            ..Self::default()
        }
    }
}

impl From<SseEvent> for HttpStream {
    fn from(event: SseEvent) -> Self {
        match event.encode() {
            Ok(text) => Self::text(text),
            Err(error) => {
                let mut failed = Self::default();
                failed.error.set(error);
                failed
            }
        }
    }
}
