//! Frames that no client of WebSockets may send (RFC 6455), and some that are too much.

use gripware_interop::until;

use crate::{
    front::hub,
    wire::Wire,
    witness::{Witness, answer},
};

/// What is wrong, the bytes, and the code of the close that answers them.
type Frames = (&'static str, &'static [u8], u16);

const PROTOCOL: u16 = 1002;
const TEXT: u16 = 1007;
const SIZE: u16 = 1009;

/// The mask is all zeros, so that the bytes are what is read.
const FRAMES: &[Frames] = &[
    (
        "the first reserved bit",
        b"\xc1\x87\0\0\0\0planted",
        PROTOCOL,
    ),
    (
        "the second reserved bit",
        b"\xa1\x87\0\0\0\0planted",
        PROTOCOL,
    ),
    (
        "the third reserved bit",
        b"\x91\x87\0\0\0\0planted",
        PROTOCOL,
    ),
    ("all reserved bits on a ping", b"\xf9\x80\0\0\0\0", PROTOCOL),
    ("opcode 3", b"\x83\x87\0\0\0\0planted", PROTOCOL),
    ("opcode 4", b"\x84\x87\0\0\0\0planted", PROTOCOL),
    ("opcode 5", b"\x85\x87\0\0\0\0planted", PROTOCOL),
    ("opcode 6", b"\x86\x87\0\0\0\0planted", PROTOCOL),
    ("opcode 7", b"\x87\x87\0\0\0\0planted", PROTOCOL),
    ("opcode 11", b"\x8b\x87\0\0\0\0planted", PROTOCOL),
    ("opcode 12", b"\x8c\x87\0\0\0\0planted", PROTOCOL),
    ("opcode 13", b"\x8d\x87\0\0\0\0planted", PROTOCOL),
    ("opcode 14", b"\x8e\x87\0\0\0\0planted", PROTOCOL),
    ("opcode 15", b"\x8f\x87\0\0\0\0planted", PROTOCOL),
    ("a text without a mask", b"\x81\x07planted", PROTOCOL),
    ("a ping without a mask", b"\x89\x00", PROTOCOL),
    ("a ping of 126 bytes", b"\x89\xfe\0\x7e\0\0\0\0", PROTOCOL),
    (
        "a pong of 64 KiB",
        b"\x8a\xff\0\0\0\0\0\x01\0\0\0\0\0\0",
        PROTOCOL,
    ),
    ("a close of 126 bytes", b"\x88\xfe\0\x7e\0\0\0\0", PROTOCOL),
    ("a ping in fragments", b"\x09\x81\0\0\0\0a", PROTOCOL),
    ("a close in fragments", b"\x08\x80\0\0\0\0", PROTOCOL),
    (
        "a continuation of nothing",
        b"\x80\x87\0\0\0\0planted",
        PROTOCOL,
    ),
    (
        "a message within a message",
        b"\x01\x81\0\0\0\0a\x81\x87\0\0\0\0planted",
        PROTOCOL,
    ),
    ("a close of one byte", b"\x88\x81\0\0\0\0a", PROTOCOL),
    ("a close with code 0", b"\x88\x82\0\0\0\0\0\0", PROTOCOL),
    (
        "a close with code 999",
        b"\x88\x82\0\0\0\0\x03\xe7",
        PROTOCOL,
    ),
    (
        "a close with code 1004",
        b"\x88\x82\0\0\0\0\x03\xec",
        PROTOCOL,
    ),
    (
        "a close with code 1005",
        b"\x88\x82\0\0\0\0\x03\xed",
        PROTOCOL,
    ),
    (
        "a close with code 1006",
        b"\x88\x82\0\0\0\0\x03\xee",
        PROTOCOL,
    ),
    (
        "a close with code 1015",
        b"\x88\x82\0\0\0\0\x03\xf7",
        PROTOCOL,
    ),
    (
        "a close with code 2999",
        b"\x88\x82\0\0\0\0\x0b\xb7",
        PROTOCOL,
    ),
    (
        "a close with code 5000",
        b"\x88\x82\0\0\0\0\x13\x88",
        PROTOCOL,
    ),
    (
        "a close whose reason is no UTF-8",
        b"\x88\x84\0\0\0\0\x03\xe8\xff\xff",
        TEXT,
    ),
    (
        "a text that is no UTF-8",
        b"\x81\x88\0\0\0\0planted\xff",
        TEXT,
    ),
    (
        "a text with a surrogate",
        b"\x81\x83\0\0\0\0\xed\xa0\x80",
        TEXT,
    ),
    (
        "a text in overlong UTF-8",
        b"\x81\x82\0\0\0\0\xc0\xaf",
        TEXT,
    ),
    (
        "a text past Unicode",
        b"\x81\x84\0\0\0\0\xf4\x90\x80\x80",
        TEXT,
    ),
    (
        "a text that ends in the middle of a character",
        b"\x81\x82\0\0\0\0\xe2\x82",
        TEXT,
    ),
    (
        "a text whose second fragment is no UTF-8",
        b"\x01\x82\0\0\0\0\xe2\x82\x80\x81\0\0\0\0a",
        TEXT,
    ),
    (
        "a length of 2^63",
        b"\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0",
        PROTOCOL,
    ),
    (
        "a length of 2^64 - 1",
        b"\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
        PROTOCOL,
    ),
    (
        "a length of 2^63 - 1",
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0",
        SIZE,
    ),
    (
        "a length of 4 GiB",
        b"\x82\xff\0\0\0\x01\0\0\0\0\0\0\0\0",
        SIZE,
    ),
    (
        "one byte more than a message may have",
        b"\x82\xff\0\0\0\0\0\x08\0\x01\0\0\0\0",
        SIZE,
    ),
    (
        "fragments of more than a message may have",
        b"\x02\x81\0\0\0\0a\x80\xff\0\0\0\0\0\x08\0\0\0\0\0\0",
        SIZE,
    ),
    (
        "a length of 5 in 16 bits",
        b"\x81\xfe\0\x05\0\0\0\0plant",
        PROTOCOL,
    ),
    (
        "a length of 5 in 64 bits",
        b"\x81\xff\0\0\0\0\0\0\0\x05\0\0\0\0plant",
        PROTOCOL,
    ),
];

