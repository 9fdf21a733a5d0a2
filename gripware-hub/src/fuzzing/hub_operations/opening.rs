//! Clients come.

use std::net::SocketAddr;

use bytes::Bytes;
use gripware_core::proxy::Instruction;
use http::{HeaderMap, Request, Response, Version, request::Parts};
use tokio::{io::duplex, sync::oneshot};

use super::{
    client::{Client, Form},
    model::{CHANNELS, Known, Place, Places},
    operation::Operation,
    play::Play,
    token::Token,
};
use crate::{
    ConnectionKind, clock,
    connection_id::Id,
    handoff::{ClientConn, Framing, HeldClient, HoldKind, Holder, Reply},
    http::replay_request::ReplayRequest,
    socket::DetachedSocket,
    ws::{ConnectionMeta, Opening, judge, request},
};

/// How many clients are held at a time, and in all.
const MAX_HELD: usize = 8;
const MAX_CLIENTS: usize = 40;

/// How much a client's wire takes while it does not read.
const WIRES: [usize; 4] = [1 << 20, 1 << 16, 4096, 256];

impl Play {
    /// Whether one more may come.
    pub(super) fn has_place(&self) -> bool {
        let held = self.clients.iter().filter(|it| it.end.is_none()).count();
        held < MAX_HELD && self.clients.len() < MAX_CLIENTS
    }

    pub(super) fn open_response(&mut self, operation: Operation) {
        let number = self.clients.len();
        let channels = channels(operation.what);
        let mut headers = self.instruction("response", &channels, operation.how & 1 != 0, "");
        let timeout = [5, 5, 30, 55][usize::from(operation.who >> 3 & 3)];
        headers.push_str(&format!("Grip-Timeout: {timeout}\n"));
        let answer = answer(&headers, Token::Stored(number).text(0));
        let id = Id::random();
        let (client, conn, reply) = if operation.how & 16 == 0 {
            let (sender, receiver) = oneshot::channel();
            (Client::on_reply(id, receiver), None, Reply::Channel(sender))
        } else {
            let (client, conn) =
                Self::on_pipe(id, ConnectionKind::Response, Form::Http1, operation);
            let reply = Reply::Http1 {
                version: Version::HTTP_11,
                is_head: false,
            };
            (client, Some(conn), reply)
        };
        let kind = HoldKind::Response {
            instruction: instruction_of(&answer),
            reply,
        };
        let request = Request::get(format!("http://app.example/again/{number}"));
        self.hold((client, conn), operation, &channels, request, kind);
    }

    pub(super) fn open_stream(&mut self, operation: Operation) {
        let number = self.clients.len();
        let channels = channels(operation.what);
        let link = match operation.how >> 1 & 3 {
            0 => String::new(),
            1 => next_link("/shared", operation.who >> 3),
            _ => next_link(&format!("/next/{number}"), operation.who >> 3),
        };
        let is_placed = operation.how & 1 != 0;
        let mut headers = self.instruction("stream", &channels, is_placed, &link);
        if operation.how & 8 != 0 {
            headers.push_str(&format!("Grip-Link: </gone/{number}>; rel=gone\n"));
        }
        let has_keep_alive = operation.how & 64 != 0;
        if has_keep_alive {
            headers.push_str("Grip-Keep-Alive: [k]; timeout=3\n");
        }
        let answer = answer(&headers, String::new());
        let (form, framing) = if operation.how & 16 == 0 {
            (Form::Raw, Framing::Raw)
        } else {
            (Form::Chunked, Framing::Chunked)
        };
        let id = Id::random();
        let (client, conn) = Self::on_pipe(id, ConnectionKind::Stream, form, operation);
        let kind = HoldKind::Stream {
            instruction: instruction_of(&answer),
            head: Bytes::new(),
            framing,
        };
        let request = Request::get(format!("http://app.example/stream/{number}"));
        self.hold((client, Some(conn)), operation, &channels, request, kind);
        let places = self.places(&channels, is_placed);
        let known = &mut self.known[number];
        known.model.has_shared_link = link.contains("shared");
        known.model.has_keep_alive = has_keep_alive;
        known.model.places = Some(places);
        known.has_gone_link = operation.how & 8 != 0;
        // Whoever may ask the origin may leave out what it has said already.
        known.is_plain = link.is_empty() && !is_placed;
    }

