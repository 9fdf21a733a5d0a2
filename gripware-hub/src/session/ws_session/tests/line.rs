//! A client and an origin around a session, on a clock of their own.

use std::time::Duration;

use gripware_core::ws::CloseCode;
use http::{HeaderMap, HeaderValue, Request, Response};

use crate::{
    session::{OriginFailure, ws_session::tests::*},
    ws::{FrameDecoder, Opening, judge},
};

pub(super) struct Script {
    pub(super) session: WsSession,
    pub(super) now: Instant,
    said: Vec<Effect>,
}

impl Script {
    /// The origin speaks GRIP.
    pub(super) fn grip() -> Self {
        Self::open(&[("sec-websocket-extensions", "grip")], "OPEN\r\n")
    }

    pub(super) fn plain() -> Self {
        Self::open(&[], "OPEN\r\n")
    }

    /// The origin has it polled every 30 seconds.
    pub(super) fn polled() -> Self {
        Self::open(&[("keep-alive-interval", "30")], "OPEN\r\n")
    }

    pub(super) fn open(headers: &[(&str, &str)], body: &str) -> Self {
        Self::open_with(WsSettings::default(), headers, body)
    }

    pub(super) fn open_with(settings: WsSettings, headers: &[(&str, &str)], body: &str) -> Self {
        let response = response(headers, body.as_bytes());
        let opening = judge(
            response,
            &HeaderMap::new(),
            ConnectionMeta::default(),
            &settings,
        );
        let Opening::Accepted(accepted) = opening else {
            panic!("{opening:?}");
        };
        let (now, mut said) = (Instant::now(), Vec::new());
        let session = accepted.start(Arc::new(settings), now, &mut said);
        Self { session, now, said }
    }

    /// The origin has answered the handshake with a 101, and speaks GRIP.
    pub(super) fn native() -> Self {
        let mut headers = HeaderMap::new();
        let grip = HeaderValue::from_static("grip");
        headers.insert("sec-websocket-extensions", grip);
        let (now, mut said) = (Instant::now(), Vec::new());
        let settings = Arc::new(WsSettings::default());
        let session = Accepted::natively(headers).start(settings, now, &mut said);
        Self { session, now, said }
    }

    /// An origin that speaks WebSocket itself sends these bytes.
    pub(super) fn hears(&mut self, decoder: &mut FrameDecoder, bytes: &[u8]) {
        self.session.heard(decoder, bytes, self.now, &mut self.said);
    }

    /// The socket of such an origin is gone.
    pub(super) fn origin_ends(&mut self, why: Option<&'static str>) {
        self.session.origin_ended(why, self.now, &mut self.said);
    }

    /// The client says `text ..`, `binary ..`, `ping ..`, `pong ..`, `close` or
    /// `close <code> <reason>`.
    pub(super) fn client(&mut self, what: &str) {
        let (kind, content) = what.split_once(' ').unwrap_or((what, ""));
        let bytes = Bytes::from(content.to_owned());
        let message = match kind {
            "text" => PeerMessage::Text(bytes),
            "binary" => PeerMessage::Binary(bytes),
            "ping" => PeerMessage::Ping(bytes),
            "pong" => PeerMessage::Pong(bytes),
            _ if content.is_empty() => PeerMessage::Close(Close::without_code()),
            _ => {
                let (code, reason) = content.split_once(' ').unwrap_or((content, ""));
                let code = code.parse::<u16>().unwrap().to_be_bytes();
                PeerMessage::Close(Close::parse(&[&code, reason.as_bytes()].concat()))
            }
        };
        self.session.receive(message, &mut self.said);
    }

    /// The client sends what no client may.
    pub(super) fn client_fails(&mut self) {
        let mut reader = FrameDecoder::default();
        let error = reader.read(&mut &[0x83, 0x80][..], 10).unwrap_err();
        self.session.failed(error, &mut self.said);
    }

    /// The body of the request that is due, which has no headers.
    #[track_caller]
    pub(super) fn turn(&mut self) -> String {
        let (headers, body) = self.turn_with_headers();
        assert_eq!(headers, "");
        body
    }

