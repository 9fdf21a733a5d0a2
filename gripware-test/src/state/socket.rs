use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use gripware_core::{
    Limits,
    header::{
        CONNECTION_ID, CONTENT_BYTES_ACCEPTED, CONTENT_BYTES_REPLAYED, KEEP_ALIVE_INTERVAL,
        META_PREFIX, SET_META_PREFIX, WEBSOCKET_EVENTS,
    },
    item::WsMessageKind,
    ws::{
        CONTROL_PREFIX, Close, CloseCode, ControlMessage, Event, EventKind, Frame, MESSAGE_PREFIX,
        Reply, WsKeepAlive, decode, encode,
    },
};
use http::{
    HeaderName, HeaderValue, Response,
    header::{ACCEPT, CONTENT_TYPE, SEC_WEBSOCKET_EXTENSIONS},
};

use super::{
    Client, Context, Line, Verdict,
    order::Order,
    unaccepted::{content_bytes, left},
};
use crate::{Published, request::Outgoing};

/// A client's WebSocket.
#[derive(Debug)]
pub(crate) struct Socket {
    /// The client's request, whose address and headers are repeated.
    request: Outgoing,
    id: String,
    /// The application's memory, by lower-case names.
    pub(crate) memory: BTreeMap<String, String>,
    /// What stands before a message to the client. None where the origin does not speak GRIP, and
    /// all messages go to the client as they are.
    message_prefix: Option<String>,
    is_polled: bool,
    is_detached: bool,
    /// What the client has got, and the test has not read.
    pub(crate) frames: VecDeque<Frame>,
    /// What the origin told the proxy.
    pub(crate) controls: Vec<ControlMessage>,
    pub(crate) keep_alive: Option<WsKeepAlive>,
    pub(crate) delayed: Option<Frame>,
    /// How the origin closed it, or answered the client's close.
    pub(crate) closed: Option<Close>,
    stage: Stage,
    /// What the origin is to be told without the client having said anything.
    todo: VecDeque<Vec<Event>>,
    /// What the origin is being told.
    offered: Vec<Event>,
    /// What it did not accept of that.
    unaccepted: Vec<Event>,
}

/// How far a WebSocket has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Opening,
    Open,
    /// The origin has closed, and is told that the client has as well.
    Closing,
    Over,
}

impl Socket {
    pub(crate) fn new(request: Outgoing, id: String) -> Self {
        Self {
            request,
            id,
            memory: BTreeMap::new(),
            message_prefix: None,
            is_polled: false,
            is_detached: false,
            frames: VecDeque::new(),
            controls: Vec::new(),
            keep_alive: None,
            delayed: None,
            closed: None,
            stage: Stage::Opening,
            todo: VecDeque::new(),
            offered: Vec::new(),
            unaccepted: Vec::new(),
        }
    }

    pub(crate) fn id(&self) -> &str {
        &self.id
    }

    pub(crate) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    pub(crate) fn is_detached(&self) -> bool {
        self.is_detached
    }

