//! Reading what a client sends, or an origin that speaks WebSocket (RFC 6455, section 5).
//!
//! An idle decoder has no buffer: it reads from the thread's, and has memory only for what is
//! unfinished. A library's socket has a buffer of its own; see [`design`](crate::design).

mod head;
mod message;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use bytes::Bytes;
use gripware_core::ws::{Close, EventKind, MAX_PING_LEN};

use self::{
    head::{Head, Kind, MAX_HEAD_LEN},
    message::Message,
};
use super::{close::is_legal, frame::encode_close, mask::unmask};

/// Whose frames are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Sender {
    /// They are masked.
    #[default]
    Client,
    /// They are not.
    Origin,
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
    /// Where the other side breaks the protocol (1002), a text is not UTF-8 (1007), a message has
    /// too many empty fragments (1008) or is, or declares to be, over `max_message` (1009).
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
    match head.kind {
        Kind::Text if str::from_utf8(&payload).is_err() => Err(ProtocolError::not_utf8()),
        Kind::Text => Ok(Some(PeerMessage::Text(payload.into()))),
        Kind::Binary | Kind::Continuation => Ok(Some(PeerMessage::Binary(payload.into()))),
        Kind::Close | Kind::Ping | Kind::Pong => control(head.kind, payload).map(Some),
    }
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

/// What has come of a frame, and of a message.
#[derive(Debug, Default)]
struct UnderWay {
    /// The head, as far as it has come while there is no `frame`.
    head: [u8; MAX_HEAD_LEN],
    head_len: u8,
    frame: Option<Head>,
    message: Option<Message>,
    /// The payload of a control frame, as far as it has come.
    control: Vec<u8>,
    /// When it is given up, unless there is progress.
    deadline: Option<Instant>,
    /// How many bytes the message had when that was set.
    noted: usize,
}

impl UnderWay {
    /// Takes what `input` has of one frame.
    fn read(
        &mut self,
        input: &mut &[u8],
        max_message: usize,
        sender: Sender,
    ) -> Result<Option<PeerMessage>, ProtocolError> {
        let mut frame = match self.frame.take() {
            Some(frame) => frame,
            None => match self.take_head(input, sender)? {
                Some(head) => {
                    self.admit(&head, max_message)?;
                    head
                }
                None => return Ok(None),
            },
        };
        self.take_payload(&mut frame, input)?;
        if frame.left > 0 {
            self.frame = Some(frame);
            return Ok(None);
        }
        if frame.kind.is_control() {
            return control(frame.kind, std::mem::take(&mut self.control)).map(Some);
        }
        match self.message.take() {
            Some(message) if frame.is_final => message.finish().map(Some),
            message => {
                self.message = message;
                Ok(None)
            }
        }
    }

    const fn is_idle(&self) -> bool {
        self.head_len == 0 && self.frame.is_none() && self.message.is_none()
    }

    /// Takes from `input` what the head of a frame still lacks.
    fn take_head(
        &mut self,
        input: &mut &[u8],
        sender: Sender,
    ) -> Result<Option<Head>, ProtocolError> {
        let before = usize::from(self.head_len);
        let room = self.head.get_mut(before..).unwrap_or_default();
        let filled = room.len().min(input.len());
        for (to, from) in room.iter_mut().zip(input.iter()) {
            *to = *from;
        }
        let known = self.head.get(..before + filled).unwrap_or_default();
        let (head, taken) = match Head::parse(known, sender)? {
            Some((head, length)) => {
                self.head_len = 0;
                (Some(head), length.saturating_sub(before))
            }
            None => {
                self.head_len = u8::try_from(known.len()).unwrap_or_default();
                (None, filled)
            }
        };
        *input = input.get(taken..).unwrap_or_default();
        Ok(head)
    }

    fn admit(&mut self, head: &Head, max_message: usize) -> Result<(), ProtocolError> {
        if head.kind.is_control() {
            return Ok(());
        }
        Message::check(self.message.as_ref(), head, max_message)?;
        self.message
            .get_or_insert_with(|| Message::new(head.kind == Kind::Text))
            .count(head)
    }

    /// Takes from `input` what a frame's payload still lacks.
    fn take_payload(&mut self, frame: &mut Head, input: &mut &[u8]) -> Result<(), ProtocolError> {
        let length = usize::try_from(frame.left)
            .unwrap_or(usize::MAX)
            .min(input.len());
        let (part, rest) = input.split_at_checked(length).unwrap_or((input, &[]));
        *input = rest;
        frame.left -= part.len() as u64;
        let payload = match &mut self.message {
            Some(message) if !frame.kind.is_control() => &mut message.payload,
            _ => &mut self.control,
        };
        if frame.kind.is_control() && payload.len() + part.len() > MAX_PING_LEN {
            return Err(ProtocolError::violation("a control frame over 125 bytes"));
        }
        let start = payload.len();
        payload.extend_from_slice(part);
        frame.mask = unmask(payload.get_mut(start..).unwrap_or_default(), frame.mask);
        match &mut self.message {
            Some(message) if !frame.kind.is_control() => message.validate(),
            _ => Ok(()),
        }
    }
}
