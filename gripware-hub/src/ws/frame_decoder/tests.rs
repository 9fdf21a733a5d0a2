use proptest::{collection::vec, prelude::*};

use crate::ws::{deflate::Window, frame_decoder::*};

const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const MAX: usize = 100_000;

/// A client's frame, with the first byte as it is and the shortest length.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = payload.len();
    let mut frame = vec![first];
    match length {
        0..=125 => frame.push(0x80 | length as u8),
        126..=0xffff => {
            frame.push(0x80 | 126);
            frame.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            frame.push(0x80 | 127);
            frame.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    frame.extend_from_slice(&MASK);
    let mask = MASK.iter().cycle();
    frame.extend(payload.iter().zip(mask).map(|(byte, mask)| byte ^ mask));
    frame
}

/// Everything that comes out of `input` when it arrives in pieces of these lengths, over and over.
fn read_in(input: &[u8], pieces: &[usize], max: usize) -> (Vec<PeerMessage>, Option<u16>) {
    let mut reader = FrameDecoder::default();
    let mut decoded = Vec::new();
    let mut rest = input;
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() {
        let length = pieces.next().map_or(1, |length| *length).min(rest.len());
        let (mut piece, behind) = rest.split_at(length.max(1));
        rest = behind;
        loop {
            match reader.read(&mut piece, max) {
                Ok(Some(message)) => decoded.push(message),
                Ok(None) => break,
                Err(error) => {
                    assert!(reader.is_over());
                    return (decoded, Some(error.code()));
                }
            }
        }
        assert!(piece.is_empty());
    }
    (decoded, None)
}

fn read(input: &[u8]) -> (Vec<PeerMessage>, Option<u16>) {
    let whole = read_in(input, &[input.len()], MAX);
    assert_eq!(read_in(input, &[1], MAX), whole, "byte by byte");
    whole
}

fn text(content: &str) -> PeerMessage {
    PeerMessage::Text(content.to_owned().into())
}

#[test]
fn a_reader_is_small_and_has_no_memory_between_messages() {
    assert!(
        size_of::<FrameDecoder>() <= 16,
        "{}",
        size_of::<FrameDecoder>()
    );
    let mut reader = FrameDecoder::default();
    let long = frame(0x82, &[7; 70_000]);
    let (first, second) = long.split_at(30_000);
    assert_eq!(reader.read(&mut &first[..], MAX), Ok(None));
    assert!(reader.under_way.is_some());
    let read = reader.read(&mut &second[..], MAX).unwrap();
    assert_eq!(read, Some(PeerMessage::Binary(vec![7; 70_000].into())));
    assert!(reader.under_way.is_none());
}

#[test]
fn a_declared_length_reserves_nothing() {
    let mut reader = FrameDecoder::default();
    let frame = frame(0x82, &[7; 70_000]);
    assert_eq!(reader.read(&mut &frame[..20], MAX), Ok(None));
    let message = reader.under_way.unwrap().message.unwrap();
    assert!(message.payload.capacity() < 100);
}

#[test]
fn the_standards_own_example_is_read() {
    let hello = [
        0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58,
    ];
    assert_eq!(read(&hello), (vec![text("Hello")], None));
}

#[test]
fn fragments_are_joined_and_control_frames_may_come_between_them() {
    let input = [
        frame(0x01, b"Hel"),
        frame(0x89, b"?"),
        frame(0x00, b""),
        frame(0x8a, b""),
        frame(0x80, b"lo"),
        frame(0x82, b""),
        frame(0x81, b""),
    ]
    .concat();
    let expected = vec![
        PeerMessage::Ping("?".into()),
        PeerMessage::Pong("".into()),
        text("Hello"),
        PeerMessage::Binary("".into()),
        text(""),
    ];
    assert_eq!(read(&input), (expected, None));
}

#[test]
fn a_frame_that_breaks_the_protocol_fails_with_1002() {
    let mut unmasked = frame(0x81, b"hi");
    unmasked[1] &= 0x7f;
    let head = |rest: &[u8]| [rest, &[0; 200]].concat();
    for (input, what) in [
        (unmasked, "not masked"),
        (frame(0xc1, b"hi"), "RSV1"),
        (frame(0xa1, b"hi"), "RSV2"),
        (frame(0x91, b"hi"), "RSV3"),
        (frame(0x83, b"hi"), "opcode 3"),
        (frame(0x8b, b"hi"), "opcode 11"),
        (frame(0x09, b"hi"), "a fragmented ping"),
        (frame(0x89, &[b'x'; 126]), "a long ping"),
        (frame(0x80, b"hi"), "nothing to continue"),
        (frame(0x00, b"hi"), "nothing to continue"),
        ([frame(0x01, b"hi"), frame(0x81, b"hi")].concat(), "inside"),
        ([frame(0x01, b"hi"), frame(0x02, b"hi")].concat(), "inside"),
        (head(&[0x82, 0xfe, 0, 125]), "125 in 16 bits"),
        (
            head(&[0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff]),
            "16 in 64",
        ),
        (head(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]), "2^63"),
        (frame(0x88, b"\x03"), "half a close code"),
        (frame(0x88, b"\x03\xed"), "1005"),
        (frame(0x88, b"\x00\x00"), "0"),
        (frame(0x88, b"\xff\xff"), "65535"),
    ] {
        assert_eq!(read(&input), (vec![], Some(1002)), "{what}");
    }
}

