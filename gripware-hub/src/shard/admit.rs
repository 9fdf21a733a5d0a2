//! A client comes to the shard.

use std::{rc::Rc, sync::Arc, time::Instant};

use bytes::{Bytes, BytesMut};
use gripware_core::proxy::Instruction;

use super::{
    Shard,
    client_socket::Wire,
    connection::{Connection, State},
    drive::MAX_UNREAD,
    outbox::Outbox,
    pressure::Pressure,
    timers::Ticket,
};
use crate::{
    clock,
    handoff::{Held, Reply, What},
    session::{
        Sink,
        response::{ResponseReply, ResponseSink},
        stream::StreamSink,
        subscription::Meta,
        websocket::WebSocketSink,
    },
    ws::{Action, Reader},
};

/// What a client is held by, in the first place.
enum Start {
    Hold(Box<Instruction>),
    Conversation(Vec<Action>),
}

impl Shard {
    /// Holds a client from now on.
    pub(super) fn begin(self: &Rc<Self>, held: Held) {
        let now = clock::now();
        let Held {
            id,
            peer,
            since,
            request,
            asker,
            what,
        } = held;
        let mut request = request.let_go();
        let (sink, line, head, start) = match what {
            What::Response { instruction, reply } => {
                let (line, reply) = match reply {
                    Reply::Http1 {
                        line,
                        version,
                        is_head,
                    } => (Some(line), ResponseReply::Http1 { version, is_head }),
                    Reply::Channel(sender) => (None, ResponseReply::Channel(sender)),
                };
                let sink = Sink::Response(Box::new(ResponseSink::new(reply, now)));
                (sink, line, Bytes::new(), Start::Hold(Box::new(instruction)))
            }
            What::Stream {
                instruction,
                line,
                head,
                framing,
            } => {
                // What a stream asks by itself has nothing of the client's.
                request = request.without_headers();
                let sink = Sink::Stream(Box::new(StreamSink::new(framing)));
                (sink, Some(line), head, Start::Hold(Box::new(instruction)))
            }
            What::WebSocket {
                accepted,
                line,
                head,
            } => {
                let mut actions = Vec::new();
                let conversations = Arc::clone(&self.common.conversations);
                let sink = WebSocketSink {
                    reader: Reader::default(),
                    pong: None,
                    look_at: None,
                    conversation: accepted.start(conversations, now, &mut actions),
                };
                let sink = Sink::WebSocket(Box::new(sink));
                (sink, Some(line), head, Start::Conversation(actions))
            }
        };
        let (wire, unread, take_back) = match line {
            None => (None, Bytes::new(), None),
            Some(line) => match Wire::new(line.wire) {
                Ok(wire) => (Some(wire), line.unread, line.take_back),
                Err(error) => {
                    tracing::debug!(target: "gripware_hub", connection = %id, %error, "a client is lost");
                    return;
                }
            },
        };
        let mut outbox = Outbox::default();
        outbox.push(head, 0);
        let state = State {
            sink,
            wire,
            outbox,
            subscriptions: Vec::new(),
            meta: Meta::default(),
            request,
            asker,
            take_back,
            unread: BytesMut::new(),
            end: None,
            end_by: None,
            timer: None,
            pressure: Pressure::Low,
            has_dropped: false,
        };
        let connection = self.insert(|ticket| Connection::new(ticket, id, peer, since, state));
        self.attend(&connection);
        match start {
            Start::Hold(instruction) => self.begin_hold(&connection, &instruction, now),
            Start::Conversation(actions) => self.act(&connection, actions),
        }
        if unread.len() > MAX_UNREAD {
            self.lost(&connection);
        } else if !unread.is_empty() && !connection.is_gone.get() {
            self.received(&connection, &unread);
        }
        if self.is_draining.get() && !connection.is_gone.get() {
            self.finish(&connection);
        }
        self.write(&connection);
        self.set_timer(&connection);
    }

    /// Obeys the first instruction about a client.
    fn begin_hold(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        instruction: &Instruction,
        now: Instant,
    ) {
        let contradicts = self.obey(connection, instruction, now);
        let mut state = connection.state.borrow_mut();
        if state.end.is_some() {
            return;
        }
        // Something was published after the origin looked, and before this subscription. Or it has
        // not said yet whether it holds, and where the next page is.
        let has_more = instruction.mode().is_none();
        let asks = (contradicts || has_more) && state.want_update();
        drop(state);
        if asks {
            self.ask(connection);
        } else if has_more {
            self.finish_answered(connection);
        }
    }

    /// Does what an instruction says of channels, links, meta and times. Whether something was
    /// published after what it knows of.
    pub(super) fn obey(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        instruction: &Instruction,
        now: Instant,
    ) -> bool {
        let mut guard = connection.state.borrow_mut();
        let state = &mut *guard;
        state.meta.replace(instruction.metas());
        match &mut state.sink {
            Sink::Response(response) => {
                let base = state.request.uri();
                response.dealings.obey(instruction, base, now);
                response.store(instruction, now);
            }
            Sink::Stream(stream) => {
                stream.dealings.obey(instruction, state.request.uri(), now);
                stream.set_keep_alive(instruction, now);
            }
            Sink::WebSocket(_) => {}
        }
        if instruction.mode().is_none() {
            return false;
        }
        let contradicts = self.resubscribe(connection, state, instruction.channels());
        let needs_link = state.subscriptions.iter().find(|it| it.place.is_some());
        if let (Sink::Stream(stream), Some(subscription)) = (&state.sink, needs_link)
            && stream.dealings.next.is_none()
        {
            let why = format!(
                "The channel {} has a previous id, and there is no next link to recover from.\n",
                subscription.channel
            );
            drop(guard);
            self.refuse(connection, &why);
            return false;
        }
        contradicts
    }

    fn insert(&self, make: impl FnOnce(Ticket) -> Connection) -> Rc<Connection> {
        let generation = self.generation.get().wrapping_add(1);
        self.generation.set(generation);
        let mut connections = self.connections.borrow_mut();
        let entry = connections.vacant_entry();
        let connection = Rc::new(make(Ticket {
            // There are never so many connections that their number does not fit.
            key: entry.key() as u32,
            generation,
        }));
        entry.insert(Rc::clone(&connection));
        self.by_id
            .borrow_mut()
            .insert(connection.id, Rc::clone(&connection));
        connection
    }
}
