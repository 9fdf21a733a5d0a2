//! Floods over HTTP/2: rapid reset, CONTINUATION, and what HPACK unpacks.
//!
//! Each ends the connection of whoever sends it, costs no memory to speak of, and leaves the others
//! alone.

use std::fs;

use gripware_interop::{HubProgram, Request, until};

use crate::{
    frames::{
        CONTINUATION, END_HEADERS, END_STREAM, HEADERS, Http2, Outcome, PING, PRIORITY, RST_STREAM,
        SETTINGS, WINDOW_UPDATE, field, frame, integer,
    },
    front::hub,
    witness::Witness,
};

/// How much memory an attack may cost, in bytes: far less than what it sends or unpacks.
const GROWTH: u64 = 32 << 20;

/// Codes of HTTP/2 (RFC 9113, section 7).
const PROTOCOL_ERROR: u32 = 1;
const COMPRESSION_ERROR: u32 = 9;
const ENHANCE_YOUR_CALM: u32 = 11;

#[tokio::test]
async fn rapid_reset_ends_the_connection() {
    let witness = Witness::start().await;
    let hub = hub(witness.address(), &[]).await;
    let before = resident(&hub);
    let mut client = Http2::connect(hub.client()).await;
    let cancel = 8_u32.to_be_bytes();
    let streams = (0..100_000).map(|n| 2 * n + 1);
    let frames: Vec<u8> = streams
        .flat_map(|stream| {
            let flags = END_HEADERS | END_STREAM;
            let mut pair = frame(HEADERS, flags, stream, &head());
            pair.extend(frame(RST_STREAM, 0, stream, &cancel));
            pair
        })
        .collect();
    client.wire.sends(frames).await;
    assert_eq!(ended(&mut client).await, Some(ENHANCE_YOUR_CALM));
    let asked = witness.seen().len();
    assert!(asked < 1_000, "{asked} requests have reached the origin");
    is_unharmed(&hub, before).await;
}