#[test]
fn a_text_that_is_not_utf_8_fails_with_1007_as_soon_as_it_is_known() {
    for input in [
        frame(0x81, b"a\xff"),
        frame(0x81, b"\xe2\x82"),
        [frame(0x01, b"\xe2"), frame(0x80, b"x")].concat(),
        [frame(0x01, b"\xe2\x82"), frame(0x80, b"")].concat(),
        frame(0x01, b"\xed\xa0\x80"),
        frame(0x88, b"\x03\xe8\xff"),
    ] {
        assert_eq!(read(&input), (vec![], Some(1007)), "{input:?}");
    }
    let euro = [
        frame(0x01, b"\xe2"),
        frame(0x00, b"\x82"),
        frame(0x80, b"\xac"),
    ];
    assert_eq!(read(&euro.concat()), (vec![text("€")], None));
}

#[test]
fn a_message_over_the_limit_fails_with_1009_before_it_arrives() {
    let limit = |input: &[u8]| read_in(input, &[3], 10);
    assert_eq!(limit(&frame(0x82, &[1; 10])).1, None);
    assert_eq!(limit(&frame(0x82, &[1; 11])[..6]), (vec![], Some(1009)));
    let joined = [frame(0x02, &[1; 6]), frame(0x80, &[1; 5])].concat();
    assert_eq!(limit(&joined), (vec![], Some(1009)));
    // A control frame is no part of the message.
    let between = [
        frame(0x02, &[1; 6]),
        frame(0x89, &[2; 100]),
        frame(0x80, &[1; 4]),
    ];
    assert_eq!(limit(&between.concat()).0.len(), 2);
    let huge = [0x82, 0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4];
    assert_eq!(read(&huge), (vec![], Some(1009)));
}

#[test]
fn empty_fragments_have_an_end() {
    let start = frame(0x01, b"");
    let fragments = |count| [start.clone(), frame(0x00, b"").repeat(count)].concat();
    assert_eq!(read(&fragments(63)), (vec![], None));
    assert_eq!(read(&fragments(64)), (vec![], Some(1008)));
}

#[test]
fn nothing_is_read_behind_a_close_or_an_error() {
    for first in [frame(0x88, b"\x03\xe8bye"), frame(0x83, b"")] {
        let mut reader = FrameDecoder::default();
        let input = [first, frame(0x81, b"more")].concat();
        let _ = reader.read(&mut &input[..], MAX);
        assert!(reader.is_over());
        let mut later = &frame(0x81, b"more")[..];
        assert_eq!(reader.read(&mut later, MAX), Ok(None));
        assert!(later.is_empty());
    }
    let closes = [
        (&b""[..], None, ""),
        (b"\x03\xe8", Some(1000), ""),
        (b"\x03\xea", Some(1002), ""),
        (b"\x0f\xa1bye", Some(4001), "bye"),
    ];
    for (content, code, reason) in closes {
        let (decoded, error) = read(&frame(0x88, content));
        let [PeerMessage::Close(close)] = &decoded[..] else {
            panic!("{decoded:?}");
        };
        assert_eq!((close.code(), close.reason(), error), (code, reason, None));
    }
}

#[test]
fn an_error_is_told_to_the_client_with_its_code() {
    let mut reader = FrameDecoder::default();
    let error = reader.read(&mut &[0x83, 0x80][..], MAX).unwrap_err();
    assert_eq!(error.to_frame(), &b"\x88\x13\x03\xeaan unknown opcode"[..]);
}

/// A message, as a client sends it: its opcode, its fragments, and pings between those.
#[derive(Clone, Debug)]
struct Sent {
    is_text: bool,
    fragments: Vec<String>,
    pings: bool,
}

/// A stream of numbers that follows from its seed. A strategy for each byte of a long payload would
/// cost a thousand times as much.
fn numbers(seed: u64) -> impl Iterator<Item = u8> {
    let next = |state: &u64| {
        Some(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1),
        )
    };
    std::iter::successors(next(&seed), next).map(|state| (state >> 56) as u8)
}