#[tokio::test]
async fn each_ends_its_connection_by_its_code_and_none_reaches_the_origin() {
    let witness = witness().await;
    let mut hub = hub(witness.address(), &[]).await;
    let mut wrong = Vec::new();
    for &(what, bytes, code) in FRAMES {
        let mut socket = Wire::websocket(hub.client(), "/").await;
        socket.sends(bytes).await;
        // The client ends the connection, as it is the one that was closed.
        let answer = socket.take(4).await;
        let closed = answer
            .get(2..4)
            .map(|code| u16::from_be_bytes([code[0], code[1]]));
        if answer.first() != Some(&0x88) || closed != Some(code) {
            wrong.push(format!("{what}: {}", answer.escape_ascii()));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {}:\n{}",
        wrong.len(),
        FRAMES.len(),
        wrong.join("\n")
    );
    hub.stop().await;
    witness.is_left().await;
    let planted = messages(&witness);
    assert_eq!(planted, 0);
}

/// What is whole reaches the origin, so that its absence says something.
#[tokio::test]
async fn a_frame_as_it_should_be_reaches_the_origin() {
    let witness = witness().await;
    let hub = hub(witness.address(), &[]).await;
    let mut socket = Wire::websocket(hub.client(), "/").await;
    socket.sends(b"\x81\x87\0\0\0\0planted").await;
    until("the message", async || messages(&witness) == 1).await;
}

/// How many messages have reached the origin.
fn messages(witness: &Witness) -> usize {
    let is_message = |body: &[u8]| {
        let mut lines = body.split(|&byte| byte == b'\n');
        lines.any(|line| line.starts_with(b"TEXT") || line.starts_with(b"BINARY"))
    };
    witness
        .seen()
        .iter()
        .filter(|seen| is_message(&seen.body))
        .count()
}

/// An origin that accepts every WebSocket, and has nothing to say.
async fn witness() -> Witness {
    Witness::answering(|seen| {
        let events = if seen.body.starts_with(b"OPEN") {
            "OPEN\r\n"
        } else {
            ""
        };
        answer(
            events,
            "Content-Type: application/websocket-events\r\nSec-WebSocket-Extensions: grip\r\n",
        )
    })
    .await
}
