//! A frame that comes in pieces, and the message that it belongs to.

use std::time::Instant;

use gripware_core::ws::MAX_PING_LEN;

use super::{
    PeerMessage, ProtocolError, Sender, control,
    head::{Head, MAX_HEAD_LEN},
    message::Message,
};
use crate::ws::mask::unmask;

/// What has come of a frame, and of a message.
#[derive(Debug, Default)]
pub(super) struct UnderWay {
    /// The head, as far as it has come while there is no `frame`.
    head: [u8; MAX_HEAD_LEN],
    head_len: u8,
    pub(super) frame: Option<Head>,
    pub(super) message: Option<Message>,
    /// The payload of a control frame, as far as it has come.
    pub(super) control: Vec<u8>,
    /// When it is given up, unless there is progress.
    pub(super) deadline: Option<Instant>,
    /// How many bytes the message had when that was set.
    pub(super) noted: usize,
}

impl UnderWay {
    /// Takes what `input` has of one frame.
    pub(super) fn read(
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
            Some(message) if frame.is_final => message.finish(max_message).map(Some),
            message => {
                self.message = message;
                Ok(None)
            }
        }
    }

    pub(super) const fn is_idle(&self) -> bool {
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
            .get_or_insert_with(|| Message::new(head))
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
