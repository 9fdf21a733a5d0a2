//! What a held client is to the hub, without its socket: a state machine for each kind of hold.
//!
//! An [`Input`] and the time go in, [`Effect`]s come out, and [`Session::next_request`] and
//! [`Session::next_turn`] have what the origin is to be asked. The shard that owns the socket hands in
//! what happens and does what is said. Only an item that is the same for many clients takes a shorter
//! way: its bytes go to the queues of those that are [plain](Session::takes_as_it_is) at once.

mod effect;
pub(crate) mod heartbeat;
pub(crate) mod links;
pub(crate) mod response;
pub(crate) mod stream;
pub(crate) mod subscription;
pub(crate) mod websocket;
mod ws_session;

use std::{
    collections::VecDeque,
    sync::Arc,
    task::{Context, Poll},
    time::Instant,
};

use bytes::Bytes;
use gripware_core::{Limits, proxy::Instruction, ws::CloseCode};
use http::{Request, Response, header::HOST};

pub(crate) use self::effect::{Effect, OriginFailure, OriginRequest};
#[cfg(any(test, fuzzing))]
pub(crate) use self::ws_session::WsSession;
use self::{
    response::ResponseSession,
    stream::StreamSession,
    subscription::{Meta, Subscription},
    websocket::WebSocketSession,
};
use crate::{
    channels::encoded_item::EncodedItem, http::replay_request::ReplayRequest,
    inspect::ConnectionKind,
};

/// The state of a held client.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) hold: Hold,
    pub(crate) client: ClientState,
}

/// How a client is held.
#[derive(Debug)]
pub(crate) enum Hold {
    Response(Box<ResponseSession>),
    Stream(Box<StreamSession>),
    WebSocket(Box<WebSocketSession>),
}

/// What is known of a client, however it is held.
#[derive(Debug)]
pub(crate) struct ClientState {
    /// What is sent to the origin again.
    pub(crate) request: ReplayRequest,
    pub(crate) subscriptions: Vec<Subscription>,
    pub(crate) meta: Meta,
}

