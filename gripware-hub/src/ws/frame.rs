//! Writing frames to a client, and to an origin that speaks WebSocket (RFC 6455, section 5).
//!
//! A message is one frame, however long it is: what is published is encoded once and goes to
//! thousands of clients as the same bytes. A server does not mask; towards an origin the hub is a
//! client, and does.
//!
//! A library would frame it for each client anew, into a buffer of its own: the figures are in
//! [`design`](crate::design).

use bytes::Bytes;
use gripware_core::ws::{Close, EventKind, FrameKind, MAX_PING_LEN};

use super::{deflate::Window, mask::unmask};

/// What a frame is. There are no fragments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opcode {
    Text = 0x1,
    Binary = 0x2,
    Close = 0x8,
    Ping = 0x9,
    Pong = 0xa,
}

impl Opcode {
    const fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

impl From<FrameKind> for Opcode {
    fn from(kind: FrameKind) -> Self {
        match kind {
            FrameKind::Binary => Self::Binary,
            FrameKind::Ping => Self::Ping,
            FrameKind::Pong => Self::Pong,
            // The kinds are not exhaustive outside their crate.
            _ => Self::Text,
        }
    }
}

impl Opcode {
    /// Returns the frame that says to an origin on its own socket what an event says in a turn; `None`
    /// for one that no frame says.
    pub(crate) fn of_event(kind: EventKind) -> Option<Self> {
        match kind {
            EventKind::Text => Some(Self::Text),
            EventKind::Binary => Some(Self::Binary),
            EventKind::Ping => Some(Self::Ping),
            EventKind::Pong => Some(Self::Pong),
            EventKind::Close => Some(Self::Close),
            _ => None,
        }
    }
}

/// The bytes of one frame, in an allocation of exactly their size.
///
/// The payload of a ping, pong or close is cut at 125 bytes: more cannot be said in one, and
/// whoever gets a choice refuses it before it comes here.
pub(crate) fn encode(opcode: Opcode, payload: &[u8]) -> Bytes {
    let mut frame = Vec::with_capacity(encoded_len(payload.len()));
    append(&mut frame, opcode, payload);
    frame.into()
}

/// Writes one frame behind what `frames` has already.
pub(crate) fn append(frames: &mut Vec<u8>, opcode: Opcode, payload: &[u8]) {
    let payload = cut(opcode, payload);
    frames.reserve(encoded_len(payload.len()));
    append_head(frames, FIN | opcode as u8, payload.len(), 0);
    frames.extend_from_slice(payload);
}

/// The bytes of one frame that is compressed; `None` if it would not become shorter.
pub(crate) fn encode_deflated(opcode: Opcode, payload: &[u8], window: Window) -> Option<Bytes> {
    if opcode.is_control() {
        return None;
    }
    let payload = window.deflate(payload)?;
    let mut frame = Vec::with_capacity(encoded_len(payload.len()));
    append_head(&mut frame, FIN | DEFLATED | opcode as u8, payload.len(), 0);
    frame.extend_from_slice(&payload);
    Some(frame.into())
}

/// Writes one frame, compressed where the client has agreed to it and it becomes shorter.
pub(crate) fn append_for(
    window: Option<Window>,
    frames: &mut Vec<u8>,
    opcode: Opcode,
    payload: &[u8],
) {
    match window.and_then(|window| encode_deflated(opcode, payload, window)) {
        Some(frame) => frames.extend_from_slice(&frame),
        None => append(frames, opcode, payload),
    }
}

/// The bytes of one frame, compressed where the client has agreed to it and it becomes shorter.
pub(crate) fn encode_for(window: Option<Window>, opcode: Opcode, payload: &[u8]) -> Bytes {
    let deflated = window.and_then(|window| encode_deflated(opcode, payload, window));
    deflated.unwrap_or_else(|| encode(opcode, payload))
}

/// Writes one frame to an origin behind what `frames` has already. Nobody who has a say in the payload
/// may know the mask before (RFC 6455, section 10.3).
pub(crate) fn append_masked(frames: &mut Vec<u8>, opcode: Opcode, payload: &[u8], mask: [u8; 4]) {
    let payload = cut(opcode, payload);
    frames.reserve(encoded_len(payload.len()) + mask.len());
    append_head(frames, FIN | opcode as u8, payload.len(), MASKED);
    frames.extend_from_slice(&mask);
    let start = frames.len();
    frames.extend_from_slice(payload);
    unmask(frames.get_mut(start..).unwrap_or_default(), mask);
}

/// Draws a mask.
pub(crate) fn random_mask() -> [u8; 4] {
    let mut mask = [0; 4];
    // Where the system has no randomness, nothing of the hub has begun.
    let _ = getrandom::fill(&mut mask);
    mask
}

fn cut(opcode: Opcode, payload: &[u8]) -> &[u8] {
    match payload.get(..MAX_PING_LEN) {
        Some(cut) if opcode.is_control() => cut,
        _ => payload,
    }
}

fn append_head(frames: &mut Vec<u8>, first: u8, length: usize, masked: u8) {
    frames.push(first);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ 0..=125), _) => frames.push(masked | length),
        (_, Ok(length)) => {
            frames.push(masked | LENGTH_16);
            frames.extend_from_slice(&length.to_be_bytes());
        }
        _ => {
            frames.push(masked | LENGTH_64);
            frames.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// The bytes of a close frame: of its code and reason as they are, or an empty one.
pub(crate) fn encode_close(close: &Close) -> Bytes {
    encode(Opcode::Close, &close.to_bytes())
}

/// How many bytes a frame with a payload of `length` takes.
const fn encoded_len(length: usize) -> usize {
    length
        + match length {
            0..=125 => 2,
            126..=0xffff => 4,
            _ => 10,
        }
}

/// The frame is the last one of its message.
pub(super) const FIN: u8 = 0x80;
/// The message is compressed (RSV1; RFC 7692, section 6).
pub(super) const DEFLATED: u8 = 0x40;
/// The payload has a mask, which stands before it.
pub(super) const MASKED: u8 = 0x80;

/// The length stands in the next two bytes.
pub(super) const LENGTH_16: u8 = 126;
/// The length stands in the next eight bytes.
pub(super) const LENGTH_64: u8 = 127;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_unmasked_frame_with_the_shortest_length() {
        assert_eq!(encode(Opcode::Text, b"hi"), &b"\x81\x02hi"[..]);
        for (length, head) in [
            (0, &b"\x82\x00"[..]),
            (125, b"\x82\x7d"),
            (126, b"\x82\x7e\x00\x7e"),
            (65_535, b"\x82\x7e\xff\xff"),
            (65_536, b"\x82\x7f\x00\x00\x00\x00\x00\x01\x00\x00"),
        ] {
            let frame = encode(Opcode::Binary, &vec![b'x'; length]);
            assert!(frame.starts_with(head), "{length}");
            assert_eq!(frame.len(), head.len() + length);
        }
    }

    #[test]
    fn frames_are_written_behind_each_other() {
        let mut frames = Vec::new();
        append(&mut frames, Opcode::Ping, b"");
        append(&mut frames, Opcode::Pong, b"x");
        assert_eq!(frames, b"\x89\x00\x8a\x01x");
    }

    #[test]
    fn a_frame_to_an_origin_is_masked() {
        let mut frames = Vec::new();
        append_masked(&mut frames, Opcode::Text, b"hello", [1, 2, 3, 4]);
        assert_eq!(frames, b"\x81\x85\x01\x02\x03\x04igohn");
        frames.clear();
        append_masked(&mut frames, Opcode::Binary, &[0; 300], [1, 2, 3, 4]);
        assert_eq!(frames[..8], *b"\x82\xfe\x01\x2c\x01\x02\x03\x04");
        assert_eq!(frames.len(), 308);
    }

    #[test]
    fn a_control_frame_has_no_more_than_it_can_carry() {
        let frame = encode(Opcode::Ping, &[b'x'; 200]);
        assert_eq!((frame.len(), frame[1]), (127, 125));
    }

    #[test]
    fn a_close_has_a_code_and_a_reason_or_nothing() {
        let close = Close::parse(b"\x0f\xa1bye");
        assert_eq!(encode_close(&close), &b"\x88\x05\x0f\xa1bye"[..]);
        assert_eq!(encode_close(&Close::without_code()), &b"\x88\x00"[..]);
    }
}
