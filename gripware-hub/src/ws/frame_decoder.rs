//! Reading what a client sends, or an origin that speaks WebSocket (RFC 6455, section 5).
//!
//! An idle decoder has no buffer: it reads from the thread's, and has memory only for what is
//! unfinished. A library's socket has a buffer of its own; see [`design`](crate::design).

mod head;
mod message;
#[cfg(test)]
mod tests;
mod under_way;

use std::time::{Duration, Instant};

use bytes::Bytes;
use gripware_core::ws::{Close, EventKind};

use self::{
    head::{Head, Kind},
    message::{Message, deflated, plain},
    under_way::UnderWay,
};
use super::{close::is_legal, deflate::InflateError, frame::encode_close, mask::unmask};

/// Whose frames are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sender {
    /// They are masked.
    #[default]
    Client,
    /// They are masked, and messages may be compressed.
    DeflatingClient,
    /// They are not.
    Origin,
}

impl Sender {
    const fn is_client(self) -> bool {
        matches!(self, Self::Client | Self::DeflatingClient)
    }
}

/// A whole message or control frame from the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PeerMessage {
    /// A text message, which is UTF-8.
    Text(Bytes),
    Binary(Bytes),
    Ping(Bytes),
    Pong(Bytes),
    /// The last thing it says. Its code, where it has one, may be on the wire.
    Close(Close),
}

impl PeerMessage {
    /// The event that says the same in a turn (GRIP 2.1).
    pub(crate) fn into_event(self) -> (EventKind, Bytes) {
        match self {
            Self::Text(content) => (EventKind::Text, content),
            Self::Binary(content) => (EventKind::Binary, content),
            Self::Ping(content) => (EventKind::Ping, content),
            Self::Pong(content) => (EventKind::Pong, content),
            Self::Close(close) => (EventKind::Close, close.to_bytes()),
        }
    }
}

/// Why a WebSocket has to be failed, and what the other side is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProtocolError {
    code: u16,
    reason: &'static str,
}

impl ProtocolError {
    const fn violation(reason: &'static str) -> Self {
        Self { code: 1002, reason }
    }

    const fn not_utf8() -> Self {
        Self {
            code: 1007,
            reason: "a text is not UTF-8",
        }
    }

    const fn damaged() -> Self {
        Self {
            code: 1007,
            reason: "a compressed message is damaged",
        }
    }

    const fn too_big() -> Self {
        Self {
            code: 1009,
            reason: "a message is too big",
        }
    }

    const fn stalled() -> Self {
        Self {
            code: 1008,
            reason: "a message takes too long",
        }
    }

    pub(crate) const fn code(&self) -> u16 {
        self.code
    }

    pub(crate) const fn reason(&self) -> &'static str {
        self.reason
    }

    /// The close frame that says so.
    pub(crate) fn to_frame(self) -> Bytes {
        let content = [&self.code.to_be_bytes(), self.reason.as_bytes()].concat();
        encode_close(&Close::parse(&content))
    }
}

impl From<InflateError> for ProtocolError {
    fn from(error: InflateError) -> Self {
        match error {
            InflateError::Damaged => Self::damaged(),
            InflateError::TooBig => Self::too_big(),
        }
    }
}

/// How many bytes of a message have to come for its time limit to begin again. A byte now and then
/// is no progress.
const PROGRESS: usize = 1024;

/// Puts the frames of one side together, from bytes that come in any pieces.
///
/// It has memory of its own only while a frame or a message is under way, and then no more than
/// twice what has arrived of it: the length that a frame declares reserves nothing.
#[derive(Debug, Default)]
pub(crate) struct FrameDecoder {
    under_way: Option<Box<UnderWay>>,
    is_over: bool,
    sender: Sender,
}

impl FrameDecoder {
    pub(crate) fn of(sender: Sender) -> Self {
        Self {
            sender,
            ..Self::default()
        }
    }

    /// Takes from `input` up to the end of the next whole message or control frame. Returns
    /// `None` if all of `input` is taken and nothing is complete.
    ///
    /// A message may have `max_message` bytes. After a close or an error nothing is read; what is
    /// left of `input`, and all that comes later, is thrown away.
    ///
    /// # Errors
    /// Where the other side breaks the protocol (1002), a text is not UTF-8 or what is compressed is
    /// damaged (1007), a message has too many empty fragments (1008) or is, or declares to be, over `max_message` (1009).
    pub(crate) fn read(
        &mut self,
        input: &mut &[u8],
        max_message: usize,
    ) -> Result<Option<PeerMessage>, ProtocolError> {
        let read = if self.is_over {
            Ok(None)
        } else {
            self.read_on(input, max_message)
        };
        if matches!(read, Err(_) | Ok(Some(PeerMessage::Close(_)))) {
            self.is_over = true;
            self.under_way = None;
        }
        if self.is_over {
            *input = &[];
        }
        read
    }

