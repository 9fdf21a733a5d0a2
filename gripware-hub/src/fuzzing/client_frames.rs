//! The frames of a WebSocket client, in any pieces, and what the session makes of them.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gripware_core::ws::{CloseCode, EventKind, decode};
use http::{HeaderMap, Response};

use super::frames::{self, BINARY, CLOSE, PING, PONG, Said, TEXT};
use crate::{
    session::{Effect, WsSession},
    ws::{
        ConnectionMeta, FrameDecoder, Opcode, Opening, PeerMessage, Sender, WsSettings, encode,
        judge,
    },
};

/// What the client may send at most in one message, if it is not much.
const SMALL_MESSAGE: usize = 1000;
const LARGE_MESSAGE: usize = 512 * 1024;

/// Bounds that an input of a few kilobytes reaches.
const QUEUE_BYTES: usize = 2000;
const QUEUE_EVENTS: usize = 16;

/// The first byte of the input says what is around the client, the next ones the pieces in which
/// the rest arrives: that is what the client sends.
///
/// - The [`FrameDecoder`] reads the same as a reader of the whole input does, however it is cut, and
///   allocates no more than twice what has come.
/// - What an origin sends is read alike.
/// - The queue of the [`WsSession`] stays within its bounds by one message.
/// - The origin is told what the client said, each thing once and in order.
/// - What the client gets are valid frames, a close is the last one, and there is a pong for each
///   ping at most.
///
/// # Panics
/// Where one of these does not hold.
pub fn client_frames(input: &[u8]) {
    let Some((around, rest)) = input.split_first() else {
        return;
    };
    let Some((count, rest)) = rest.split_first() else {
        return;
    };
    let count = usize::from(count % 8) + 1;
    let Some((lengths, sent)) = rest.split_at_checked(count) else {
        return;
    };
    let around = Around::of(*around);
    let expected = frames::of_client(sent, around.max_message as u64);
    let lengths: Vec<_> = lengths.iter().map(|it| piece_length(*it)).collect();
    assert_eq!(
        read(Sender::Client, sent, &lengths, around.max_message),
        expected
    );
    assert_eq!(
        read(Sender::Client, sent, &[usize::MAX], around.max_message),
        expected
    );
    if sent.len() <= 4096 {
        assert_eq!(
            read(Sender::Client, sent, &[1], around.max_message),
            expected
        );
    }
    // An origin says the same without masks; what it says with them is an error.
    let unmasked: Vec<u8> = expected.0.iter().flat_map(unmasked).collect();
    let of_origin = (expected.0.clone(), None);
    let max_message = around.max_message;
    assert_eq!(
        read(Sender::Origin, &unmasked, &lengths, max_message),
        of_origin
    );
    read(Sender::Origin, sent, &lengths, max_message);
    converse(&around, sent, &lengths, &expected);
}

/// The frame of a server.
fn unmasked(said: &Said) -> Bytes {
    let opcode = match said.opcode {
        TEXT => Opcode::Text,
        BINARY => Opcode::Binary,
        PING => Opcode::Ping,
        PONG => Opcode::Pong,
        _ => Opcode::Close,
    };
    encode(opcode, &said.content)
}

/// What is around a client.
struct Around {
    max_message: usize,
    is_grip: bool,
    is_detached: bool,
    /// Whether the client is told a close before it says anything.
    is_closing: bool,
    /// Whether the origin takes what it is told.
    answers: bool,
}

impl Around {
    fn of(byte: u8) -> Self {
        let has = |bit: u8| byte >> bit & 1 == 1;
        Self {
            max_message: if has(0) { SMALL_MESSAGE } else { LARGE_MESSAGE },
            is_grip: has(1) || has(2),
            is_detached: has(2),
            is_closing: has(3),
            answers: has(4),
        }
    }

