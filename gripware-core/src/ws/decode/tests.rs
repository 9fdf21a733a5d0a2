use proptest::{collection::vec, prelude::*};

use super::*;
use crate::ws::{Close, EventKind, encode, encoded_len};

fn read(body: &[u8]) -> Result<Vec<Event>, DecodeError> {
    decode(Bytes::copy_from_slice(body), &Limits::default())
}

#[track_caller]
fn refused(body: &[u8], kind: DecodeErrorKind, position: usize) {
    assert_eq!(read(body), Err(DecodeError { kind, position }));
}

#[test]
fn the_conversation_of_the_protocol_reads_as_its_events() {
    assert_eq!(read(b"OPEN\r\n").unwrap(), [Event::open()]);
    assert_eq!(read(b"TEXT 2\r\nhi\r\n").unwrap(), [Event::text("hi")]);
    let close = read(b"CLOSE 5\r\n\x0f\xa1bye\r\n").unwrap();
    assert_eq!(close[0].to_close(), Some(Close::parse(b"\x0f\xa1bye")));
    assert_eq!(
        read(b"OPEN\r\nTEXT 25\r\nc:{\"type\":\"subscribe\",\"channel\":\"w1\"}\r\nTEXT 7\r\nm:hello\r\n")
            .unwrap(),
        [
            Event::open(),
            Event::text(r#"c:{"type":"subscribe","channel":"w1"}"#),
            Event::text("m:hello"),
        ]
    );
    assert_eq!(read(b"").unwrap(), []);
}

#[test]
fn both_ways_to_write_an_empty_content_are_read() {
    for kind in EventKind::ALL {
        let event = Event::raw(*kind, Bytes::new());
        for body in [format!("{kind}\r\n"), format!("{kind} 0\r\n\r\n")] {
            assert_eq!(read(body.as_bytes()).as_ref(), Ok(&vec![event.clone()]));
        }
    }
}

#[test]
fn lengths_are_read_in_either_case_and_with_leading_zeros() {
    let content = [b'x'; 0xab];
    for length in ["ab", "AB", "aB", "000000ab"] {
        let body = [format!("BINARY {length}\r\n").as_bytes(), &content, b"\r\n"].concat();
        assert_eq!(read(&body).unwrap(), [Event::binary(content.to_vec())]);
    }
}

#[test]
fn content_may_look_like_anything() {
    let content = b"\r\nTEXT 3\r\n\0\xff\r\n";
    let body = [&b"BINARY e\r\n"[..], content, b"\r\nPING\r\n"].concat();
    assert_eq!(
        read(&body).unwrap(),
        [Event::binary(&content[..]), Event::ping("")]
    );
}

#[test]
fn a_length_that_would_overflow_is_refused() {
    refused(
        b"TEXT fffffffffffffff0\r\n",
        DecodeErrorKind::InvalidLength,
        13,
    );
    refused(b"TEXT ffffffff\r\nabc", DecodeErrorKind::Truncated, 18);
    refused(b"TEXT 100000000\r\n", DecodeErrorKind::InvalidLength, 13);
}

#[test]
fn a_length_is_nothing_but_hexadecimal_digits() {
    for (body, position) in [
        (&b"TEXT \r\n"[..], 5),
        (b"TEXT  2\r\nhi\r\n", 5),
        (b"TEXT 2 \r\nhi\r\n", 6),
        (b"TEXT +2\r\nhi\r\n", 5),
        (b"TEXT -2\r\nhi\r\n", 5),
        (b"TEXT 0x2\r\nhi\r\n", 6),
        (b"TEXT 2g\r\nhi\r\n", 6),
        (b"TEXT 2;a=b\r\nhi\r\n", 6),
        (b"TEXT \xff\r\n", 5),
    ] {
        refused(body, DecodeErrorKind::InvalidLength, position);
    }
}

#[test]
fn lines_and_contents_end_with_cr_lf() {
    for (body, position) in [
        (&b"OPEN\n"[..], 4),
        (b"TEXT 2\nhi\r\n", 6),
        (b"TEXT 2\r\nhi\n", 10),
        (b"TEXT 2\r\nhiTEXT 1\r\n", 10),
        (b"TEXT 1\r\nhi\r\n", 9),
        (b"OPEN\rX", 4),
        (b"TEXT 0\r\nOPEN\r\n", 8),
    ] {
        refused(body, DecodeErrorKind::InvalidLineEnd, position);
    }
}

#[test]
fn other_names_are_no_events() {
    for body in [
        &b"HELLO\r\n"[..],
        b"text 2\r\nhi\r\n",
        b"TEXTS\r\n",
        b"TEXT\t2\r\nhi\r\n",
        b" OPEN\r\n",
        b"\r\nOPEN\r\n",
        b"\xff",
        b"{\"type\":\"OPEN\"}",
    ] {
        refused(body, DecodeErrorKind::UnknownKind, 0);
    }
    refused(b"OPEN\r\nNEXT 1\r\na\r\n", DecodeErrorKind::UnknownKind, 6);
}

#[test]
fn every_place_where_a_body_is_cut_off_is_noticed() {
    let body = b"DISCONNECT\r\nTEXT 2\r\nhi\r\n";
    for end in 1..body.len() {
        let cut_off = &body[..end];
        if end == 12 {
            assert_eq!(read(cut_off).unwrap(), [Event::disconnect()]);
        } else {
            refused(cut_off, DecodeErrorKind::Truncated, expected_position(end));
        }
    }
    // A name that is cut off is reported where it starts: the rest of it cannot be known.
    fn expected_position(end: usize) -> usize {
        match end {
            ..10 => 0,
            13..16 => 12,
            _ => end,
        }
    }
}

#[test]
fn open_and_disconnect_have_no_content() {
    refused(b"OPEN 1\r\nx\r\n", DecodeErrorKind::UnexpectedContent, 8);
    refused(
        b"DISCONNECT 1\r\nx\r\n",
        DecodeErrorKind::UnexpectedContent,
        14,
    );
}

#[test]
fn what_is_over_a_limit_is_refused_and_known_as_such() {
    let limits = Limits {
        websocket_body: 24,
        websocket_events: 3,
        websocket_event: 4,
        ..Limits::default()
    };
    let check = |body: &'static [u8], kind, position| {
        let error = decode(Bytes::from_static(body), &limits).unwrap_err();
        assert_eq!((error.kind(), error.position()), (kind, position));
        assert!(error.is_over_limit());
    };
    assert!(decode(Bytes::from_static(b"TEXT 4\r\nabcd\r\nOPEN\r\n"), &limits).is_ok());
    check(b"TEXT 5\r\nabcde\r\n", DecodeErrorKind::EventTooLarge, 8);
    check(
        b"PING\r\nPING\r\nPING\r\nPING\r\n",
        DecodeErrorKind::TooManyEvents,
        18,
    );
    check(
        b"PING\r\nPING\r\nPING\r\nPING\r\n.",
        DecodeErrorKind::BodyTooLarge,
        24,
    );

    let error = decode(Bytes::from_static(b"TEXT 9\r\nabc"), &limits).unwrap_err();
    assert_eq!(error.kind(), DecodeErrorKind::Truncated);
    assert!(!error.is_over_limit());
}

