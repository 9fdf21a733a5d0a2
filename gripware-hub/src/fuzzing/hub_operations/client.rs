//! A client on a wire in memory. What it gets is understood at once, and has to make sense.

use std::{
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use http::{Response, StatusCode};
use tokio::{
    io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf},
    sync::oneshot,
};

use super::token::Token;
use crate::{
    ConnectionKind,
    connection_id::Id,
    fuzzing::{
        frames,
        frames::{BINARY, CLOSE, PING, PONG, Said, TEXT},
    },
    handoff::ResumeHttp,
    socket::DetachedSocket,
};

#[derive(Debug)]
pub(super) struct Client {
    pub(super) id: Id,
    pub(super) kind: ConnectionKind,
    line: ClientEnd,
    form: Form,
    /// Whether it reads whatever comes.
    pub(super) reads: bool,
    /// Read, and not understood yet.
    bytes: Vec<u8>,
    /// The same without the framing.
    content: Vec<u8>,
    /// What it was told.
    pub(super) tokens: Vec<Token>,
    /// Whether what it gets has come to its proper end.
    pub(super) is_over: bool,
    pub(super) end: Option<End>,
    /// How many bytes it has read.
    pub(super) read: u64,
    /// The messages of a WebSocket.
    pub(super) said: Vec<Said>,
    pub(super) pongs: usize,
    unsent: Vec<u8>,
    sent: Vec<u8>,
    back: Back,
}

#[derive(Debug)]
enum ClientEnd {
    Pipe(DuplexStream),
    Reply(oneshot::Receiver<Response<Bytes>>),
    Gone,
}

/// How what a client gets is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Chunked,
    Raw,
    /// One response of HTTP/1.1.
    Http1,
    /// One response, from the task that waits for it.
    Whole,
    Frames,
}

/// How a client's hold has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By the hub: the connection is closed.
    Closed,
    /// By the hub: the connection may be used again.
    GivenBack,
    /// The client has gone.
    Left,
}

impl Client {
    pub(super) fn on_pipe(id: Id, kind: ConnectionKind, form: Form, pipe: DuplexStream) -> Self {
        Self::new(id, kind, form, ClientEnd::Pipe(pipe))
    }

    pub(super) fn on_reply(id: Id, reply: oneshot::Receiver<Response<Bytes>>) -> Self {
        Self::new(
            id,
            ConnectionKind::Response,
            Form::Whole,
            ClientEnd::Reply(reply),
        )
    }

    fn new(id: Id, kind: ConnectionKind, form: Form, line: ClientEnd) -> Self {
        Self {
            id,
            kind,
            line,
            form,
            reads: true,
            bytes: Vec::new(),
            content: Vec::new(),
            tokens: Vec::new(),
            is_over: false,
            end: None,
            read: 0,
            said: Vec::new(),
            pongs: 0,
            unsent: Vec::new(),
            sent: Vec::new(),
            back: Back::default(),
        }
    }

    /// Takes the connection back when its hold has ended.
    pub(super) fn delivery(&self) -> Arc<dyn ResumeHttp> {
        Arc::new(self.back.clone())
    }

