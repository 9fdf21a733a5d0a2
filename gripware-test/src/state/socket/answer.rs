//! How a proxy obeys the origin's answers about a WebSocket, and what is published to it.

use bytes::Bytes;
use gripware_core::{
    Limits,
    header::WEBSOCKET_EVENTS,
    item::WsMessageKind,
    proxy::MessageMode,
    ws::{CONTROL_PREFIX, Close, ControlMessage, Event, EventKind, Frame, Reply, decode},
};
use http::{Response, header::CONTENT_TYPE};

use super::{
    super::{Client, Context, Line, Verdict, order::Order},
    Stage,
};
use crate::Published;

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
            socket.mode = MessageMode::of(response.headers());
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
        let mode = socket.mode.clone();
        let Some(prefix) = mode.prefix() else {
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
        if !content.starts_with(prefix) {
            return Err(format!(
                "a proxy would drop {event:?}: it has neither \"{}\" nor {CONTROL_PREFIX:?} \
                 before it",
                prefix.escape_ascii()
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

    pub(in crate::state) fn deliver_message(&mut self, published: &Published, order: &mut Order) {
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