/// A text of up to 200 characters of every length that UTF-8 has.
fn any_text() -> impl Strategy<Value = String> {
    const CHARS: [char; 8] = [
        'a',
        '\0',
        '\u{7f}',
        'é',
        '€',
        '\u{ffff}',
        '😀',
        '\u{10ffff}',
    ];
    (any::<u64>(), 0..=200_usize).prop_map(|(seed, length)| {
        let chars = numbers(seed).map(|number| CHARS[usize::from(number) % CHARS.len()]);
        chars.take(length).collect()
    })
}

/// A payload whose length may be near one where the length is written in another way.
fn any_payload() -> impl Strategy<Value = Vec<u8>> {
    let length = prop_oneof![0..200_usize, 0xff00..=0x1_0100_usize, 0..70_000_usize];
    (any::<u64>(), length).prop_map(|(seed, length)| numbers(seed).take(length).collect())
}

fn sent() -> impl Strategy<Value = Sent> {
    let fragments = vec(any_text(), 1..4);
    (any::<bool>(), fragments, any::<bool>()).prop_map(|(is_text, fragments, pings)| Sent {
        is_text,
        fragments,
        pings,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn any_split_of_the_input_gives_the_same_messages(
        messages in vec(sent(), 0..6),
        pieces in vec(1..300_usize, 1..10),
    ) {
        let (mut input, mut expected) = (Vec::new(), Vec::new());
        for message in &messages {
            let last = message.fragments.len() - 1;
            for (index, fragment) in message.fragments.iter().enumerate() {
                let opcode = match (index, message.is_text) {
                    (0, true) => 1,
                    (0, false) => 2,
                    _ => 0,
                };
                let fin = if index == last { 0x80 } else { 0 };
                input.extend(frame(fin | opcode, fragment.as_bytes()));
                if message.pings && index < last {
                    input.extend(frame(0x89, b"ping"));
                    expected.push(PeerMessage::Ping("ping".into()));
                }
            }
            let content = message.fragments.concat();
            expected.push(if message.is_text {
                text(&content)
            } else {
                PeerMessage::Binary(content.into())
            });
        }
        prop_assert_eq!(read_in(&input, &pieces, MAX), (expected, None));
    }

    #[test]
    fn arbitrary_bytes_give_the_same_in_any_split_and_never_panic(
        heads in vec((any::<u8>(), any::<u8>(), vec(any::<u8>(), 0..40)), 0..20),
        pieces in vec(1..20_usize, 1..10),
    ) {
        // Bytes that look like frames more often than not.
        let input: Vec<u8> = heads
            .iter()
            .flat_map(|(first, second, rest)| {
                let first = if first & 1 == 0 { first & 0x8f } else { *first };
                let second = if second & 3 == 0 { *second } else { 0x80 | second >> 3 };
                [&[first, second][..], rest].concat()
            })
            .collect();
        let whole = read_in(&input, &[input.len().max(1)], 1_000);
        prop_assert_eq!(read_in(&input, &pieces, 1_000), whole);
    }

    #[test]
    fn what_is_read_can_be_written_and_read_again(payload in any_payload()) {
        let (decoded, error) = read_in(&frame(0x82, &payload), &[4_096], MAX);
        prop_assert_eq!(error, None);
        let [PeerMessage::Binary(content)] = &decoded[..] else {
            return Err(TestCaseError::fail("no message"));
        };
        prop_assert_eq!(content, &payload);
        let written = crate::ws::encode(crate::ws::Opcode::Binary, content);
        // A server's frame is a client's without the mask.
        let mut masked = written.to_vec();
        masked[1] |= 0x80;
        let start = masked.len() - payload.len();
        masked.splice(start..start, [0; 4]);
        prop_assert_eq!(read_in(&masked, &[masked.len()], MAX), (decoded, None));
    }
}

#[test]
fn a_compressed_message_is_read_however_it_arrives() {
    let text = "what is new? ".repeat(100);
    let payload = Window::Large.deflate(text.as_bytes()).unwrap();
    let (start, end) = payload.split_at(10);
    let whole = frame(0xc1, &payload);
    let parts = [frame(0x41, start), frame(0x89, b""), frame(0x80, end)].concat();
    for input in [whole, parts] {
        for piece in [1, 7, input.len()] {
            let mut reader = FrameDecoder::of(Sender::DeflatingClient);
            let mut said = Vec::new();
            for mut bytes in input.chunks(piece) {
                while let Some(message) = reader.read(&mut bytes, text.len()).unwrap() {
                    said.push(message);
                }
            }
            said.retain(|message| !matches!(message, PeerMessage::Ping(_)));
            assert_eq!(said, [PeerMessage::Text(text.clone().into())]);
        }
        let mut reader = FrameDecoder::of(Sender::DeflatingClient);
        let mut bytes = &*input;
        let error = loop {
            match reader.read(&mut bytes, text.len() - 1) {
                Err(error) => break error,
                Ok(message) => assert!(!matches!(message, None | Some(PeerMessage::Text(_)))),
            }
        };
        assert_eq!(error.code(), 1009);
    }
}
