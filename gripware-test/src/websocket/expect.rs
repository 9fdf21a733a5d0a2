//! Reading what the client has got.

use bytes::Bytes;
use gripware_core::ws::{Frame, FrameKind};

use super::WebSocket;

impl WebSocket {
    /// The next thing that the client has got.
    pub fn receive(&mut self) -> Option<Frame> {
        self.look_mut(|socket| socket.frames.pop_front())
    }

    /// All messages that the client has got, as text.
    ///
    /// # Panics
    /// Where something else came as well.
    #[must_use]
    #[track_caller]
    pub fn texts(&mut self) -> Vec<String> {
        let mut texts = Vec::new();
        while let Some(frame) = self.receive() {
            match (frame.kind(), std::str::from_utf8(frame.content())) {
                (FrameKind::Text, Ok(text)) => texts.push(text.to_owned()),
                _ => self.fail(format_args!("the client got {frame:?}, which is no text")),
            }
        }
        texts
    }

    /// Asserts the next thing that the client has got: a text message.
    ///
    /// # Panics
    /// Where it is something else, or nothing.
    #[track_caller]
    pub fn expect_text(&mut self, text: &str) {
        self.expect(&Frame::text(text));
    }

    /// Asserts the next thing that the client has got: a binary message.
    ///
    /// # Panics
    /// Where it is something else, or nothing.
    #[track_caller]
    pub fn expect_binary(&mut self, content: impl Into<Bytes>) {
        self.expect(&Frame::binary(content));
    }

    /// Asserts the next thing that the client has got: a pong.
    ///
    /// # Panics
    /// Where it is something else, or nothing.
    #[track_caller]
    pub fn expect_pong(&mut self, content: impl Into<Bytes>) {
        self.expect(&Frame::pong(content));
    }

    /// Asserts the next thing that the client has got.
    ///
    /// # Panics
    /// Where it is something else, or nothing.
    #[track_caller]
    pub fn expect(&mut self, frame: &Frame) {
        match self.receive() {
            Some(got) if got == *frame => {}
            Some(got) => self.fail(format_args!("the client got {got:?}, and not {frame:?}")),
            None => self.fail(format_args!("the client got nothing, and not {frame:?}")),
        }
    }

    /// Asserts that the client has got nothing more, and that the WebSocket is open.
    ///
    /// # Panics
    /// Where it did, or it was closed.
    #[track_caller]
    pub fn expect_nothing(&mut self) {
        if let Some(got) = self.receive() {
            self.fail(format_args!(
                "the client got {got:?}, and should have got nothing"
            ));
        }
        if let Some(close) = self.closed() {
            self.fail(format_args!("the WebSocket was closed: {close:?}"));
        }
    }

    /// Asserts that the origin closed the WebSocket, or answered the client's close, with this. A
    /// close without a code reaches a client as 1000 where it is the origin's own.
    ///
    /// # Panics
    /// Where it was not closed, or with something else.
    #[track_caller]
    pub fn expect_close(&mut self, code: u16, reason: &str) {
        match self.closed() {
            Some(close) if close.code() == Some(code) && close.reason() == reason => {}
            got => self.fail(format_args!(
                "the close is {got:?}, and not {code} {reason:?}"
            )),
        }
    }
}