    /// Says something. It is sent as far as it is read.
    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.unsent.extend_from_slice(bytes);
    }

    /// Says a whole frame of a WebSocket.
    pub(super) fn say_frame(&mut self, opcode: u8, content: &[u8], mask: [u8; 4]) {
        // Nothing is heard behind a close.
        if self.said.last().is_none_or(|last| last.opcode != CLOSE) {
            self.say(&frames::masked(0x80 | opcode, content, mask));
            self.said.push(Said {
                opcode,
                content: content.to_vec(),
            });
        }
    }

    pub(super) fn leave(&mut self) {
        if self.end.is_none() {
            self.line = ClientEnd::Gone;
            self.end = Some(End::Left);
        }
    }

    /// Sends what is taken, and reads up to so many bytes of what has come. Gives how many.
    pub(super) fn drive(&mut self, most: usize) -> usize {
        let mut cx = Context::from_waker(Waker::noop());
        let before = self.read;
        match &mut self.line {
            ClientEnd::Gone => {}
            ClientEnd::Reply(reply) => match reply.try_recv() {
                Ok(answer) => {
                    self.understand_response(answer.status(), answer.body());
                    self.ended(End::GivenBack);
                }
                Err(oneshot::error::TryRecvError::Empty) => {}
                Err(oneshot::error::TryRecvError::Closed) => self.ended(End::Closed),
            },
            ClientEnd::Pipe(pipe) => {
                while !self.unsent.is_empty()
                    && let Poll::Ready(Ok(count)) =
                        Pin::new(&mut *pipe).poll_write(&mut cx, &self.unsent)
                {
                    self.sent.extend(self.unsent.drain(..count));
                }
                let mut is_closed = false;
                while !is_closed && self.read - before < most as u64 {
                    match read_some(pipe, &mut self.bytes, &mut cx, most) {
                        Poll::Pending => break,
                        Poll::Ready(Ok(count)) if count > 0 => self.read += count as u64,
                        Poll::Ready(_) => is_closed = true,
                    }
                }
                self.understand();
                if is_closed {
                    let is_back = self.back.0.lock().unwrap().is_some();
                    self.ended(if is_back { End::GivenBack } else { End::Closed });
                }
            }
        }
        usize::try_from(self.read - before).unwrap()
    }

    fn ended(&mut self, end: End) {
        self.line = ClientEnd::Gone;
        self.end = Some(end);
        if let Some(unread) = self.back.0.lock().unwrap().take() {
            assert!(self.is_over, "given back before its end");
            assert_eq!(unread, self.sent, "what was sent ahead");
        }
        if self.is_over {
            assert!(self.bytes.is_empty() && self.content.is_empty());
        }
    }

    fn understand(&mut self) {
        match self.form {
            Form::Raw => self.content.append(&mut self.bytes),
            Form::Chunked => self.understand_chunks(),
            Form::Http1 => return self.understand_http1(),
            Form::Frames => return self.understand_frames(),
            Form::Whole => {}
        }
        self.tokens.extend(Token::take_all(&mut self.content));
    }

    fn understand_chunks(&mut self) {
        let mut rest = &self.bytes[..];
        while let Some(end) = rest.windows(2).position(|it| it == b"\r\n") {
            assert!(!self.is_over, "a chunk behind the last one");
            let size = str::from_utf8(&rest[..end]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            let Some(chunk) = rest.get(end + 2..end + 2 + size + 2) else {
                break;
            };
            let (chunk, line_end) = chunk.split_at(size);
            assert_eq!(line_end, b"\r\n");
            self.content.extend_from_slice(chunk);
            self.is_over = size == 0;
            rest = &rest[end + 2 + size + 2..];
        }
        self.bytes = rest.to_vec();
        assert!(!self.is_over || self.bytes.is_empty(), "{:?}", self.bytes);
    }

    fn understand_http1(&mut self) {
        let Some(end) = self.bytes.windows(4).position(|it| it == b"\r\n\r\n") else {
            return;
        };
        assert!(!self.is_over, "a second response");
        let head = str::from_utf8(&self.bytes[..end]).unwrap();
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().strip_prefix("HTTP/1.1 ").unwrap();
        let status = StatusCode::from_bytes(&status.as_bytes()[..3]).unwrap();
        let length = lines.find_map(|line| {
            let (name, value) = line.split_once(": ").unwrap();
            name.eq_ignore_ascii_case("content-length").then_some(value)
        });
        let start = end + 4;
        let length: usize = length.unwrap().parse().unwrap();
        if self.bytes.len() < start + length {
            return;
        }
        let body: Vec<_> = self.bytes.drain(..start + length).skip(start).collect();
        self.understand_response(status, &body);
        assert!(self.bytes.is_empty(), "more than a response");
    }

    fn understand_response(&mut self, status: StatusCode, body: &[u8]) {
        assert!(!status.is_informational());
        if status != StatusCode::BAD_GATEWAY {
            self.tokens.push(Token::of(body));
        }
        self.is_over = true;
    }

    fn understand_frames(&mut self) {
        let (said, end) = frames::of_server(&self.bytes);
        self.bytes.drain(..end);
        for said in said {
            assert!(!self.is_over, "a frame behind the close");
            match said.opcode {
                TEXT | BINARY => self.tokens.push(Token::of(&said.content)),
                CLOSE => self.is_over = true,
                PONG => self.pongs += 1,
                PING => {}
                other => panic!("opcode {other}"),
            }
        }
    }
}

fn read_some(
    pipe: &mut DuplexStream,
    bytes: &mut Vec<u8>,
    cx: &mut Context<'_>,
    most: usize,
) -> Poll<io::Result<usize>> {
    let mut buffer = [0; 4096];
    let length = most.clamp(1, buffer.len());
    let mut buffer = ReadBuf::new(&mut buffer[..length]);
    let read = Pin::new(pipe).poll_read(cx, &mut buffer);
    bytes.extend_from_slice(buffer.filled());
    read.map_ok(|()| buffer.filled().len())
}

/// A server that goes on with a connection: it notes what the client has sent ahead.
#[derive(Clone, Debug, Default)]
struct Back(Arc<Mutex<Option<Vec<u8>>>>);

impl ResumeHttp for Back {
    fn resume_http(self: Arc<Self>, socket: DetachedSocket, _: Option<SocketAddr>, unread: Bytes) {
        let DetachedSocket::Other(mut socket) = socket else {
            panic!("it was none of TCP");
        };
        let mut ahead = unread.to_vec();
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            let mut buffer = [0; 4096];
            let mut buffer = ReadBuf::new(&mut buffer);
            let read = Pin::new(&mut *socket).poll_read(&mut cx, &mut buffer);
            if !matches!(read, Poll::Ready(Ok(()))) || buffer.filled().is_empty() {
                break;
            }
            ahead.extend_from_slice(buffer.filled());
        }
        let earlier = self.0.lock().unwrap().replace(ahead);
        assert!(earlier.is_none(), "given back twice");
    }
}
