//! The origin's answers to what was asked on behalf of a client (GRIP 1.8).

use std::{rc::Rc, sync::Arc};

use bytes::Bytes;
use gripware_core::{HoldMode, proxy::Instruction};
use http::Response;

use super::{Shard, connection::Connection};
use crate::{
    channels::encoded_item::EncodedItem,
    clock,
    origin::OriginError,
    session::{
        Session,
        response::{bad_gateway, passed_on, whole},
        resync::ResyncState,
    },
};

impl Shard {
    /// The answer to a response hold's own request, which was sent once more.
    pub(super) fn repeated(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        answer: Result<Response<Bytes>, OriginError>,
    ) {
        let mut state = connection.state.borrow_mut();
        let Session::Response(response) = &mut state.sink else {
            return;
        };
        if response.reply.is_none() || connection.is_gone.get() {
            return;
        }
        response.resync.update = ResyncState::No;
        let read = match answer {
            Ok(answer) => Instruction::read(&answer).map(|instruction| (instruction, answer)),
            Err(error) => {
                // It is still held, and gets what was stored when time is up.
                self.shared.metrics.asks_failed.add(1);
                tracing::warn!(target: "gripware_hub", connection = %connection.id, "a request was not answered again: {error}");
                drop(state);
                self.drain_buffered(connection);
                self.ask(connection);
                return;
            }
        };
        let now = clock::now();
        match read {
            Ok((Some(instruction), _)) if instruction.mode() == Some(HoldMode::Response) => {
                drop(state);
                if self.obey(connection, &instruction, now) {
                    self.trust_origin(connection);
                }
                self.drain_buffered(connection);
                self.ask(connection);
                self.set_timer(connection);
                return;
            }
            Ok((Some(instruction), _)) if instruction.mode().is_none() => {
                response.answer = Some(Box::new(whole(&instruction)));
            }
            Ok((None, answer)) => response.answer = Some(Box::new(passed_on(answer))),
            Ok((Some(_), _)) => {
                tracing::warn!(target: "gripware_hub", connection = %connection.id, "a request that was held for one response is now to be a stream");
                response.answer = Some(Box::new(bad_gateway()));
            }
            Err(error) => {
                tracing::warn!(target: "gripware_hub", connection = %connection.id, "an instruction was refused: {error}");
                response.answer = Some(Box::new(bad_gateway()));
            }
        }
        drop(state);
        self.finish_answered(connection);
    }

    /// The answer to a stream's next link, or nothing where there was none.
    pub(super) fn continued(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        page: Option<&Response<Bytes>>,
    ) {
        let mut guard = connection.state.borrow_mut();
        let state = &mut *guard;
        let Session::Stream(stream) = &mut state.sink else {
            return;
        };
        let is_asked = stream.resync.update == ResyncState::Asked;
        if connection.is_gone.get() || state.end.is_some() || !is_asked {
            return;
        }
        stream.resync.update = ResyncState::No;
        let instruction = match page.map(Instruction::read) {
            Some(Ok(instruction)) => instruction,
            Some(Err(error)) => {
                tracing::warn!(target: "gripware_hub", connection = %connection.id, "an instruction was refused: {error}");
                drop(guard);
                self.cut_off(connection);
                return;
            }
            None => {
                drop(guard);
                self.cut_off(connection);
                return;
            }
        };
        let is_response = |it: &Instruction| it.mode() == Some(HoldMode::Response);
        if instruction.as_ref().is_some_and(is_response) {
            tracing::warn!(target: "gripware_hub", connection = %connection.id, "a next link is answered with a response hold");
            drop(guard);
            self.cut_off(connection);
            return;
        }
        stream.resync.base = stream.resync.next.take().map(|next| Box::new(next.uri));
        let none = Bytes::new();
        let body = match &instruction {
            Some(instruction) => instruction.response().body(),
            None => page.map_or(&none, Response::body),
        };
        let now = clock::now();
        let bytes = stream.framed(body);
        let is_empty = bytes.is_empty();
        if !is_empty {
            // What was asked for is not dropped: it is as long as one answer at most.
            state.outbox.push(bytes, 1);
            stream.sent(now);
        }
        drop(guard);
        let Some(instruction) = instruction else {
            self.finish(connection);
            return;
        };
        let contradicts = self.obey(connection, &instruction, now);
        if let Session::Stream(stream) = &mut connection.state.borrow_mut().sink {
            stream.note_page(is_empty && instruction.mode().is_none(), now);
        }
        if instruction.mode().is_some() {
            if contradicts {
                self.trust_origin(connection);
            }
            self.drain_buffered(connection);
        } else if !connection.state.borrow_mut().want_resync() {
            self.finish(connection);
            return;
        }
        self.write(connection);
        self.ask(connection);
        self.set_timer(connection);
    }

    /// The origin insists on where a channel is, although something else was published there.
    fn trust_origin(&self, connection: &Connection) {
        for subscription in &connection.state.borrow().subscriptions {
            if subscription.place.is_some() {
                self.shared.registry.forget_last(&subscription.channel);
            }
        }
    }

    /// Hands over what came while the origin was asked.
    fn drain_buffered(self: &Rc<Self>, connection: &Rc<Connection>) {
        let kept = {
            let state = &mut *connection.state.borrow_mut();
            match &mut state.sink {
                Session::Response(response) => response.resync.drain_buffered(&state.subscriptions),
                Session::Stream(stream) => stream.resync.drain_buffered(&state.subscriptions),
                Session::WebSocket(_) => return,
            }
        };
        // Each may change what becomes of the next one.
        for item in kept {
            self.hand_on(connection, &item);
        }
        self.write_all();
    }

    fn hand_on(self: &Rc<Self>, connection: &Rc<Connection>, item: &Arc<EncodedItem>) {
        let (then, actions) = {
            let mut state = connection.state.borrow_mut();
            let mut all = state.subscriptions.iter();
            let Some(index) = all.position(|it| it.channel == item.channel) else {
                return;
            };
            self.deliver_to(connection, &mut state, item, index)
        };
        self.follow_up(connection, then, actions);
    }
}