#[test]
fn content_is_lent_from_the_body() {
    let body = Bytes::from(b"TEXT 2\r\nhi\r\n".to_vec());
    let start = body.as_ptr();
    let events = decode(body, &Limits::default()).unwrap();
    assert_eq!(events[0].content().as_ptr(), start.wrapping_add(8));
}

#[test]
fn after_an_error_there_are_no_more_events() {
    let mut events = Events::new(
        Bytes::from_static(b"PING\r\nx\r\nPING\r\n"),
        &Limits::default(),
    );
    assert_eq!(events.next(), Some(Ok(Event::ping(""))));
    assert!(events.next().unwrap().is_err());
    assert_eq!(events.next(), None);
    assert_eq!(events.next(), None);
}

#[test]
fn an_error_says_what_and_where() {
    let error = read(b"OPEN\r\nTEXT 2\r\nhi").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the body ends inside an event, whose length is hexadecimal, at byte 16"
    );
}

fn any_event() -> impl Strategy<Value = Event> {
    let content = prop_oneof![vec(any::<u8>(), 0..40), vec(any::<u8>(), 250..300)];
    (0..EventKind::ALL.len(), content).prop_map(|(kind, content)| {
        let kind = EventKind::ALL[kind];
        let content = if kind.has_content() {
            content
        } else {
            Vec::new()
        };
        Event::raw(kind, content.into())
    })
}

/// Bytes that are often nearly a list of events.
fn nearly_a_body() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::sample::select(vec![
            "OPEN", "TEXT", "PING", "CLOSE", " ", "0", "1", "2", "f", "\r\n", "\r", "\n", "a",
        ])
        .prop_map(|piece| piece.as_bytes().to_vec()),
        vec(any::<u8>(), 0..4),
    ];
    vec(piece, 0..30).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_was_encoded_decodes_to_the_same(events in vec(any_event(), 0..12)) {
        let body = encode(&events);
        prop_assert_eq!(body.len(), events.iter().map(encoded_len).sum::<usize>());
        prop_assert_eq!(decode(body, &Limits::default()), Ok(events));
    }

    #[test]
    fn a_part_of_a_body_gives_a_part_of_its_events_or_an_error(
        events in vec(any_event(), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let body = encode(&events);
        let cut = cut.index(body.len());
        match decode(body.slice(..cut), &Limits::default()) {
            Ok(part) => {
                prop_assert!(part.len() < events.len());
                prop_assert_eq!(&part[..], &events[..part.len()]);
            }
            Err(error) => {
                prop_assert_eq!(error.kind(), DecodeErrorKind::Truncated);
                prop_assert!(error.position() <= cut);
            }
        }
    }

    #[test]
    fn a_scan_sees_what_is_decoded(body in nearly_a_body()) {
        let scanned: Result<Vec<_>, _> = scan(&body, &Limits::default()).collect();
        let decoded = read(&body);
        let decoded = decoded.as_ref().map(|events| {
            events.iter().map(|event| (event.kind(), &event.content()[..])).collect::<Vec<_>>()
        });
        prop_assert_eq!(scanned.as_ref(), decoded.as_ref().map_err(|error| *error));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(body in vec(any::<u8>(), 0..200)) {
        let _ = read(&body);
    }

    #[test]
    fn what_decodes_at_all_survives_a_round_trip(body in nearly_a_body()) {
        match read(&body) {
            Ok(events) => prop_assert_eq!(read(&encode(&events)), Ok(events)),
            Err(error) => prop_assert!(error.position() <= body.len()),
        }
    }
}