/// Frames that ask for nothing, at a rate no honest client has: they cost a core.
#[tokio::test]
async fn frames_that_ask_for_nothing_end_the_connection() {
    let witness = Witness::start().await;
    let hub = hub(witness.address(), &[]).await;
    let before = resident(&hub);
    for (what, frame) in [
        ("SETTINGS", frame(SETTINGS, 0, 0, &[])),
        ("PING", frame(PING, 0, 0, &[0; 8])),
        ("PRIORITY", frame(PRIORITY, 0, 1, &[0, 0, 0, 0, 16])),
        ("WINDOW_UPDATE", frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
    ] {
        let mut client = Http2::connect(hub.client()).await;
        client.wire.sends(frame.repeat(100_000)).await;
        let code = ended(&mut client).await;
        assert_eq!(code, Some(ENHANCE_YOUR_CALM), "100 000 frames of {what}");
    }
    is_unharmed(&hub, before).await;
}

#[tokio::test]
async fn a_head_without_an_end_ends_the_connection() {
    let witness = Witness::start().await;
    let hub = hub(witness.address(), &[]).await;
    let before = resident(&hub);
    let mut client = Http2::connect(hub.client()).await;
    client.sends(HEADERS, END_STREAM, 1, &head()).await;
    let piece = field("x", &"a".repeat(16_000));
    // 160 MB in all.
    let frames = frame(CONTINUATION, 0, 1, &piece).repeat(100);
    let mut sent = 0;
    while sent < 100 && client.wire.is_open_for(&frames).await {
        sent += 1;
    }
    assert!(sent < 100, "the hub has read all of it");
    is_unharmed(&hub, before).await;
}

#[tokio::test]
async fn a_head_of_empty_continuations_ends_the_connection() {
    let witness = Witness::start().await;
    let hub = hub(witness.address(), &[]).await;
    let before = resident(&hub);
    let mut client = Http2::connect(hub.client()).await;
    client.sends(HEADERS, END_STREAM, 1, &head()).await;
    // 90 MB in all, of nothing.
    let frames = frame(CONTINUATION, 0, 1, &[]).repeat(100_000);
    let mut sent = 0;
    while sent < 100 && client.wire.is_open_for(&frames).await {
        sent += 1;
    }
    assert!(sent < 100, "the hub has read all of it");
    is_unharmed(&hub, before).await;
}

/// HPACK bomb: an entry of the table, sent once, and named by one byte as often as it goes.
#[tokio::test]
async fn a_head_that_unpacks_to_a_thousand_times_its_size_is_refused() {
    let witness = Witness::start().await;
    let hub = hub(witness.address(), &[]).await;
    let before = resident(&hub);
    let mut client = Http2::connect(hub.client()).await;
    // With an index: 62 is the first of the table that is not static.
    let mut block = head();
    let mut entry = field("x", &"a".repeat(3_900));
    entry[0] = 0x40;
    block.extend(entry);
    block.extend([0xbe; 12_000]);
    for n in 0..100 {
        client
            .sends(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &block)
            .await;
    }
    let outcome = client.outcome(1).await;
    assert!(outcome.is_refused(), "{outcome:?}");
    assert_eq!(witness.seen().len(), 0);
    is_unharmed(&hub, before).await;
}

#[tokio::test]
async fn what_hpack_cannot_unpack_ends_the_connection() {
    let witness = Witness::start().await;
    let hub = hub(witness.address(), &[]).await;
    let before = resident(&hub);
    let mut past_the_table = Vec::new();
    integer(&mut past_the_table, 0x80, 7, 4_000);
    let mut size = Vec::new();
    integer(&mut size, 0x20, 5, 1 << 30);
    for (what, block) in [
        ("index 0", vec![0x80]),
        ("an index past the table", past_the_table),
        (
            "an integer without an end",
            [&[0xff][..], &[0xff; 20]].concat(),
        ),
        ("a table of 1 GiB", size),
        (
            "a name longer than the frame",
            vec![0x00, 0x7f, 0xff, 0xff, 0x7f],
        ),
        (
            "Huffman code of all ones",
            vec![0x00, 0x84, 0xff, 0xff, 0xff, 0xff, 0x00],
        ),
        (
            "Huffman code with a whole byte behind it",
            vec![0x00, 0x82, 0x1f, 0xff, 0x00],
        ),
    ] {
        let mut client = Http2::connect(hub.client()).await;
        let block = [head(), block].concat();
        client
            .sends(HEADERS, END_HEADERS | END_STREAM, 1, &block)
            .await;
        let outcome = client.outcome(1).await;
        // Which of the two is a matter of taste.
        let codes = [PROTOCOL_ERROR, COMPRESSION_ERROR].map(|code| Outcome::Ended(Some(code)));
        assert!(codes.contains(&outcome), "{what}: {outcome:?}");
    }
    assert_eq!(witness.seen().len(), 0);
    is_unharmed(&hub, before).await;
}

/// The client sees an answer where it behaves, so that the ends above say something.
#[tokio::test]
async fn a_hundred_streams_of_one_connection_are_answered() {
    let witness = Witness::start().await;
    let hub = hub(witness.address(), &[]).await;
    let mut client = Http2::connect(hub.client()).await;
    for n in 0..100 {
        client
            .sends(HEADERS, END_HEADERS | END_STREAM, 2 * n + 1, &head())
            .await;
    }
    until("all requests", async || witness.seen().len() == 100).await;
    assert_eq!(client.outcome(1).await, Outcome::Answered(200));
}

/// The head of a `GET`.
fn head() -> Vec<u8> {
    let fields = [
        (":method", "GET"),
        (":scheme", "http"),
        (":authority", "a"),
        (":path", "/"),
    ];
    fields.map(|(name, value)| field(name, value)).concat()
}

/// The code by which the hub has ended a connection.
async fn ended(client: &mut Http2) -> Option<u32> {
    match client.outcome(0).await {
        Outcome::Ended(code) => code,
        outcome => panic!("{outcome:?}"),
    }
}

/// Another client is served, and the hub has not grown.
async fn is_unharmed(hub: &HubProgram, before: u64) {
    let other = Request::new("GET", hub.client(), "/other").send().await;
    assert_eq!(other.text().await, "/other");
    let growth = resident(hub).saturating_sub(before);
    assert!(growth < GROWTH, "the hub has grown by {growth} bytes");
}

/// The resident memory of a hub, in bytes.
fn resident(hub: &HubProgram) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", hub.id())).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes =
        line.and_then(|line| line.trim_ascii().strip_suffix(" kB")?.parse::<u64>().ok());
    kibibytes.expect("a size") * 1024
}
