//! All that the pretend proxy knows: who is connected, and what was published.

mod held;
mod order;
mod socket;
mod unaccepted;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::Bytes;
use gripware_core::{
    Channel, Filter,
    proxy::{Subject, Verdict},
};
use http::Response;

use self::order::Order;
pub(crate) use self::{held::Held, socket::Socket};
use crate::{Published, request::Outgoing, transcript::Transcript};

/// The most channels that one connection is subscribed to; the surplus is dropped in silence.
const MAX_CHANNELS: usize = 20;

/// The state, shared between the proxy, its clients and the publisher's sink.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared(Arc<Mutex<State>>);

impl Shared {
    /// Never held while the origin is asked: a handler publishes.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(crate) type Id = u64;

/// What the pretend proxy knows.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// All that was published.
    pub(crate) published: Vec<Published>,
    /// Why items are refused, where they are.
    pub(crate) refusal: Option<String>,
    /// Whether the origin is asked again when the first client follows a channel.
    pub(crate) repeats_first: bool,
    order: Order,
    clients: BTreeMap<Id, Client>,
    last_id: Id,
}

/// One client's connection.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) transcript: Transcript,
    pub(crate) line: Line,
    channels: Vec<Channel>,
    meta: BTreeMap<String, String>,
}

/// What kind of connection it is.
#[derive(Debug)]
pub(crate) enum Line {
    Held(Box<Held>),
    Socket(Box<Socket>),
}

/// A request that the proxy makes by itself.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) id: Id,
    pub(crate) request: Outgoing,
}

impl State {
    /// Takes an item and delivers it.
    pub(crate) fn publish(&mut self, published: Published) -> Result<(), String> {
        if let Some(refusal) = &self.refusal {
            return Err(refusal.clone());
        }
        self.published.push(published.clone());
        for ready in self.order.accept(published) {
            self.deliver(&ready);
        }
        Ok(())
    }

    /// Delivers what waits for earlier items.
    pub(crate) fn expire(&mut self) {
        for ready in self.order.expire() {
            self.deliver(&ready);
        }
    }

    fn deliver(&mut self, published: &Published) {
        for client in self.clients.values_mut() {
            if client.is_subscribed(published.channel()) {
                let parts = published.parts();
                let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "none".to_owned());
                client.transcript.note(format_args!(
                    "an item is published to {}, with the id {} after {}",
                    published.channel(),
                    id(&parts.id),
                    id(&parts.prev_id)
                ));
                client.deliver(published, &mut self.order);
            }
        }
    }

    /// Adds a client.
    pub(crate) fn connect(&mut self, transcript: Transcript, line: Line) -> Id {
        self.last_id += 1;
        let client = Client {
            transcript,
            line,
            channels: Vec::new(),
            meta: BTreeMap::new(),
        };
        self.clients.insert(self.last_id, client);
        self.last_id
    }

    /// A name for the next WebSocket, in the form of a UUID.
    pub(crate) fn next_connection_id(&self) -> String {
        format!("00000000-0000-4000-8000-{:012x}", self.last_id + 1)
    }

    /// Forgets a client.
    pub(crate) fn disconnect(&mut self, id: Id) {
        if let Some(mut client) = self.clients.remove(&id) {
            client.resubscribe(Vec::new(), &mut self.order, false);
        }
    }

    /// A client, while there is a handle to it.
    pub(crate) fn client(&mut self, id: Id) -> Option<(&mut Client, Context<'_>)> {
        let context = Context {
            order: &mut self.order,
            repeats_first: self.repeats_first,
        };
        Some((self.clients.get_mut(&id)?, context))
    }

    pub(crate) fn transcript(&self, id: Id) -> Transcript {
        let client = self.clients.get(&id);
        client
            .map(|client| client.transcript.clone())
            .unwrap_or_default()
    }

    /// The next request that the proxy has to make by itself.
    pub(crate) fn next_step(&mut self) -> Option<Step> {
        self.clients.iter_mut().find_map(|(id, client)| {
            let request = client.next_request()?;
            Some(Step { id: *id, request })
        })
    }

    /// Takes the answer to such a request.
    pub(crate) fn take_answer(
        &mut self,
        id: Id,
        exchange: &Transcript,
        response: &Response<Bytes>,
    ) -> Result<(), String> {
        let Some((client, mut context)) = self.client(id) else {
            return Ok(());
        };
        client.transcript.append(exchange);
        client.take_answer(response, &mut context)
    }
}

/// What a client's connection needs of the rest.
pub(crate) struct Context<'a> {
    order: &'a mut Order,
    repeats_first: bool,
}

impl Client {
    pub(crate) fn channels(&self) -> &[Channel] {
        &self.channels
    }

    pub(crate) fn meta(&self, name: &str) -> Option<&str> {
        self.meta.get(name).map(String::as_str)
    }

    fn is_subscribed(&self, channel: &str) -> bool {
        self.channels.iter().any(|it| it.name() == channel)
    }

    fn deliver(&mut self, published: &Published, order: &mut Order) {
        match &mut self.line {
            Line::Held(_) => self.deliver_held(published, order),
            Line::Socket(_) => self.deliver_message(published, order),
        }
    }

    fn next_request(&mut self) -> Option<Outgoing> {
        match &mut self.line {
            Line::Held(held) => held.next_request(&self.channels),
            Line::Socket(socket) => socket.next_request(),
        }
    }

    fn take_answer(
        &mut self,
        response: &Response<Bytes>,
        context: &mut Context<'_>,
    ) -> Result<(), String> {
        match &mut self.line {
            Line::Held(_) => self.take_update(response, context),
            Line::Socket(_) => self.take_events(response, context),
        }
    }

    /// Follows these channels and no others. Says whether it is the first to follow one of them.
    fn resubscribe(&mut self, channels: Vec<Channel>, order: &mut Order, lingers: bool) -> bool {
        let old = std::mem::take(&mut self.channels);
        let mut is_first = false;
        for channel in channels.into_iter().take(MAX_CHANNELS) {
            if self.is_subscribed(channel.name()) {
                self.channels.retain(|it| it.name() != channel.name());
            } else {
                is_first |= order.subscribe(channel.name(), lingers);
            }
            self.channels.push(channel);
        }
        for channel in old {
            order.unsubscribe(channel.name());
        }
        is_first
    }

    /// Sends a content through the filters of a subscription.
    fn filter(&self, published: &Published, content: &Bytes, wanted: &[Filter]) -> Verdict {
        let mut channels = self.channels.iter();
        let Some(channel) = channels.find(|it| it.name() == published.channel()) else {
            return Verdict::Fail;
        };
        let subject = Subject {
            filters: channel.filters(),
            last_id: &|name| {
                let mut channels = self.channels.iter();
                let channel = channels.find(|it| it.name() == name)?;
                Some(channel.prev_id().unwrap_or_default())
            },
            meta: &|name| self.meta.get(name).map(String::as_str),
            item_meta: &published.parts().meta,
        };
        subject.apply(content, wanted)
    }
}