    #[track_caller]
    pub(super) fn turn_with_headers(&mut self) -> (String, String) {
        let turn = self.session.next_request().expect("a turn is due");
        let mut request = Request::default();
        turn.apply(&mut request);
        assert!(self.session.next_request().is_none(), "one at a time");
        let headers = request.headers().iter();
        let headers: Vec<_> = headers
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        (
            headers.join(", "),
            request.body().escape_ascii().to_string(),
        )
    }

    #[track_caller]
    pub(super) fn no_turn(&mut self) {
        let turn = self.session.next_request();
        assert!(turn.is_none(), "{turn:?}");
    }

    pub(super) fn answer(&mut self, body: &str) {
        self.answer_with(&[], body);
    }

    pub(super) fn answer_with(&mut self, headers: &[(&str, &str)], body: &str) {
        self.outcome(Ok(&response(headers, body.as_bytes())));
    }

    pub(super) fn outcome(&mut self, outcome: Result<&Response<Bytes>, OriginFailure>) {
        self.session.answered(outcome, self.now, &mut self.said);
    }

    pub(super) fn unreached(&mut self) {
        let jitter = Duration::from_millis(500);
        self.outcome(Err(OriginFailure::Unreached { jitter }));
    }

    pub(super) fn item_closes(&mut self, code: u16, reason: &str) {
        self.session
            .close_from_item(code, reason, self.now, &mut self.said);
    }

    pub(super) fn end(&mut self) {
        self.session
            .end(CloseCode::GOING_AWAY, self.now, &mut self.said);
    }

    /// Lets time pass, to the next deadline and no further.
    #[track_caller]
    pub(super) fn wait(&mut self) -> Duration {
        let deadline = self.session.next_deadline().expect("a deadline");
        let waited = deadline - self.now;
        self.now = deadline;
        self.session.elapsed(self.now, &mut self.said);
        waited
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.now += time;
        self.session.elapsed(self.now, &mut self.said);
    }

    /// What the session had done since the last time.
    pub(super) fn said(&mut self) -> Vec<String> {
        let said = std::mem::take(&mut self.said);
        said.iter().flat_map(described).collect()
    }
}

pub(super) fn response(headers: &[(&str, &str)], body: &[u8]) -> Response<Bytes> {
    let mut response = Response::builder().header("content-type", "application/websocket-events");
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    response.body(Bytes::copy_from_slice(body)).unwrap()
}

fn described(effect: &Effect) -> Vec<String> {
    match effect {
        Effect::Send(frames) | Effect::Write { bytes: frames, .. } => frames_of(frames),
        Effect::Close(frame) => frames_of(frame),
        Effect::Pong(payload) => frames_of(&crate::ws::encode(crate::ws::Opcode::Pong, payload)),
        Effect::Subscribe(channel) => vec![format!("subscribe {}", channel.name())],
        Effect::Unsubscribe(channel) => vec![format!("unsubscribe {}", channel.name())],
        Effect::SetMeta { name, value } => vec![format!("meta {name} {value:?}")],
        Effect::End { .. } => vec!["end".to_owned()],
        Effect::Note(note) => vec![format!("note: {note}")],
        other => panic!("no session of a WebSocket says {other:?}"),
    }
}

fn frames_of(mut frames: &[u8]) -> Vec<String> {
    let mut described = Vec::new();
    while let [first, length, rest @ ..] = frames {
        let (length, rest) = match length {
            126 => (
                usize::from(u16::from_be_bytes([rest[0], rest[1]])),
                &rest[2..],
            ),
            127 => panic!("a test has no frame as long as this"),
            length => (usize::from(*length), rest),
        };
        let (payload, behind) = rest.split_at(length);
        frames = behind;
        let kind = ["text", "binary", "close", "ping", "pong"][[0x81, 0x82, 0x88, 0x89, 0x8a]
            .iter()
            .position(|known| known == first)
            .unwrap()];
        let content = match (kind, payload) {
            ("close", [a, b, reason @ ..]) => {
                let code = u16::from_be_bytes([*a, *b]);
                format!("{code} {}", reason.escape_ascii())
            }
            _ => payload.escape_ascii().to_string(),
        };
        described.push(format!("{kind} {content}").trim_ascii_end().to_owned());
    }
    described
}
