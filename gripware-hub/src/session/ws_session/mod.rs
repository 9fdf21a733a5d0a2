//! The session between a client's WebSocket and its origin (GRIP 2.4 to 2.7).

mod answer;
mod control;
mod ending;
mod event_queue;
mod events;
mod native;
#[cfg(test)]
mod tests;
mod timers;

use std::{sync::Arc, time::Instant};

use bytes::Bytes;
use gripware_core::{
    proxy::MessageMode,
    ws::{Close, EventKind},
};

use self::{ending::end_with, event_queue::EventQueue, timers::Timers};
use super::Effect;
use crate::ws::{
    Accepted, ConnectionMeta, EventsRequest, PeerMessage, WsSettings, deflate::Window,
};

/// The state of one WebSocket that is open, or was.
///
/// An idle one is this and nothing more: what is rare stands behind pointers, and a queue that has
/// become empty is given back.
#[derive(Debug)]
pub(crate) struct WsSession {
    settings: Arc<WsSettings>,
    mode: MessageMode,
    meta: ConnectionMeta,
    queue: Option<Box<EventQueue>>,
    timers: Option<Box<Timers>>,
    /// How the client closed, until it has its answer.
    client_close: Option<Box<Close>>,
    /// When the origin is asked although there is nothing to tell.
    poll_at: Option<Instant>,
    /// After how many idle seconds the origin is asked; 0 is never.
    poll: u32,
    stage: Stage,
    in_flight: InFlight,
    /// How often the request under way did not reach the origin.
    attempts: u8,
    is_detached: bool,
    /// Whether the origin speaks WebSocket itself, and there are no turns.
    is_native: bool,
    /// What messages to the client are compressed with; `None` if they are not.
    window: Option<Window>,
    /// Whether the origin is to be asked although there is nothing to tell.
    is_asking: bool,
}

/// What is said where the origin has more remembered than the limits allow.
const FORGETFUL: &str = "meta that is over a limit is not kept";

/// How far a session has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// The client has closed, and waits for the answer.
    ClientClosed,
    /// The client has been told a close, and its answer is waited for.
    Closing {
        /// Whether the origin is told how it ends.
        is_told: bool,
    },
    /// The client is gone, and the origin is told.
    Telling,
    Over,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum InFlight {
    Nothing,
    Events,
    /// A request without events.
    Asking,
}

impl Accepted {
    /// Starts the session. The effects are what the rest of the answer says; they come behind
    /// the client's 101.
    pub(crate) fn start(
        self,
        settings: Arc<WsSettings>,
        now: Instant,
        effects: &mut Vec<Effect>,
    ) -> WsSession {
        let mut session = WsSession {
            settings,
            mode: self.mode,
            meta: self.meta,
            queue: None,
            timers: None,
            client_close: None,
            poll_at: None,
            poll: self.poll,
            stage: Stage::Open,
            in_flight: InFlight::Nothing,
            attempts: 0,
            is_detached: false,
            is_native: self.is_native,
            window: self.window,
            is_asking: false,
        };
        if self.is_forgetful {
            effects.push(Effect::Note(FORGETFUL.into()));
        }
        session.opened(&self.body, now, effects);
        session
    }
}

impl WsSession {
    /// Takes what the client says. It becomes part of the next events request.
    ///
    /// One whole message is always taken; see [`wants_more`](Self::wants_more).
    pub(crate) fn receive(&mut self, message: PeerMessage, effects: &mut Vec<Effect>) {
        match self.stage {
            Stage::Open if self.is_detached => self.receive_detached(message, effects),
            Stage::Open => {
                if let PeerMessage::Close(close) = &message {
                    self.client_close = Some(Box::new(close.clone()));
                    self.stage = Stage::ClientClosed;
                }
                let (kind, content) = message.into_event();
                self.tell(kind, content);
            }
            Stage::Closing { is_told } => {
                if let PeerMessage::Close(close) = message {
                    effects.push(Effect::End { is_reusable: false });
                    self.client_has_ended(is_told.then_some((EventKind::Close, close.to_bytes())));
                }
            }
            Stage::ClientClosed | Stage::Telling | Stage::Over => {}
        }
    }