    /// Returns how many bytes of the input are sure to be taken at once: those that a frame of a
    /// message has announced and that have not come yet.
    pub(crate) fn expects(&self) -> usize {
        let frame = self.under_way.as_ref().and_then(|it| it.frame);
        frame.map_or(0, |frame| usize::try_from(frame.left).unwrap_or(usize::MAX))
    }

    /// Gives a message or frame that is under way `timeout` from `now`, where it has grown by
    /// [`PROGRESS`] since that was done before, or is a new one.
    pub(crate) fn note_progress(&mut self, now: Instant, timeout: Duration) {
        if let Some(under_way) = &mut self.under_way {
            let length = under_way.message.as_ref().map_or(0, Message::len);
            let has_grown = length >= under_way.noted.saturating_add(PROGRESS);
            if under_way.deadline.is_none() || has_grown {
                under_way.deadline = now.checked_add(timeout);
                under_way.noted = length;
            }
        }
    }

    /// Begins the time anew of a client that was not read from.
    pub(crate) fn put_off(&mut self, now: Instant, timeout: Duration) {
        if let Some(under_way) = &mut self.under_way {
            under_way.deadline = now.checked_add(timeout);
        }
    }

    /// Returns when the client's time for going on ends; `None` if nothing is under way.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.under_way.as_ref()?.deadline
    }

    /// Gives up what is under way, if the client has not gone on with it in time.
    pub(crate) fn stalled(&mut self, now: Instant) -> Option<ProtocolError> {
        let is_late = self.deadline().is_some_and(|deadline| deadline <= now);
        is_late.then(|| {
            self.is_over = true;
            self.under_way = None;
            ProtocolError::stalled()
        })
    }

    /// How many bytes are allocated for the message and the control frame under way.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn kept(&self) -> usize {
        let under_way = self.under_way.as_deref();
        under_way.map_or(0, |it| {
            let message = it.message.as_ref();
            it.control.capacity() + message.map_or(0, |it| it.payload.capacity())
        })
    }

    /// Whether a close has been read, or an error found.
    #[cfg(test)]
    pub(crate) const fn is_over(&self) -> bool {
        self.is_over
    }

    fn read_on(
        &mut self,
        input: &mut &[u8],
        max_message: usize,
    ) -> Result<Option<PeerMessage>, ProtocolError> {
        while !input.is_empty() {
            if self.under_way.is_none()
                && let Some(whole) = read_whole(input, max_message, self.sender)?
            {
                return Ok(Some(whole));
            }
            let under_way = self.under_way.get_or_insert_default();
            let read = under_way.read(input, max_message, self.sender)?;
            if under_way.is_idle() {
                self.under_way = None;
            }
            if read.is_some() {
                return Ok(read);
            }
        }
        Ok(None)
    }
}

/// Takes a frame that has arrived in one piece and is a message by itself, as most are.
fn read_whole(
    input: &mut &[u8],
    max_message: usize,
    sender: Sender,
) -> Result<Option<PeerMessage>, ProtocolError> {
    let Some((head, length)) = Head::parse(input, sender)? else {
        return Ok(None);
    };
    if !head.is_final {
        return Ok(None);
    }
    if !head.kind.is_control() {
        Message::check(None, &head, max_message)?;
    }
    let end = usize::try_from(head.left)
        .ok()
        .and_then(|left| left.checked_add(length));
    let Some((frame, rest)) = end.and_then(|end| input.split_at_checked(end)) else {
        return Ok(None);
    };
    let mut payload = frame.get(length..).unwrap_or_default().to_vec();
    unmask(&mut payload, head.mask);
    *input = rest;
    let is_text = head.kind == Kind::Text;
    let message = match head.kind {
        Kind::Close | Kind::Ping | Kind::Pong => control(head.kind, payload),
        _ if head.is_deflated => deflated(is_text, &payload, max_message),
        Kind::Text | Kind::Binary | Kind::Continuation => plain(is_text, payload),
    };
    message.map(Some)
}

/// A control frame with its payload.
fn control(kind: Kind, payload: Vec<u8>) -> Result<PeerMessage, ProtocolError> {
    match kind {
        Kind::Ping => return Ok(PeerMessage::Ping(payload.into())),
        Kind::Pong => return Ok(PeerMessage::Pong(payload.into())),
        Kind::Close | Kind::Continuation | Kind::Text | Kind::Binary => {}
    }
    match payload.split_first_chunk() {
        None if payload.is_empty() => {}
        None => return Err(ProtocolError::violation("half a close code")),
        Some((code, _)) if !is_legal(u16::from_be_bytes(*code)) => {
            return Err(ProtocolError::violation("an invalid close code"));
        }
        Some((_, reason)) if str::from_utf8(reason).is_err() => {
            return Err(ProtocolError::not_utf8());
        }
        Some(_) => {}
    }
    Ok(PeerMessage::Close(Close::parse(&payload)))
}