/// What happens to a held client.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Input<'a> {
    /// It is held from now on, by this instruction. A WebSocket is not held by one.
    Begin(&'a Instruction),
    /// The channels of an instruction are followed. `contradicts` if something was published after
    /// what the origin knew of.
    Subscribed { contradicts: bool },
    /// An item came for one of the subscriptions; `None` if it is for this client alone.
    Item(&'a Arc<EncodedItem>, Option<usize>),
    /// The origin has answered what it was asked, or has not.
    Answer(Result<&'a Response<Bytes>, OriginFailure>),
    /// The time of [`Session::deadline`] has come.
    Elapsed,
    /// Something may have been missed, and an HTTP hold asks for it.
    Recover,
    /// Something may have been missed, and the handler of a WebSocket gets a turn to send it.
    Refresh,
    /// The client has got all that was written.
    Drained,
    /// The client was to follow more channels than it may. What the origin has said is refused.
    TooManyChannels { limit: usize },
    /// The client does not read, and is to be disconnected.
    Overflow,
    /// The hub ends the hold.
    Finish(CloseCode),
    /// The client's connection is gone.
    Gone,
}

/// Bounds of the application's instructions. Channels are counted where they are subscribed to, so
/// that none is left out in silence; the length of an answer bounds them here.
pub(crate) fn instruction_limits() -> Limits {
    let mut limits = Limits::default();
    limits.channels = usize::MAX;
    limits
}

impl Session {
    pub(crate) fn new(hold: Hold, request: ReplayRequest) -> Self {
        Self {
            hold,
            client: ClientState {
                request,
                subscriptions: Vec::new(),
                meta: Meta::default(),
            },
        }
    }

    /// Takes what happens, and says what is to be done.
    pub(crate) fn handle(&mut self, input: Input<'_>, now: Instant, effects: &mut Vec<Effect>) {
        let client = &mut self.client;
        match &mut self.hold {
            Hold::Response(response) => response.handle(client, input, now, effects),
            Hold::Stream(stream) => stream.handle(client, input, now, effects),
            Hold::WebSocket(socket) => socket.handle(client, input, now, effects),
        }
    }

    /// Returns the next request to the origin of an HTTP hold. `has_room` says whether the client's
    /// queue has room for the answer.
    pub(crate) fn next_request(&mut self, has_room: bool, now: Instant) -> Option<OriginRequest> {
        let client = &self.client;
        match &mut self.hold {
            Hold::Response(response) => response.next_request(client),
            Hold::Stream(stream) => stream.next_request(client, has_room, now),
            Hold::WebSocket(_) => None,
        }
    }

    /// Returns whether there is a [next turn](Self::next_turn).
    pub(crate) fn has_turn(&self) -> bool {
        let socket = self.websocket();
        socket.is_some_and(|socket| socket.session.has_request())
    }

    /// Returns the next turn of a WebSocket, which is a request to the origin.
    pub(crate) fn next_turn(&mut self) -> Option<Request<Bytes>> {
        let Hold::WebSocket(socket) = &mut self.hold else {
            return None;
        };
        let events = socket.session.next_request()?;
        let mut request = self.client.request.to_request();
        events.apply(&mut request);
        Some(request)
    }

    /// Returns when [`Input::Elapsed`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.hold {
            Hold::Response(response) => response.deadline(),
            Hold::Stream(stream) => stream.deadline(),
            Hold::WebSocket(socket) => socket.deadline(),
        }
    }

    /// Returns whether nothing is left to do once the connection is gone.
    pub(crate) fn is_over(&self) -> bool {
        match &self.hold {
            Hold::Response(response) => response.is_over(),
            Hold::Stream(stream) => stream.is_over(),
            Hold::WebSocket(socket) => socket.session.is_over(),
        }
    }

    pub(crate) fn kind(&self) -> ConnectionKind {
        match self.hold {
            Hold::Response(_) => ConnectionKind::Response,
            Hold::Stream(_) => ConnectionKind::Stream,
            Hold::WebSocket(_) => ConnectionKind::WebSocket,
        }
    }

    /// Returns whether an item has something for clients that are held like this.
    pub(crate) fn has_format(&self, item: &EncodedItem) -> bool {
        match self.hold {
            Hold::Response(_) => item.response.is_some(),
            Hold::Stream(_) => item.stream.is_some(),
            Hold::WebSocket(_) => item.socket.is_some(),
        }
    }

    /// Returns whether items for a subscription reach the client as they are, without
    /// [`Input::Item`] for each.
    pub(crate) fn takes_as_it_is(&self, index: usize) -> bool {
        let subscription = self.client.subscriptions.get(index);
        let is_plain = subscription.is_some_and(|it| it.filters.is_empty() && it.place.is_none());
        is_plain
            && match &self.hold {
                Hold::Response(_) => false,
                Hold::Stream(stream) => stream.is_plain(),
                Hold::WebSocket(socket) => socket.session.takes_items(),
            }
    }

    /// Notes that a message was queued for the client, so that keep-alives and polls come later.
    pub(crate) fn sent(&mut self, now: Instant) {
        match &mut self.hold {
            Hold::Response(_) => {}
            Hold::Stream(stream) => stream.sent(now),
            Hold::WebSocket(socket) => socket.session.sent(now),
        }
    }

    /// Notes that a message was dropped since the client does not read. A stream with a next link
    /// asks for it when the client reads again.
    pub(crate) fn dropped(&mut self) {
        if let Hold::Stream(stream) = &mut self.hold {
            stream.dropped();
        }
    }

    /// Returns whether items are dropped until the client has read all, and the origin is asked for
    /// them.
    pub(crate) fn has_lost(&self) -> bool {
        matches!(&self.hold, Hold::Stream(stream) if stream.has_lost())
    }

    /// Returns what came while the origin was asked, and is in order now.
    pub(crate) fn drain_buffered(&mut self) -> VecDeque<Arc<EncodedItem>> {
        let resync = match &mut self.hold {
            Hold::Response(response) => &mut response.resync,
            Hold::Stream(stream) => &mut stream.resync,
            Hold::WebSocket(_) => return VecDeque::new(),
        };
        let subscriptions = &self.client.subscriptions;
        resync.resume(|item| {
            let subscription = subscriptions.iter().find(|it| it.channel == item.channel)?;
            Some(subscription.fits(item))
        })
    }

    /// Polls whether the task that waits for a response no longer does; `None` if none does.
    pub(crate) fn poll_given_up(&mut self, cx: &mut Context<'_>) -> Option<Poll<()>> {
        match &mut self.hold {
            Hold::Response(response) => response.poll_given_up(cx),
            _ => None,
        }
    }

    /// Whether the origin can be asked what this client has missed.
    #[cfg(any(test, feature = "relay"))]
    pub(crate) fn can_recover(&self) -> bool {
        match &self.hold {
            Hold::Stream(stream) => stream.has_next_link(),
            Hold::Response(_) | Hold::WebSocket(_) => true,
        }
    }

    pub(crate) fn websocket(&self) -> Option<&WebSocketSession> {
        match &self.hold {
            Hold::WebSocket(socket) => Some(socket),
            _ => None,
        }
    }

    pub(crate) fn websocket_mut(&mut self) -> Option<&mut WebSocketSession> {
        match &mut self.hold {
            Hold::WebSocket(socket) => Some(socket),
            _ => None,
        }
    }
}

impl ClientState {
    /// A request to another address of the origin, which has nothing of the client's but its host.
    fn request_to(&self, uri: http::Uri) -> Request<Bytes> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = uri;
        if let Some(host) = self.request.headers().remove(HOST) {
            request.headers_mut().insert(HOST, host);
        }
        request
    }
}

/// Follows the channels of an instruction, where it holds.
fn follow(instruction: &Instruction, trusts_origin: bool) -> Effect {
    Effect::Follow {
        channels: instruction.channels().to_vec(),
        trusts_origin,
    }
}
