//! A published item in the bytes that go to connections: encoded once, shared by all subscribers.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use gripware_core::{
    Filter, HttpResponse, WsMessage,
    item::{Action, HttpBody, ItemParts, WsMessageKind},
    proxy::Sequential,
    ws::CloseCode,
};

use crate::{
    http::chunked::chunk,
    ws::{Opcode, deflate::Window, encode, encode_deflated},
};

/// A published item on its way, encoded once for each kind of client.
#[derive(Debug)]
pub(crate) struct EncodedItem {
    pub(crate) channel: Arc<str>,
    pub(crate) id: Option<Box<str>>,
    pub(crate) prev_id: Option<Box<str>>,
    pub(crate) no_seq: bool,
    pub(crate) meta: Box<[(String, String)]>,
    pub(crate) response: Option<HttpResponse>,
    pub(crate) stream: Option<StreamPart>,
    pub(crate) socket: Option<SocketPart>,
    /// About how many bytes it holds.
    pub(crate) cost: usize,
}

/// What is appended to streams.
#[derive(Debug)]
pub(crate) struct StreamPart {
    pub(crate) action: Action,
    pub(crate) content: Bytes,
    /// The content as a chunk of HTTP/1.1.
    pub(crate) chunk: Bytes,
    pub(crate) content_filters: Box<[Filter]>,
}

/// What becomes of WebSockets.
#[derive(Debug)]
pub(crate) enum SocketPart {
    Send(Message),
    Close { code: CloseCode, reason: Box<str> },
    Refresh,
}

/// A message to WebSockets.
#[derive(Debug)]
pub(crate) struct Message {
    pub(crate) opcode: Opcode,
    pub(crate) content: Bytes,
    /// The content as a frame.
    frame: Bytes,
    /// The same compressed, for each window that a client has agreed to; `None` where it does not become
    /// shorter.
    deflated: [OnceLock<Option<Bytes>>; Window::COUNT],
    pub(crate) content_filters: Box<[Filter]>,
}

impl Message {
    /// Returns the frame for clients that have agreed to this window. Whoever needs it first
    /// compresses it for all.
    pub(crate) fn frame(&self, window: Option<Window>) -> &Bytes {
        let deflated = window.and_then(|window| {
            let deflated = self.deflated.get(window as usize)?;
            let deflate = || encode_deflated(self.opcode, &self.content, window);
            deflated.get_or_init(deflate).as_ref()
        });
        deflated.unwrap_or(&self.frame)
    }
}

impl EncodedItem {
    pub(crate) fn new(channel: Arc<str>, item: &ItemParts) -> Self {
        let stream = item.http_stream.as_ref().map(|format| {
            let content = format.content().as_bytes().clone();
            StreamPart {
                action: format.action(),
                chunk: chunk(&content),
                content,
                content_filters: format.content_filters().into(),
            }
        });
        let socket = item.ws_message.as_ref().map(SocketPart::new);
        Self {
            channel,
            id: item.id.as_deref().map(Into::into),
            prev_id: item.prev_id.as_deref().map(Into::into),
            no_seq: item.no_seq,
            meta: item.meta.clone().into(),
            response: item.http_response.clone(),
            stream,
            socket,
            cost: Self::cost(item),
        }
    }

    /// Whether it is a hint or a close without ids: it applies to a hold wherever that is in the
    /// order of its channel.
    pub(crate) fn is_signal(&self) -> bool {
        let is_other = |action| action != Action::Send;
        let is_any = self.stream.as_ref().is_some_and(|it| is_other(it.action))
            || self
                .response
                .as_ref()
                .is_some_and(|it| is_other(it.action()));
        is_any && self.id.is_none() && self.prev_id.is_none()
    }

    /// Returns the most bytes that it takes in the queue of one client.
    pub(crate) fn bytes_in_queue(&self) -> usize {
        let chunk = self.stream.as_ref().map_or(0, |it| it.chunk.len());
        let frame = match &self.socket {
            Some(SocketPart::Send(message)) => message.frame.len(),
            _ => 0,
        };
        chunk.max(frame)
    }

    /// Returns about how many bytes an item holds until it is delivered.
    pub(crate) fn cost(item: &ItemParts) -> usize {
        const FIXED: usize = 512;
        let response = item.http_response.as_ref().map_or(0, |it| match it.body() {
            HttpBody::Content(content) => content.as_bytes().len(),
            HttpBody::Patch(patch) => patch.len(),
            _ => 0,
        });
        let stream = item.http_stream.as_ref();
        let stream = stream.map_or(0, |it| 2 * it.content().as_bytes().len());
        let socket = item.ws_message.as_ref().map_or(0, |it| match it.kind() {
            WsMessageKind::Text(content) => 2 * content.as_bytes().len(),
            WsMessageKind::Binary(bytes) => 2 * bytes.len(),
            _ => 0,
        });
        FIXED + response + stream + socket
    }
}

impl Sequential for EncodedItem {
    fn channel(&self) -> &str {
        &self.channel
    }

    fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    fn prev_id(&self) -> Option<&str> {
        self.prev_id.as_deref()
    }

    fn no_seq(&self) -> bool {
        self.no_seq
    }

    fn cost(&self) -> usize {
        self.cost
    }

    fn is_signal(&self) -> bool {
        self.is_signal()
    }
}

impl SocketPart {
    fn new(format: &WsMessage) -> Self {
        let (opcode, content) = match format.kind() {
            WsMessageKind::Close { code, reason } => {
                return Self::Close {
                    code: *code,
                    reason: reason.as_str().into(),
                };
            }
            WsMessageKind::Refresh => return Self::Refresh,
            WsMessageKind::Text(content) => (Opcode::Text, content.as_bytes().clone()),
            WsMessageKind::Binary(bytes) => (Opcode::Binary, bytes.clone()),
            WsMessageKind::Pong(bytes) => (Opcode::Pong, bytes.clone()),
            WsMessageKind::Ping(bytes) => (Opcode::Ping, bytes.clone()),
            // There are no others.
            _ => (Opcode::Pong, Bytes::new()),
        };
        Self::Send(Message {
            opcode,
            frame: encode(opcode, &content),
            deflated: [const { OnceLock::new() }; Window::COUNT],
            content,
            content_filters: format.content_filters().into(),
        })
    }
}