    /// The request that tells the origin of events. None where the socket is detached and only an
    /// empty close is left to tell.
    pub(crate) fn tell(&mut self, events: Vec<Event>) -> Option<Outgoing> {
        let is_end =
            |event: &Event| matches!(event.kind(), EventKind::Close | EventKind::Disconnect);
        let events = match (self.is_detached, events.iter().any(is_end)) {
            (false, _) => events,
            (true, true) => vec![Event::close(&Close::without_code())],
            (true, false) => return None,
        };
        if events
            .iter()
            .any(|event| event.kind() == EventKind::Disconnect)
        {
            self.stage = Stage::Over;
        }
        let replayed = content_bytes(&self.unaccepted);
        self.offered = std::mem::take(&mut self.unaccepted);
        self.offered.extend(events);
        let mut request = self.request.clone();
        request.body = encode(&self.offered);
        let headers = &mut request.headers;
        for name in [CONTENT_TYPE, ACCEPT] {
            headers.insert(name, HeaderValue::from_static(WEBSOCKET_EVENTS));
        }
        headers.insert(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static("grip"));
        if let Ok(id) = HeaderValue::try_from(&self.id) {
            headers.insert(CONNECTION_ID, id);
        }
        if replayed > 0 {
            headers.insert(CONTENT_BYTES_REPLAYED, replayed.into());
        }
        for (name, value) in &self.memory {
            let name = HeaderName::try_from(format!("{META_PREFIX}{name}"));
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value.as_bytes())) {
                headers.insert(name, value);
            }
        }
        Some(request)
    }

    pub(super) fn next_request(&mut self) -> Option<Outgoing> {
        let events = self.todo.pop_front()?;
        self.tell(events)
    }

    /// Reads what an answer says about the connection.
    fn take_headers(&mut self, response: &Response<Bytes>) {
        for (name, value) in response.headers() {
            let value = String::from_utf8_lossy(value.as_bytes());
            if let Some(name) = name.as_str().strip_prefix(SET_META_PREFIX) {
                if value.is_empty() {
                    self.memory.remove(name);
                } else {
                    self.memory.insert(name.to_owned(), value.into_owned());
                }
            } else if name == KEEP_ALIVE_INTERVAL {
                self.is_polled = value.trim().parse().is_ok_and(|seconds: u32| seconds > 0);
            }
        }
    }

    /// Notes whether the origin speaks GRIP, and with which prefix.
    fn negotiate(&mut self, response: &Response<Bytes>) {
        let extension = response.headers().get(SEC_WEBSOCKET_EXTENSIONS);
        let extension = extension.and_then(|value| value.to_str().ok());
        let mut parts = extension.unwrap_or_default().split(';').map(str::trim);
        if parts.next() == Some("grip") {
            let prefix = parts.find_map(|part| part.strip_prefix("message-prefix="));
            let prefix = prefix.map(|prefix| prefix.trim_matches('"'));
            self.message_prefix = Some(prefix.unwrap_or(MESSAGE_PREFIX).to_owned());
        }
    }

    /// Keeps what the origin did not accept.
    fn take_acceptance(&mut self, response: &Response<Bytes>) -> Result<(), String> {
        let offered = std::mem::take(&mut self.offered);
        let Some(count) = response.headers().get(CONTENT_BYTES_ACCEPTED) else {
            return Ok(());
        };
        let count = count.to_str().ok().and_then(|count| count.parse().ok());
        let count = count.ok_or("Content-Bytes-Accepted is no number")?;
        self.unaccepted = left(offered, count)?;
        Ok(())
    }

    /// Something for the client.
    fn push(&mut self, frame: Frame) {
        if self.is_open() {
            self.frames.push_back(frame);
        }
    }

    /// The origin, or an item, closes the WebSocket. The client answers, and the origin is told.
    fn close(&mut self, close: Close) {
        if self.is_open() {
            // Without a code the proxy tells its client 1000.
            let close = match close.code() {
                Some(_) => close,
                None => Close::new(CloseCode::NORMAL),
            };
            self.todo.push_back(vec![Event::close(&close)]);
            self.closed = Some(close);
            self.stage = Stage::Closing;
        }
    }
}

impl Client {
    /// Obeys an answer to events. The error says what a proxy would do to the client.
    pub(crate) fn take_events(
        &mut self,
        response: &Response<Bytes>,
        context: &mut Context<'_>,
    ) -> Result<(), String> {
        let Line::Socket(socket) = &mut self.line else {
            return Ok(());
        };
        if socket.stage == Stage::Over {
            self.hang_up(context.order);
            return Ok(());
        }
        if !Reply::is_events(response.status(), response.headers()) {
            return Err(format!(
                "a proxy would drop the client: the answer is {} with the content type {:?}, where \
                 it has to be 200 OK with exactly {WEBSOCKET_EVENTS:?}",
                response.status(),
                response.headers().get(CONTENT_TYPE)
            ));
        }
        if socket.stage == Stage::Closing {
            self.hang_up(context.order);
            return Ok(());
        }
        let close_of_client = socket.offered.iter().find_map(Event::to_close);
        socket.take_headers(response);
        socket.take_acceptance(response)?;
        let events = decode(response.body().clone(), &Limits::default())
            .map_err(|error| format!("a proxy would drop the client: {error} of the answer"))?;
        let mut events = events.into_iter();
        if socket.stage == Stage::Opening {
            if events.next().map(|event| event.kind()) != Some(EventKind::Open) {
                return Err(
                    "a proxy would answer 502: the first event of the answer is not OPEN"
                        .to_owned(),
                );
            }
            socket.negotiate(response);
            socket.stage = Stage::Open;
        }
        let close = self.take_all(events, context.order)?;
        let Line::Socket(socket) = &mut self.line else {
            return Ok(());
        };
        match (close, close_of_client) {
            (Some(End::Close(close)), Some(_)) => {
                socket.closed = Some(close);
                self.hang_up(context.order);
            }
            (Some(End::Close(close)), None) => {
                socket.close(close);
                self.resubscribe(Vec::new(), context.order, false);
            }
            (Some(End::Drop), _) => self.hang_up(context.order),
            (None, Some(_)) if !socket.is_polled => {
                return Err(
                    "a proxy would drop the client: its close is not answered with one".to_owned(),
                );
            }
            (None, _) => {}
        }
        Ok(())
    }

    /// Takes events up to the one that ends the connection.
    fn take_all(
        &mut self,
        events: impl Iterator<Item = Event>,
        order: &mut Order,
    ) -> Result<Option<End>, String> {
        for event in events {
            match event.kind() {
                EventKind::Close => return Ok(event.to_close().map(End::Close)),
                EventKind::Disconnect => return Ok(Some(End::Drop)),
                EventKind::Text | EventKind::Binary => self.take_message(&event, order)?,
                EventKind::Ping => self.push(Frame::ping(event.into_content())),
                EventKind::Pong => self.push(Frame::pong(event.into_content())),
                _ => return Err(format!("a proxy would ignore {event:?}")),
            }
        }
        Ok(None)
    }

