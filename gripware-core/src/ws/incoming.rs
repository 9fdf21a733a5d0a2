//! The events of one request, as a context looks at them.

use bytes::Bytes;

use super::{
    Close, Event, EventKind, Events, Message, WebSocketError, WebSocketErrorKind, decode::Cursor,
    encode::framed_len,
};
use crate::Limits;

/// The events of one request: read through once, so that what is wrong is known before a handler
/// runs, and read again as the handler receives.
#[derive(Clone)]
pub(super) struct Incoming {
    body: Bytes,
    limits: Limits,
    cursor: Cursor,
    opening: bool,
    disconnected: bool,
    close: Option<Close>,
    /// Content bytes, as proxies count them.
    offered: usize,
    offered_by_close: usize,
    /// Content bytes of what the cursor has passed.
    passed: usize,
    messages_left: usize,
    pong_bytes: usize,
}

impl Incoming {
    pub(super) fn read(body: Bytes, limits: &Limits) -> Result<Self, WebSocketError> {
        let mut incoming = Self {
            body,
            limits: limits.clone(),
            cursor: Cursor::new(limits),
            opening: false,
            disconnected: false,
            close: None,
            offered: 0,
            offered_by_close: 0,
            passed: 0,
            messages_left: 0,
            pong_bytes: 0,
        };
        let mut cursor = incoming.cursor.clone();
        let mut is_first = true;
        while let Some(event) = cursor.next(&incoming.body) {
            let (kind, content) = event.map_err(|error| {
                let kind = if error.is_over_limit() {
                    WebSocketErrorKind::RequestTooLarge
                } else {
                    WebSocketErrorKind::InvalidEvents
                };
                WebSocketError::caused_by(kind, error)
            })?;
            incoming.offered += content.len();
            let over = incoming.is_over();
            match kind {
                EventKind::Open if is_first => incoming.opening = true,
                EventKind::Open => return Err(WebSocketErrorKind::InvalidEvents.into()),
                EventKind::Disconnect => incoming.disconnected = true,
                EventKind::Close => {
                    incoming.offered_by_close += content.len();
                    if !over {
                        let content = incoming.body.get(content).unwrap_or_default();
                        incoming.close = Some(Close::parse(content));
                    }
                }
                EventKind::Text | EventKind::Binary if !over => incoming.messages_left += 1,
                EventKind::Ping if !over => {
                    incoming.pong_bytes += framed_len(EventKind::Pong, content.len());
                }
                EventKind::Text | EventKind::Binary | EventKind::Ping | EventKind::Pong => {}
            }
            is_first = false;
        }
        Ok(incoming)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    pub(super) const fn is_opening(&self) -> bool {
        self.opening
    }

    pub(super) const fn is_disconnected(&self) -> bool {
        self.disconnected
    }

    pub(super) const fn close(&self) -> Option<&Close> {
        self.close.as_ref()
    }

    pub(super) const fn offered(&self) -> usize {
        self.offered
    }

    pub(super) const fn passed(&self) -> usize {
        self.passed
    }

    pub(super) const fn messages_left(&self) -> usize {
        self.messages_left
    }

    /// How many bytes the pongs take that answer the pings.
    pub(super) const fn pong_bytes(&self) -> usize {
        self.pong_bytes
    }

    pub(super) fn events(&self) -> Events {
        Events::new(self.body.clone(), &self.limits)
    }

    pub(super) fn next_message(&mut self) -> Option<Message> {
        while self.messages_left > 0 {
            let (kind, content) = self.cursor.next(&self.body)?.ok()?;
            self.passed += content.len();
            let message = match kind {
                EventKind::Text => Message::unchecked_text(self.body.slice(content)),
                EventKind::Binary => Message::binary(self.body.slice(content)),
                _ => continue,
            };
            self.messages_left -= 1;
            return Some(message);
        }
        // What is left has been dealt with already, and counts as received.
        self.passed = self.offered;
        None
    }

    /// The pings before the end of the connection whose content is within the first `accepted`
    /// content bytes.
    pub(super) fn pings(&self, accepted: usize) -> impl Iterator<Item = Event> {
        let mut content_end = 0;
        // Most requests have none, and are not read through once more.
        let events = (self.pong_bytes > 0).then(|| self.events());
        let events = events.into_iter().flatten();
        events
            .map_while(Result::ok)
            .take_while(|event| !matches!(event.kind(), EventKind::Close | EventKind::Disconnect))
            .take_while(move |event| {
                content_end += event.content().len();
                content_end <= accepted
            })
            .filter(|event| event.kind() == EventKind::Ping)
    }

    /// Whether a proxy takes it for an error when this many content bytes are accepted: more than
    /// there are, or all but those of the close (GRIP 2.4).
    pub(super) const fn is_wrong_to_accept(&self, accepted: usize) -> bool {
        accepted > self.offered
            || (accepted < self.offered && accepted >= self.offered - self.offered_by_close)
    }

    /// Whether the client has closed or gone, so that nothing more of it counts.
    const fn is_over(&self) -> bool {
        self.close.is_some() || self.disconnected
    }
}
