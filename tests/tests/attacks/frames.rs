use std::net::SocketAddr;

use crate::wire::Wire;

pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
const ACK: u8 = 1;

/// A frame of HTTP/2 (RFC 9113, section 4.1), whatever is in it.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a length of 24 bits");
    let mut frame = length.to_be_bytes()[1..].to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// A header as HPACK writes it literally, by a name of its own and without an index (RFC 7541,
/// section 6.2.2).
pub(crate) fn field(name: &str, value: &str) -> Vec<u8> {
    let mut field = vec![0];
    for text in [name, value] {
        integer(&mut field, 0, 7, text.len());
        field.extend(text.bytes());
    }
    field
}

/// An integer behind the bits of `first` (RFC 7541, section 5.1).
pub(crate) fn integer(out: &mut Vec<u8>, first: u8, bits: u32, value: usize) {
    let most = (1 << bits) - 1;
    if value < most {
        return out.push(first | low_byte(value));
    }
    out.push(first | low_byte(most));
    let mut rest = value - most;
    while rest >= 128 {
        out.push(low_byte(rest % 128) | 128);
        rest /= 128;
    }
    out.push(low_byte(rest));
}

fn low_byte(value: usize) -> u8 {
    value.to_le_bytes()[0]
}

/// What has become of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was answered, with this status.
    Answered(u16),
    /// It was reset, with this code.
    Reset(u32),
    /// The connection has ended, with this code where it said one.
    Ended(Option<u32>),
}

impl Outcome {
    /// Whether the request was refused.
    pub(crate) fn is_refused(self) -> bool {
        !matches!(self, Self::Answered(..400))
    }
}

/// A client of HTTP/2 that sends the frames it is told to.
#[derive(Debug)]
pub(crate) struct Http2 {
    pub(crate) wire: Wire,
}

impl Http2 {
    /// Connects, and exchanges settings.
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::with_settings(address, &[]).await
    }

    /// The same with settings of its own, as they are written.
    pub(crate) async fn with_settings(address: SocketAddr, settings: &[u8]) -> Self {
        let mut wire = Wire::connect(address).await;
        wire.sends(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        wire.sends(frame(SETTINGS, 0, 0, settings)).await;
        let mut client = Self { wire };
        let (kind, ..) = client.next().await.expect("settings");
        assert_eq!(kind, SETTINGS);
        client.sends(SETTINGS, ACK, 0, &[]).await;
        client
    }

    pub(crate) async fn sends(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        self.wire.sends(frame(kind, flags, stream, payload)).await;
    }

    /// The next frame, and `None` where the connection has ended.
    pub(crate) async fn next(&mut self) -> Option<(u8, u8, u32, Vec<u8>)> {
        let head: [u8; 9] = self.wire.take(9).await.try_into().ok()?;
        let [a, b, c, kind, flags, stream @ ..] = head;
        let length = u32::from_be_bytes([0, a, b, c]);
        let payload = self.wire.take(length.try_into().expect("24 bits")).await;
        Some((kind, flags, u32::from_be_bytes(stream), payload))
    }

    /// What becomes of the first request of this connection, once that is settled: an answer is read
    /// to its end.
    pub(crate) async fn outcome(&mut self, of: u32) -> Outcome {
        let mut status = None;
        let mut goaway = None;
        loop {
            let Some((kind, flags, stream, payload)) = self.next().await else {
                return Outcome::Ended(goaway);
            };
            match kind {
                GOAWAY => goaway = payload.get(4..8).map(code),
                RST_STREAM if stream == of => return Outcome::Reset(code(&payload)),
                HEADERS if stream == of => status = status.or_else(|| Some(status_of(&payload))),
                _ => {}
            }
            if stream == of
                && matches!(kind, HEADERS | DATA)
                && flags & END_STREAM != 0
                && let Some(status) = status
            {
                return Outcome::Answered(status);
            }
        }
    }
}

fn code(bytes: &[u8]) -> u32 {
    let bytes = bytes.get(..4).and_then(|four| four.try_into().ok());
    bytes.map(u32::from_be_bytes).unwrap_or_default()
}

/// The status that the first head of a connection begins with: one of the static table, or three
/// digits in HPACK's Huffman code, where the first three digits have five bits and the others six.
fn status_of(block: &[u8]) -> u16 {
    match *block {
        // A new size of the table (RFC 7541, section 6.3), in one byte or in several.
        [0x3f, ref rest @ ..] => {
            let last = rest.iter().position(|byte| byte & 0x80 == 0);
            status_of(&rest[last.map_or(rest.len(), |last| last + 1)..])
        }
        [first, ref rest @ ..] if first & 0xe0 == 0x20 => status_of(rest),
        [first @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(first - 0x88)],
        [0x48 | 0x08, length, ref text @ ..] if length & 0x80 != 0 => {
            // Three digits have at most 18 bits.
            let padded = text.iter().chain(&[0; 4]).take(4);
            let bits = padded.fold(0_u32, |bits, &byte| bits << 8 | u32::from(byte));
            let (mut status, mut at) = (0, 0);
            for _ in 0..3 {
                let five = bits << at >> 27;
                let six = bits << at >> 26;
                let (digit, length) = if five < 3 {
                    (five, 5)
                } else {
                    (six - 0b01_1001 + 3, 6)
                };
                status = status * 10 + digit;
                at += length;
            }
            status.try_into().expect("three digits")
        }
        [0x48 | 0x08, 3, a, b, c, ..] => [a, b, c]
            .iter()
            .fold(0, |status, digit| status * 10 + u16::from(digit - b'0')),
        _ => panic!("no status in {}", block.escape_ascii()),
    }
}

#[test]
fn a_status_is_read_however_it_is_written() {
    for (block, status) in [
        (&b"\x88"[..], 200),
        (b"\x3f\xe1\x1f\x8c", 400),
        // The examples of RFC 7541, appendix C.6.
        (b"\x48\x82\x64\x02", 302),
        (b"\x48\x83\x64\x0e\xff", 307),
        (b"\x48\x03502", 502),
    ] {
        assert_eq!(status_of(block), status, "{}", block.escape_ascii());
    }
}