    fn start(&self, now: Instant, effects: &mut Vec<Effect>) -> WsSession {
        let settings = WsSettings {
            queue_bytes: QUEUE_BYTES,
            queue_events: QUEUE_EVENTS,
            ..WsSettings::default()
        };
        let mut response = events(if self.is_detached {
            "OPEN\r\nTEXT 13\r\nc:{\"type\":\"detach\"}\r\n"
        } else {
            "OPEN\r\n"
        });
        if self.is_grip {
            let grip = "grip".parse().unwrap();
            response
                .headers_mut()
                .insert("sec-websocket-extensions", grip);
        }
        match judge(
            response,
            &HeaderMap::new(),
            ConnectionMeta::default(),
            &settings,
        ) {
            Opening::Accepted(accepted) => accepted.start(Arc::new(settings), now, effects),
            other => panic!("{other:?}"),
        }
    }
}

/// How long a piece is: short ones are told apart, and a few are long.
fn piece_length(byte: u8) -> usize {
    match byte {
        0..=200 => usize::from(byte).max(1),
        _ => usize::from(byte - 200) * 100,
    }
}

fn events(body: &'static str) -> Response<Bytes> {
    Response::builder()
        .header("content-type", "application/websocket-events")
        .body(body.into())
        .unwrap()
}

/// What the reader makes of bytes that come in pieces of these lengths, over and over.
fn read(
    sender: Sender,
    sent: &[u8],
    lengths: &[usize],
    max_message: usize,
) -> (Vec<Said>, Option<u16>) {
    let mut reader = FrameDecoder::of(sender);
    let mut said = Vec::new();
    let mut lengths = lengths.iter().cycle();
    let mut rest = sent;
    while !rest.is_empty() {
        let length = lengths.next().copied().unwrap_or(1).min(rest.len());
        let (mut piece, behind) = rest.split_at(length);
        rest = behind;
        let arrived = sent.len() - rest.len();
        loop {
            match reader.read(&mut piece, max_message) {
                Ok(Some(message)) => said.push(described(&message)),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(reader.kept(), 0, "memory behind an error");
                    return (said, Some(error.code()));
                }
            }
        }
        assert!(piece.is_empty(), "bytes are left that nothing was said of");
        // The smallest allocation is 8 bytes, and there may be a ping inside a message.
        let kept = reader.kept();
        assert!(kept <= 2 * arrived + 16, "{kept} bytes for {arrived}");
        assert!(kept <= 2 * max_message + 2 * 125 + 16, "{kept} bytes");
    }
    (said, None)
}

fn described(message: &PeerMessage) -> Said {
    let (opcode, content) = match message {
        PeerMessage::Text(content) => (TEXT, content.to_vec()),
        PeerMessage::Binary(content) => (BINARY, content.to_vec()),
        PeerMessage::Ping(content) => (PING, content.to_vec()),
        PeerMessage::Pong(content) => (PONG, content.to_vec()),
        PeerMessage::Close(close) => (CLOSE, close.to_bytes().to_vec()),
    };
    Said { opcode, content }
}

/// Plays the session with what was read.
fn converse(around: &Around, sent: &[u8], lengths: &[usize], expected: &(Vec<Said>, Option<u16>)) {
    let now = Instant::now();
    let mut effects = Vec::new();
    let mut talk = Talk {
        session: around.start(now, &mut effects),
        reader: FrameDecoder::default(),
        now,
        told: Vec::new(),
        pings: 0,
        sent: Vec::new(),
        is_ended: false,
    };
    talk.obey(effects);
    if around.is_closing {
        let mut effects = Vec::new();
        let code = CloseCode::GOING_AWAY;
        talk.session.end(code, now, &mut effects);
        talk.obey(effects);
    }
    let mut lengths = lengths.iter().cycle();
    let mut rest = sent;
    while !rest.is_empty() && !talk.is_ended {
        let length = lengths.next().copied().unwrap_or(1).min(rest.len());
        let (mut piece, behind) = rest.split_at(length);
        rest = behind;
        while !piece.is_empty() && !talk.is_ended {
            if talk.session.wants_more() {
                talk.hears(&mut piece, around.max_message);
            } else if !around.answers {
                rest = &[];
                break;
            }
            if around.answers {
                talk.turn();
            }
        }
    }
    talk.check_queue(around.max_message);
    talk.session.gone();
    for _ in 0..expected.0.len() + 2 {
        talk.turn();
    }
    assert!(talk.session.is_over(), "{:?}", talk.session);
    assert_eq!(talk.session.next_deadline(), None);
    talk.check(around, expected);
}