    /// Has the origin asked, although there is nothing to tell: an item says `refresh`. One that speaks
    /// WebSocket has no turn to be given.
    pub(crate) fn refresh(&mut self) {
        if self.reaches_client() && !self.is_native {
            self.is_asking = true;
        }
    }

    /// Returns whether [`next_request`](Self::next_request) has one.
    pub(crate) fn has_request(&self) -> bool {
        self.due() != InFlight::Nothing
    }

    /// Returns the next events request, or `None` if there is nothing to say, or a request is under
    /// way whose outcome [`answered`](Self::answered) has not got yet.
    pub(crate) fn next_request(&mut self) -> Option<EventsRequest<'_>> {
        let due = self.due();
        let (body, replayed) = match (due, &mut self.queue) {
            (InFlight::Nothing, _) => return None,
            (InFlight::Events, Some(queue)) => queue.offer(&self.settings.limits),
            _ => {
                self.is_asking = false;
                (Bytes::new(), 0)
            }
        };
        self.in_flight = due;
        self.poll_at = None;
        Some(EventsRequest {
            meta: &self.meta,
            replayed,
            body,
        })
    }

    /// What is to be sent now.
    fn due(&self) -> InFlight {
        let is_waiting = self.in_flight != InFlight::Nothing || self.retry_at().is_some();
        if is_waiting || self.is_over() || self.is_native {
            InFlight::Nothing
        } else if self.queue.as_ref().is_some_and(|queue| queue.is_due()) {
            InFlight::Events
        } else if self.is_asking && self.reaches_client() {
            InFlight::Asking
        } else {
            InFlight::Nothing
        }
    }

    /// Whether the client is to be read from. Where it is not, the origin is slower than the
    /// client.
    pub(crate) fn wants_more(&self) -> bool {
        let (bytes, events) = (self.settings.queue_bytes, self.settings.queue_events);
        self.stage != Stage::Open
            || !self
                .queue
                .as_ref()
                .is_some_and(|queue| queue.is_full(bytes, events))
    }

    pub(crate) fn settings(&self) -> &WsSettings {
        &self.settings
    }

    /// Returns what messages to the client are compressed with; `None` if they are not.
    pub(crate) const fn window(&self) -> Option<Window> {
        self.window
    }

    /// How many content bytes and events wait for the origin.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn queued(&self) -> (usize, usize) {
        self.queue.as_ref().map_or((0, 0), |queue| queue.len())
    }

    /// Whether published items are for the client still.
    pub(crate) const fn takes_items(&self) -> bool {
        self.reaches_client()
    }

    /// Whether neither side has closed.
    pub(crate) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// Whether there is nothing left to do, and the session can be forgotten.
    pub(crate) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// Whether messages still go to the client: it has not been told a close.
    const fn reaches_client(&self) -> bool {
        matches!(self.stage, Stage::Open | Stage::ClientClosed)
    }

    /// A client that is detached is not heard. Its pings are answered here, since nobody else
    /// would, and its close is.
    fn receive_detached(&mut self, message: PeerMessage, effects: &mut Vec<Effect>) {
        match message {
            PeerMessage::Text(_) | PeerMessage::Binary(_) | PeerMessage::Pong(_) => {}
            PeerMessage::Ping(content) => {
                effects.pop_if(|effect| matches!(effect, Effect::Pong(_)));
                effects.push(Effect::Pong(content));
            }
            PeerMessage::Close(close) => {
                end_with(&close, effects);
                self.client_has_ended(Some((EventKind::Close, Bytes::new())));
            }
        }
    }

    fn tell(&mut self, kind: EventKind, content: Bytes) {
        self.queue.get_or_insert_default().push(kind, content);
    }

    /// Gives back a queue that has become empty.
    fn tidy(&mut self) {
        if self.queue.as_ref().is_some_and(|queue| queue.is_empty()) {
            self.queue = None;
        }
    }
}
