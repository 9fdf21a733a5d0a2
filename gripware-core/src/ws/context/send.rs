//! What the client is sent, and how the connection ends.

use serde::Serialize;

use super::*;
use crate::ws::{
    CloseCode, CloseCodeError, MAX_PING_LEN,
    encode::{framed_len, put},
};

/// Stands before what is for the client and not for the proxy.
///
/// Proxies let an origin choose this prefix, also none. It always stays as it is: with none, a
/// text of a user that starts with `c:` would be obeyed by the proxy.
pub const MESSAGE_PREFIX: &str = "m:";

/// What is kept free for a close: the longest one.
const CLOSE_ROOM: usize = framed_len(EventKind::Close, MAX_PING_LEN);

/// How the handler ends the connection.
#[derive(Clone)]
pub(super) enum Ending {
    Close(Close),
    Disconnect,
}

impl WebSocketContext {
    /// Sends a message: `&str` and `String` as text, bytes as binary, a received
    /// [`Message`] as what it is.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text), and where a received text is not UTF-8.
    pub fn send(&mut self, message: impl Into<Message>) -> Result<(), WebSocketError> {
        let message = message.into();
        message
            .check()
            .map_err(|error| error.while_opening(self.is_opening()))?;
        let kind = if message.is_text() {
            EventKind::Text
        } else {
            EventKind::Binary
        };
        self.put_message(kind, message.as_bytes())
    }

    /// Sends a text message.
    ///
    /// # Errors
    /// If the connection is not accepted or has been closed here, the proxy did not offer the
    /// `grip` extension, or the answer would be over [`Limits::websocket_body`]. What is needed
    /// to answer the client's pings and its close is kept free of that.
    pub fn send_text(&mut self, content: impl AsRef<str>) -> Result<(), WebSocketError> {
        self.put_message(EventKind::Text, content.as_ref().as_bytes())
    }

    /// Sends a binary message.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text).
    pub fn send_binary(&mut self, content: impl AsRef<[u8]>) -> Result<(), WebSocketError> {
        self.put_message(EventKind::Binary, content.as_ref())
    }

    /// Sends a value as a text message of JSON.
    ///
    /// # Errors
    /// As [`send_text`](Self::send_text), and where the value cannot be written as JSON.
    pub fn send_json<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), WebSocketError> {
        match serde_json::to_vec(value) {
            Ok(json) => self.put_message(EventKind::Text, &json),
            Err(error) => Err(self.error_by(WebSocketErrorKind::Serialize, error)),
        }
    }

    /// Sends a ping. The client's pong comes as an event that [`receive`](Self::receive) passes
    /// over and [`events`](Self::events) shows.
    ///
    /// # Errors
    /// If the connection is not accepted or has been closed here, the content is over
    /// [`MAX_PING_LEN`] bytes, or the answer over [`Limits::websocket_body`].
    pub fn ping(&mut self, content: impl AsRef<[u8]>) -> Result<(), WebSocketError> {
        self.put_ping(EventKind::Ping, content.as_ref())
    }

    /// Sends a pong that answers no ping. Pings are answered without this.
    ///
    /// # Errors
    /// As [`ping`](Self::ping).
    pub fn pong(&mut self, content: impl AsRef<[u8]>) -> Result<(), WebSocketError> {
        self.put_ping(EventKind::Pong, content.as_ref())
    }

    /// Closes the connection with [`CloseCode::NORMAL`], after everything that was sent.
    ///
    /// Nothing can be sent after it. Closing once more changes nothing: the first one counts.
    ///
    /// # Errors
    /// If the connection is not accepted; [`refuse`](Self::refuse) is for that.
    pub fn close(&mut self) -> Result<(), WebSocketError> {
        self.end(Ending::Close(Close::new(CloseCode::NORMAL)))
    }

    /// Closes the connection with a code and a reason, which is cut off after
    /// [`MAX_REASON_LEN`](super::super::MAX_REASON_LEN) bytes.
    ///
    /// # Errors
    /// As [`close`](Self::close), and where the code must not be sent.
    pub fn close_with<C>(&mut self, code: C, reason: &str) -> Result<(), WebSocketError>
    where
        C: TryInto<CloseCode>,
        C::Error: Into<CloseCodeError>,
    {
        match code.try_into() {
            Ok(code) => self.end(Ending::Close(Close::new(code).with_reason(reason))),
            Err(error) => Err(self.error_by(WebSocketErrorKind::InvalidCloseCode, error.into())),
        }
    }

    /// Has the proxy drop the client without a close, after everything that was sent.
    ///
    /// # Errors
    /// As [`close`](Self::close).
    pub fn disconnect(&mut self) -> Result<(), WebSocketError> {
        self.end(Ending::Disconnect)
    }

    /// The event that ends the connection: the handler's, or the answer to the client's close.
    ///
    /// A close that is not accepted yet is offered again, and answered then.
    pub(super) fn ending(&self) -> Option<Event> {
        match &self.ending {
            Some(Ending::Close(close)) => Some(Event::close(close)),
            Some(Ending::Disconnect) => Some(Event::disconnect()),
            None if self.accepts_everything() => {
                let close = self.close_received()?;
                Some(Event::close(&close.to_answer()))
            }
            None => None,
        }
    }

    /// Writes a text event that a proxy reads itself.
    pub(super) fn put_control(&mut self, content: &str) -> Result<(), WebSocketError> {
        self.put(EventKind::Text, "", content.as_bytes())
    }

    fn put_message(&mut self, kind: EventKind, content: &[u8]) -> Result<(), WebSocketError> {
        // Whether it is accepted comes first: that is what a handler forgets.
        self.check_accepted()?;
        self.put(kind, MESSAGE_PREFIX, content)
    }

    fn put_ping(&mut self, kind: EventKind, content: &[u8]) -> Result<(), WebSocketError> {
        if content.len() > MAX_PING_LEN {
            return Err(self.error(WebSocketErrorKind::PingTooLarge {
                length: content.len(),
                limit: MAX_PING_LEN,
            }));
        }
        self.put(kind, "", content)
    }

    fn put(&mut self, kind: EventKind, prefix: &str, content: &[u8]) -> Result<(), WebSocketError> {
        self.check_accepted()?;
        if self.ending.is_some() {
            return Err(self.error(WebSocketErrorKind::Closed));
        }
        let room = self.incoming.pong_bytes() + CLOSE_ROOM;
        let event = framed_len(kind, prefix.len() + content.len());
        let length = self.out.len() + event + room;
        if length > self.limits.websocket_body {
            return Err(self.error(WebSocketErrorKind::ReplyTooLarge {
                length,
                limit: self.limits.websocket_body,
            }));
        }
        put(&mut self.out, kind, prefix.as_bytes(), content);
        Ok(())
    }

    fn end(&mut self, ending: Ending) -> Result<(), WebSocketError> {
        self.check_accepted()?;
        self.ending.get_or_insert(ending);
        Ok(())
    }
}
