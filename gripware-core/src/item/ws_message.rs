//! What is sent to a WebSocket.

use bytes::Bytes;
use serde::Serialize;

use super::{
    Content,
    error::{FirstError, ItemError},
};
use crate::{
    Filter,
    ws::{CloseCode, CloseCodeError, MAX_PING_LEN, MAX_REASON_LEN},
};

/// What the clients of WebSockets get.
///
/// ```
/// use gripware_core::item::{Item, ItemError, WsMessage};
///
/// assert!(Item::from(WsMessage::close(4001, "room closed")).check().is_ok());
///
/// // 1005 says that a frame had no code: it must not stand in one.
/// let error = Item::from(WsMessage::close(1005, "")).check();
/// assert_eq!(error, Err(ItemError::CloseCode { code: 1005 }));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct WsMessage {
    kind: WsMessageKind,
    content_filters: Vec<Filter>,
    pub(super) error: FirstError,
}

/// The kinds of [`WsMessage`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WsMessageKind {
    /// A text message.
    Text(Content),
    /// A binary message.
    Binary(Bytes),
    /// A ping, of at most 125 bytes.
    Ping(Bytes),
    /// A pong, of at most 125 bytes.
    Pong(Bytes),
    /// The WebSocket is closed.
    Close {
        /// The code.
        code: CloseCode,
        /// At most 123 bytes; may be empty.
        reason: String,
    },
    /// The proxy asks the origin with an empty list of events, for every subscriber.
    Refresh,
}

impl WsMessage {
    /// Creates a text message.
    pub fn text(text: impl Into<String>) -> Self {
        Self::new(WsMessageKind::Text(Content::text(text.into())))
    }

    /// Creates a binary message.
    pub fn binary(bytes: impl Into<Bytes>) -> Self {
        Self::new(WsMessageKind::Binary(bytes.into()))
    }

    /// Creates a text message that is a value as JSON.
    pub fn json<T: Serialize + ?Sized>(value: &T) -> Self {
        let mut error = FirstError::default();
        let content = Content::json(value, "", &mut error);
        Self {
            error,
            ..Self::new(WsMessageKind::Text(content))
        }
    }

    /// Creates a ping of at most 125 bytes.
    pub fn ping(bytes: impl Into<Bytes>) -> Self {
        Self::control_frame(bytes.into(), WsMessageKind::Ping)
    }

    /// Creates a pong of at most 125 bytes.
    pub fn pong(bytes: impl Into<Bytes>) -> Self {
        Self::control_frame(bytes.into(), WsMessageKind::Pong)
    }

    /// Closes the WebSocket. The code may be a number or a [`CloseCode`]; a reason has at most
    /// [`MAX_REASON_LEN`] bytes and may be empty.
    pub fn close<C>(code: C, reason: impl Into<String>) -> Self
    where
        C: TryInto<CloseCode>,
        C::Error: Into<CloseCodeError>,
    {
        let reason = reason.into();
        let mut error = FirstError::default();
        let code = code.try_into().unwrap_or_else(|refused| {
            let CloseCodeError { code } = refused.into();
            error.set(ItemError::CloseCode { code });
            CloseCode::NORMAL
        });
        if reason.len() > MAX_REASON_LEN {
            error.set(ItemError::CloseReason {
                length: reason.len(),
                limit: MAX_REASON_LEN,
            });
        }
        Self {
            error,
            ..Self::new(WsMessageKind::Close { code, reason })
        }
    }

    /// The proxy asks the origin now, as it does when a WebSocket is kept alive. Not before
    /// Pushpin 1.38: earlier ones refuse the item.
    pub fn refresh() -> Self {
        Self::new(WsMessageKind::Refresh)
    }

    /// Names a filter that changes the content. The item is then delivered only where the
    /// subscription has the same filters that change content, in the same order (GRIP 1.9).
    pub fn content_filter(mut self, filter: Filter) -> Self {
        self.content_filters.push(filter);
        self
    }

    /// What is sent.
    #[must_use]
    pub fn kind(&self) -> &WsMessageKind {
        &self.kind
    }

    /// Returns the filters that change the content.
    #[must_use]
    pub fn content_filters(&self) -> &[Filter] {
        &self.content_filters
    }

    /// A format as a proxy has read and checked it.
    #[cfg(feature = "proxy")]
    pub(crate) fn from_wire(kind: WsMessageKind, content_filters: Vec<Filter>) -> Self {
        Self {
            content_filters,
            ..Self::new(kind)
        }
    }

    fn new(kind: WsMessageKind) -> Self {
        Self {
            kind,
            content_filters: Vec::new(),
            error: FirstError::default(),
        }
    }

    fn control_frame(bytes: Bytes, kind: impl FnOnce(Bytes) -> WsMessageKind) -> Self {
        let mut error = FirstError::default();
        if bytes.len() > MAX_PING_LEN {
            error.set(ItemError::ControlFrame {
                length: bytes.len(),
                limit: MAX_PING_LEN,
            });
        }
        Self {
            error,
            ..Self::new(kind(bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Item;

    #[test]
    fn close_codes_that_may_not_be_sent_are_refused() {
        for code in [1000, 1001, 1003, 1007, 1011, 1014, 3000, 4000, 4999] {
            assert_eq!(Item::from(WsMessage::close(code, "")).check(), Ok(()));
        }
        for code in [
            0, 999, 1002, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535,
        ] {
            let error = Item::from(WsMessage::close(code, "")).check();
            assert_eq!(error, Err(ItemError::CloseCode { code }));
        }
    }

    #[test]
    fn what_does_not_fit_a_control_frame_is_refused() {
        let item = |message: WsMessage| Item::from(message).check();
        assert_eq!(item(WsMessage::close(1000, "é".repeat(61))), Ok(()));
        assert_eq!(
            item(WsMessage::close(1000, "é".repeat(62))),
            Err(ItemError::CloseReason {
                length: 124,
                limit: 123
            })
        );
        assert_eq!(item(WsMessage::ping(vec![0; 125])), Ok(()));
        for message in [WsMessage::ping(vec![0; 126]), WsMessage::pong(vec![0; 126])] {
            assert_eq!(
                item(message),
                Err(ItemError::ControlFrame {
                    length: 126,
                    limit: 125
                })
            );
        }
    }
}