    pub(super) fn open_websocket(&mut self, operation: Operation) {
        let channels = channels(operation.what);
        let is_grip = operation.how & 1 == 0;
        let mut body = b"OPEN\r\n".to_vec();
        if is_grip {
            for channel in &channels {
                let name = CHANNELS[*channel];
                let text = format!("c:{{\"type\":\"subscribe\",\"channel\":\"{name}\"}}");
                body.extend(format!("TEXT {:x}\r\n{text}\r\n", text.len()).bytes());
            }
        }
        let mut response = events(body);
        if is_grip {
            let grip = "grip".parse().unwrap();
            let headers = response.headers_mut();
            headers.insert("sec-websocket-extensions", grip);
        }
        let settings = crate::ws::WsSettings::default();
        let opening = judge(
            response,
            &HeaderMap::new(),
            ConnectionMeta::default(),
            &settings,
        );
        let Opening::Accepted(accepted) = opening else {
            panic!("{opening:?}");
        };
        let id = Id::random();
        let (client, conn) = Self::on_pipe(id, ConnectionKind::WebSocket, Form::Frames, operation);
        let kind = HoldKind::WebSocket {
            accepted,
            head: Bytes::new(),
            origin: None,
        };
        let number = self.clients.len();
        let mut builder = Request::get(format!("http://app.example/ws/{number}"));
        *builder.headers_mut().unwrap() = request::headers(&HeaderMap::new(), &id.to_string());
        let channels = if is_grip { channels } else { Vec::new() };
        self.hold((client, Some(conn)), operation, &channels, builder, kind);
        let known = &mut self.known[number];
        known.is_grip = is_grip;
        known.is_plain = true;
        known.is_told_all = true;
    }

    fn on_pipe(
        id: Id,
        kind: ConnectionKind,
        form: Form,
        operation: Operation,
    ) -> (Client, ClientConn) {
        let (socket, pipe) = duplex(WIRES[usize::from(operation.who & 3)]);
        let client = Client::on_pipe(id, kind, form, pipe);
        let may_return = operation.how & 32 != 0 && matches!(form, Form::Http1 | Form::Chunked);
        let line = ClientConn {
            socket: DetachedSocket::Other(Box::new(socket)),
            unread: Bytes::new(),
            resume_http: may_return.then(|| client.delivery()),
        };
        (client, line)
    }

    fn hold(
        &mut self,
        (mut client, conn): (Client, Option<ClientConn>),
        operation: Operation,
        channels: &[usize],
        request: http::request::Builder,
        kind: HoldKind,
    ) {
        let (parts, ()) = request.body(()).unwrap().into_parts();
        client.reads = operation.who & 4 == 0;
        let number = self.clients.len();
        let mut known = Known::new(number, client.kind);
        known.subscribe(channels, self.model.step);
        self.inner.hold(HeldClient {
            id: client.id,
            peer: None::<SocketAddr>,
            since: clock::now(),
            request: kept(&parts),
            origin_client: self.origin_client.clone().unwrap(),
            kind,
            conn,
            arrival: None,
        });
        let is_roomy = operation.who & 3 == 0;
        self.enters(client, known, is_roomy);
    }

    /// The headers of an instruction.
    pub(super) fn instruction(
        &self,
        hold: &str,
        channels: &[usize],
        is_placed: bool,
        link: &str,
    ) -> String {
        let mut headers = format!("Grip-Hold: {hold}\n{link}");
        for (index, channel) in channels.iter().enumerate() {
            let name = CHANNELS[*channel];
            headers.push_str(&format!("Grip-Channel: {name}"));
            if is_placed && index == 0 {
                let last = self.model.channels[*channel].next.saturating_sub(1);
                headers.push_str(&format!("; prev-id={last}"));
            }
            headers.push('\n');
        }
        headers
    }

    /// Where a client is behind such an instruction.
    pub(super) fn places(&self, channels: &[usize], is_placed: bool) -> Places {
        let mut places = Places::default();
        if let Some(first) = channels.first().filter(|_| is_placed) {
            let last = self.model.channels[*first].next.saturating_sub(1);
            places[*first] = Place::After(last);
        }
        places
    }
}

fn kept(parts: &Parts) -> ReplayRequest {
    ReplayRequest::new(parts, Bytes::new())
}

fn instruction_of(answer: &Response<Bytes>) -> Instruction {
    Instruction::read(answer).unwrap().unwrap()
}

/// The channels whose bits are set.
pub(super) fn channels(bits: u8) -> Vec<usize> {
    let is_set = |channel: &usize| bits >> channel & 1 != 0;
    (0..CHANNELS.len()).filter(is_set).collect()
}

pub(super) fn next_link(path: &str, timeout: u8) -> String {
    let timeout = [0, 2, 30, 0][usize::from(timeout & 3)];
    format!("Grip-Link: <{path}>; rel=next; timeout={timeout}\n")
}

/// An answer of the origin with these headers, a line each.
pub(super) fn answer(headers: &str, body: String) -> Response<Bytes> {
    let mut response = Response::builder();
    for line in headers.lines() {
        let (name, value) = line.split_once(": ").unwrap();
        response = response.header(name, value);
    }
    response.body(body.into()).unwrap()
}

/// An answer to a WebSocket's events.
pub(super) fn events(body: impl Into<Bytes>) -> Response<Bytes> {
    Response::builder()
        .header("content-type", "application/websocket-events")
        .body(body.into())
        .unwrap()
}