struct Talk {
    session: WsSession,
    reader: FrameDecoder,
    now: Instant,
    /// What the origin was told.
    told: Vec<(EventKind, Bytes)>,
    /// How many pings have been heard.
    pings: usize,
    /// What the client got.
    sent: Vec<u8>,
    is_ended: bool,
}

impl Talk {
    /// Hears one thing of what the client says.
    fn hears(&mut self, piece: &mut &[u8], max_message: usize) {
        let mut effects = Vec::new();
        match self.reader.read(piece, max_message) {
            Ok(Some(message)) => {
                self.pings += usize::from(matches!(message, PeerMessage::Ping(_)));
                self.session.receive(message, &mut effects);
            }
            Ok(None) => {}
            Err(error) => self.session.failed(error, &mut effects),
        }
        self.obey(effects);
        self.check_queue(max_message);
    }

    fn check_queue(&self, max_message: usize) {
        let (bytes, events) = self.session.queued();
        assert!(bytes < QUEUE_BYTES + max_message, "{bytes} bytes");
        assert!(events <= QUEUE_EVENTS, "{events} events");
    }

    /// The origin takes what there is to tell, and says nothing.
    fn turn(&mut self) {
        let Some(turn) = self.session.next_request() else {
            return;
        };
        let mut limits = gripware_core::Limits::default();
        limits.websocket_event = LARGE_MESSAGE;
        limits.websocket_body = 2 * LARGE_MESSAGE;
        for event in decode(turn.body, &limits).unwrap() {
            self.told.push((event.kind(), event.content().clone()));
        }
        let mut effects = Vec::new();
        self.now += Duration::from_millis(1);
        self.session
            .answered(Ok(&events("")), self.now, &mut effects);
        self.obey(effects);
    }

    fn obey(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Send(bytes) | Effect::Close(bytes) => {
                    assert!(!self.is_ended, "something is sent behind the end");
                    self.sent.extend_from_slice(&bytes);
                }
                Effect::Pong(content) => {
                    assert!(!self.is_ended, "a pong behind the end");
                    self.sent.extend_from_slice(&encode(Opcode::Pong, &content));
                }
                Effect::End { .. } => {
                    assert!(!self.is_ended, "the second end");
                    self.is_ended = true;
                }
                Effect::Note(_) => {}
                other => panic!("nobody said so: {other:?}"),
            }
        }
    }

    /// Compares what was told and sent with what the client said.
    fn check(&self, around: &Around, expected: &(Vec<Said>, Option<u16>)) {
        let (said, end) = frames::of_server(&self.sent);
        assert_eq!(end, self.sent.len(), "half a frame");
        let heard = &expected.0;
        let pongs = said.iter().filter(|it| it.opcode == PONG);
        assert!(pongs.clone().count() <= self.pings, "more pongs than pings");
        let mut pings = heard.iter().filter(|it| it.opcode == PING);
        for pong in pongs {
            assert!(
                pings.any(|ping| ping.content == pong.content),
                "{pong:?} answers nothing"
            );
        }
        let is_heard = !around.is_detached && !around.is_closing;
        if !is_heard {
            // How it ends, and nothing else.
            assert!(self.told.len() <= 1, "{:?}", self.told);
            return;
        }
        let mut told = &self.told[..];
        let end = told.split_off_last();
        if let Some((kind, _)) = end {
            assert!(matches!(kind, EventKind::Close | EventKind::Disconnect));
        }
        assert!(told.len() <= heard.len());
        for ((kind, content), said) in told.iter().zip(heard) {
            assert_eq!(opcode(*kind), Some(said.opcode));
            assert_eq!(*content, said.content);
        }
        // Whoever fails is told why.
        let close = said.iter().find(|it| it.opcode == CLOSE);
        if let (Some(code), Some(close)) = (expected.1, close) {
            assert_eq!(close.content.get(..2), Some(&code.to_be_bytes()[..]));
        }
    }
}

fn opcode(kind: EventKind) -> Option<u8> {
    Some(match kind {
        EventKind::Text => TEXT,
        EventKind::Binary => BINARY,
        EventKind::Ping => PING,
        EventKind::Pong => PONG,
        EventKind::Close => CLOSE,
        _ => return None,
    })
}
