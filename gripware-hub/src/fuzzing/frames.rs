//! WebSocket frames, read the slow and obvious way (RFC 6455, section 5.2): all at once, from the
//! whole input. It is what the hub's own [`FrameDecoder`](crate::ws::FrameDecoder) and its output are compared
//! with.

use std::fmt;

/// A message or control frame.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) opcode: u8,
    pub(super) content: Vec<u8>,
}

impl fmt::Debug for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.content.iter().take(16);
        let start: Vec<_> = start.copied().collect();
        let (opcode, length) = (self.opcode, self.content.len());
        write!(f, "{opcode}:{length}:{}", start.escape_ascii())
    }
}

pub(super) const TEXT: u8 = 1;
pub(super) const BINARY: u8 = 2;
pub(super) const CLOSE: u8 = 8;
pub(super) const PING: u8 = 9;
pub(super) const PONG: u8 = 10;

struct Head {
    is_final: bool,
    reserved: u8,
    opcode: u8,
    mask: Option<[u8; 4]>,
    length: u64,
    is_shortest: bool,
    /// How many bytes the head itself has.
    size: usize,
}

/// The length of a payload, whether it has the shortest form, and where it ends.
fn length(bytes: &[u8]) -> Option<(u64, bool, usize)> {
    Some(match bytes.get(1)? & 0x7f {
        126 => {
            let length = u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?));
            (length, length > 125, 4)
        }
        127 => {
            let length = u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?);
            (length, length > 0xffff && length < 1 << 63, 10)
        }
        short => (u64::from(short), true, 2),
    })
}

/// The head at the beginning of `bytes`, if it is all there.
fn head(bytes: &[u8]) -> Option<Head> {
    let (first, second) = (*bytes.first()?, *bytes.get(1)?);
    let (length, is_shortest, mut size) = length(bytes)?;
    let mut mask = None;
    if second & 0x80 != 0 {
        mask = Some(bytes.get(size..size + 4)?.try_into().ok()?);
        size += 4;
    }
    Some(Head {
        is_final: first & 0x80 != 0,
        reserved: first & 0x70,
        opcode: first & 0x0f,
        mask,
        length,
        is_shortest,
        size,
    })
}

/// What a client says, up to its close or its first mistake, and the code of that mistake.
///
/// A mistake that shows only once more has come is not one yet: `input` may end anywhere.
pub(super) fn of_client(input: &[u8], max_message: u64) -> (Vec<Said>, Option<u16>) {
    const MAX_EMPTY: usize = 64;
    let mut said = Vec::new();
    let mut message: Option<Said> = None;
    let mut empty = 0;
    let mut rest = input;
    loop {
        // The first two bytes are judged before the others have come.
        if let [first, second, ..] = rest {
            let is_control = first & 8 != 0;
            let is_known = matches!(first & 0x0f, 0..=2 | 8..=10);
            if first & 0x70 != 0
                || !is_known
                || second & 0x80 == 0
                || is_control && (first & 0x80 == 0 || second & 0x7f > 125)
            {
                return (said, Some(1002));
            }
        }
        // So is the length, before the mask has come.
        if let Some((_, false, _)) = length(rest) {
            return (said, Some(1002));
        }
        let Some(head) = head(rest) else {
            return (said, None);
        };
        let is_control = head.opcode & 8 != 0;
        if !is_control {
            match (&message, head.opcode) {
                (None, 0) | (Some(_), 1 | 2) => return (said, Some(1002)),
                _ => {}
            }
            let before = message.as_ref().map_or(0, |it| it.content.len() as u64);
            if before + head.length > max_message {
                return (said, Some(1009));
            }
            if head.length == 0 && !head.is_final {
                empty += 1;
                if empty > MAX_EMPTY {
                    return (said, Some(1008));
                }
            }
        }
        let mask = head.mask.unwrap_or_default();
        let length = usize::try_from(head.length).unwrap_or(usize::MAX);
        let payload = rest.get(head.size..).unwrap_or_default();
        let is_whole = payload.len() >= length;
        let payload = &payload[..length.min(payload.len())];
        let content: Vec<u8> = payload
            .iter()
            .zip(mask.iter().cycle())
            .map(|(byte, mask)| byte ^ mask)
            .collect();
        if is_control {
            if !is_whole {
                return (said, None);
            }
            if head.opcode == CLOSE
                && let Some(code) = broken_close(&content)
            {
                return (said, Some(code));
            }
            said.push(Said {
                opcode: head.opcode,
                content,
            });
            if head.opcode == CLOSE {
                return (said, None);
            }
        } else {
            let whole = message.get_or_insert(Said {
                opcode: head.opcode,
                content: Vec::new(),
            });
            whole.content.extend(content);
            let is_last = is_whole && head.is_final;
            if whole.opcode == TEXT
                && let Err(error) = str::from_utf8(&whole.content)
                && (is_last || error.error_len().is_some())
            {
                return (said, Some(1007));
            }
            if !is_whole {
                return (said, None);
            }
            if is_last {
                said.extend(message.take());
                empty = 0;
            }
        }
        rest = &rest[head.size + length..];
    }
}

fn broken_close(content: &[u8]) -> Option<u16> {
    match content {
        [] => None,
        [_] => Some(1002),
        [high, low, reason @ ..] => match u16::from_be_bytes([*high, *low]) {
            1000..=1003 | 1007..=1014 | 3000..=4999 => {
                str::from_utf8(reason).is_err().then_some(1007)
            }
            _ => Some(1002),
        },
    }
}

/// What a server says to a client. Gives the frames that are whole, and how many bytes they have.
///
/// # Panics
/// Where a client would fail the connection.
pub(super) fn of_server(bytes: &[u8]) -> (Vec<Said>, usize) {
    let mut said: Vec<Said> = Vec::new();
    let mut end = 0;
    while let Some(head) = head(&bytes[end..]) {
        assert!(
            said.last().is_none_or(|last| last.opcode != CLOSE),
            "a frame behind the close"
        );
        assert!(head.mask.is_none(), "a server does not mask");
        assert!(head.is_final && head.reserved == 0, "a frame is a message");
        assert!(head.is_shortest, "the shortest length");
        assert!(matches!(head.opcode, TEXT | BINARY | CLOSE | PING | PONG));
        assert!(head.opcode < CLOSE || head.length <= 125, "a long control");
        let start = end + head.size;
        let length = usize::try_from(head.length).unwrap();
        let Some(content) = bytes.get(start..start + length) else {
            break;
        };
        match head.opcode {
            TEXT => assert!(str::from_utf8(content).is_ok(), "a text is UTF-8"),
            CLOSE => assert_eq!(broken_close(content), None, "{content:?}"),
            _ => {}
        }
        said.push(Said {
            opcode: head.opcode,
            content: content.to_vec(),
        });
        end = start + length;
    }
    (said, end)
}

/// A client's frame, masked.
pub(super) fn masked(first: u8, content: &[u8], mask: [u8; 4]) -> Vec<u8> {
    let length = content.len();
    let mut frame = vec![first];
    match length {
        0..=125 => frame.push(0x80 | length as u8),
        126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend((length as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend(mask);
    let mask = mask.iter().cycle();
    frame.extend(content.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    frame
}
