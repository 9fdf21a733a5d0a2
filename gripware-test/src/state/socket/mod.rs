mod answer;

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use gripware_core::{
    header::{
        CONNECTION_ID, CONTENT_BYTES_ACCEPTED, CONTENT_BYTES_REPLAYED, KEEP_ALIVE_INTERVAL,
        META_PREFIX, SET_META_PREFIX, WEBSOCKET_EVENTS, trim_ows,
    },
    proxy::MessageMode,
    ws::{Close, CloseCode, ControlMessage, Event, EventKind, Frame, WsKeepAlive, encode},
};
use http::{
    HeaderName, HeaderValue, Response,
    header::{ACCEPT, CONTENT_TYPE, SEC_WEBSOCKET_EXTENSIONS},
};

use super::unaccepted::{content_bytes, left};
use crate::request::Outgoing;

/// A client's WebSocket.
#[derive(Debug)]
pub(crate) struct Socket {
    /// The client's request, whose address and headers are repeated.
    request: Outgoing,
    id: String,
    /// The application's memory, by lower-case names.
    pub(crate) memory: BTreeMap<String, String>,
    /// How the origin's messages are read.
    mode: MessageMode,
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
            mode: MessageMode::Plain,
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
                self.is_polled = trim_ows(&value)
                    .parse()
                    .is_ok_and(|seconds: u32| seconds > 0);
            }
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