    /// A message to the client, or to the proxy.
    fn take_message(&mut self, event: &Event, order: &mut Order) -> Result<(), String> {
        let Line::Socket(socket) = &self.line else {
            return Ok(());
        };
        let (content, is_text) = (event.content(), event.kind() == EventKind::Text);
        let Some(prefix) = &socket.message_prefix else {
            self.push(message(content.clone(), is_text)?);
            return Ok(());
        };
        if content.starts_with(CONTROL_PREFIX.as_bytes()) && is_text {
            let limit = Limits::default().control_message;
            if content.len() > limit {
                return Err(format!(
                    "a proxy would drop a control message of more than {limit} bytes"
                ));
            }
            let control = ControlMessage::decode(content)
                .map_err(|error| format!("a proxy would ignore {event:?}: {error}"))?;
            self.obey_control(control, order);
            return Ok(());
        }
        if !content.starts_with(prefix.as_bytes()) {
            return Err(format!(
                "a proxy would drop {event:?}: it has neither {prefix:?} nor {CONTROL_PREFIX:?} \
                 before it"
            ));
        }
        let content = content.slice(prefix.len()..);
        self.push(message(content, is_text)?);
        Ok(())
    }

    fn obey_control(&mut self, control: ControlMessage, order: &mut Order) {
        let Line::Socket(socket) = &mut self.line else {
            return;
        };
        socket.controls.push(control.clone());
        match control {
            ControlMessage::Subscribe { channel } => {
                let mut channels = self.channels.clone();
                channels.push(channel);
                self.resubscribe(channels, order, false);
            }
            ControlMessage::Unsubscribe { channel } => {
                let mut channels = self.channels.clone();
                channels.retain(|known| known.name() != channel.name());
                self.resubscribe(channels, order, false);
            }
            ControlMessage::Detach => socket.is_detached = true,
            ControlMessage::SetMeta { name, value } => {
                match value {
                    Some(value) => self.meta.insert(name, value),
                    None => self.meta.remove(&name),
                };
            }
            ControlMessage::KeepAlive { keep_alive } => socket.keep_alive = keep_alive,
            ControlMessage::SendDelayed { frame, .. } => {
                if let Some(earlier) = socket.delayed.replace(frame) {
                    socket.push(earlier);
                }
            }
            ControlMessage::FlushDelayed => {
                if let Some(frame) = socket.delayed.take() {
                    socket.push(frame);
                }
            }
            _ => {}
        }
    }

    pub(super) fn deliver_message(&mut self, published: &Published, order: &mut Order) {
        let Some(format) = &published.parts().ws_message else {
            return;
        };
        let content = match format.kind() {
            WsMessageKind::Text(content) => content.as_bytes().clone(),
            WsMessageKind::Binary(content)
            | WsMessageKind::Ping(content)
            | WsMessageKind::Pong(content) => content.clone(),
            _ => Bytes::new(),
        };
        let verdict = self.filter(published, &content, format.content_filters());
        let (Verdict::Send(content), Line::Socket(socket)) = (verdict, &mut self.line) else {
            return;
        };
        match format.kind() {
            WsMessageKind::Text(_) => {
                let text = String::from_utf8_lossy(&content).into_owned();
                socket.push(Frame::text(text));
            }
            WsMessageKind::Binary(_) => socket.push(Frame::binary(content)),
            WsMessageKind::Ping(_) => socket.push(Frame::ping(content)),
            WsMessageKind::Pong(_) => socket.push(Frame::pong(content)),
            WsMessageKind::Close { code, reason } => {
                socket.close(Close::new(*code).with_reason(reason));
                self.resubscribe(Vec::new(), order, false);
            }
            WsMessageKind::Refresh => socket.todo.push_back(Vec::new()),
            _ => {}
        }
    }

    /// Sends the frame that waits for its time.
    pub(crate) fn send_delayed(&mut self) -> bool {
        let Line::Socket(socket) = &mut self.line else {
            return false;
        };
        let delayed = socket.delayed.take();
        let is_some = delayed.is_some();
        delayed.into_iter().for_each(|frame| socket.push(frame));
        is_some
    }

    fn push(&mut self, frame: Frame) {
        if let Line::Socket(socket) = &mut self.line {
            socket.push(frame);
        }
    }

    fn hang_up(&mut self, order: &mut Order) {
        if let Line::Socket(socket) = &mut self.line {
            socket.stage = Stage::Over;
            socket.todo.clear();
        }
        self.resubscribe(Vec::new(), order, false);
    }
}

/// How an answer ends a connection.
enum End {
    Close(Close),
    Drop,
}

fn message(content: Bytes, is_text: bool) -> Result<Frame, String> {
    if !is_text {
        return Ok(Frame::binary(content));
    }
    let text = String::from_utf8(content.to_vec())
        .map_err(|_| "a client would fail: the text for it is not UTF-8".to_owned())?;
    Ok(Frame::text(text))
}
