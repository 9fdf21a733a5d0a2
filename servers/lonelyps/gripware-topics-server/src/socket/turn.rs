//! One turn of a connection: what the client has sent, and what is due.

use std::sync::Arc;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use gripware_axum::{CloseCode, Message, WebSocketContext};
use gripware_core::ErrorChain;
use gripware_topics::{
    Authorization, Pattern, Tracing,
    auth::Signed,
    ws::{Counter, FromBroadcaster, FromSubscriber, Side, nonce},
};

use super::{
    fault::Fault,
    registry::{POLL, Socket},
};
use crate::{Broadcaster, clock::now};

/// Where subscribers open WebSockets.
pub(crate) const WEBSOCKET: &str = "/v1/websocket";

/// The connection's meta: its nonce, and the next number of either side.
const META: &str = "topics";

/// The handler of [`WEBSOCKET`].
pub(crate) async fn turn(State(broadcaster): State<Broadcaster>, ws: WebSocketContext) -> Response {
    let sockets = Arc::clone(broadcaster.sockets());
    let id = ws.connection_id().as_str().to_owned();
    let max_message = broadcaster.0.settings.max_message;
    let mut ws = ws;
    if ws.is_opening() {
        return match accept(&mut ws, &id) {
            Ok(()) => {
                sockets.open(&id, max_message);
                ws.into_response()
            }
            Err(fault) => end(&broadcaster, ws, &id, &fault),
        };
    }
    let is_ending = ws.close_received().is_some() || ws.is_disconnected();
    let Some(socket) = sockets.find(&id) else {
        // Another process, or this one before it was started anew, knew the connection.
        if !is_ending && ws.close_with(CloseCode::SERVICE_RESTART, "").is_err() {
            tracing::debug!("a connection of another process is not closed");
        }
        return ws.into_response();
    };
    socket.begin_turn();
    let mut turn = Turn {
        broadcaster,
        socket,
        configured: None,
        ws,
    };
    let fault = turn.run().err();
    let Turn {
        broadcaster, ws, ..
    } = turn;
    match fault {
        Some(fault) => end(&broadcaster, ws, &id, &fault),
        None => {
            if is_ending {
                sockets.close(&id);
            }
            ws.into_response()
        }
    }
}

fn accept(ws: &mut WebSocketContext, id: &str) -> Result<(), Fault> {
    ws.accept();
    ws.keep_alive_interval(POLL)?;
    Ok(ws.subscribe(Socket::channel(id))?)
}

/// Ends a connection for a fault, after what was sent.
fn end(broadcaster: &Broadcaster, mut ws: WebSocketContext, id: &str, fault: &Fault) -> Response {
    broadcaster.sockets().close(id);
    tracing::info!(error = %ErrorChain(fault), "a connection ends");
    if let Err(error) = ws.close_with(fault.code(), &fault.reason()) {
        tracing::warn!(error = %ErrorChain(&error), "a connection is not closed");
    }
    ws.into_response()
}

pub(super) struct Turn {
    pub(super) broadcaster: Broadcaster,
    pub(super) socket: Arc<Socket>,
    /// Once CONFIGURE was there.
    pub(super) configured: Option<Configured>,
    pub(super) ws: WebSocketContext,
}

/// What the counters of a connection are made of.
pub(super) struct Configured {
    nonce: String,
    subscriber: Counter,
    pub(super) broadcaster: Counter,
}

impl Configured {
    fn new(nonce: String, subscriber: u64, broadcaster: u64) -> Self {
        Self {
            subscriber: Counter::resume(&nonce, Side::Subscriber, subscriber),
            broadcaster: Counter::resume(&nonce, Side::Broadcaster, broadcaster),
            nonce,
        }
    }

    fn from_meta(meta: &str) -> Option<Self> {
        let mut fields = meta.split(' ');
        let nonce = fields.next()?.to_owned();
        let mut number = || u64::from_str_radix(fields.next()?, 16).ok();
        Some(Self::new(nonce, number()?, number()?))
    }

    fn to_meta(&self) -> String {
        let (subscriber, broadcaster) = (self.subscriber.peek(), self.broadcaster.peek());
        format!("{} {subscriber:x} {broadcaster:x}", self.nonce)
    }
}

impl Turn {
    fn run(&mut self) -> Result<(), Fault> {
        if let Some(meta) = self.ws.meta(META) {
            self.configured = Some(Configured::from_meta(meta).ok_or(Fault::State)?);
        }
        let is_poll = self.ws.is_keep_alive();
        while let Some(message) = self.ws.receive()? {
            self.receive(message)?;
        }
        match &self.configured {
            // Who has said nothing for as long is no subscriber.
            None if is_poll => return Err(Fault::NotConfigured),
            None => return Ok(()),
            Some(_) => self.flush()?,
        }
        if let Some(configured) = &self.configured {
            self.ws
                .insert_meta(META, &configured.to_meta())
                .map_err(|_| Fault::State)?;
        }
        Ok(())
    }

    fn receive(&mut self, message: Message) -> Result<(), Fault> {
        if message.is_text() {
            return Err(Fault::Text);
        }
        match FromSubscriber::decode(message.into_bytes())? {
            FromSubscriber::Configure {
                nonce,
                zstd,
                training,
                initial_dict,
                authorization,
                tracing,
            } => {
                let signed = Signed::Configure {
                    nonce: &nonce,
                    zstd,
                    training,
                    initial_dict,
                };
                self.verify(authorization.as_ref(), &signed, &tracing)?;
                self.configure(&nonce)
            }
            FromSubscriber::Subscribe {
                authorization,
                tracing,
                pattern,
            } => self.subscribe(authorization.as_ref(), &tracing, pattern),
            FromSubscriber::Unsubscribe {
                authorization,
                tracing,
                pattern,
            } => self.unsubscribe(authorization.as_ref(), &tracing, pattern),
            FromSubscriber::Notify {
                authorization,
                tracing,
                identifier,
                head,
                payload,
            } => {
                self.verify_notify(authorization.as_ref(), &tracing, &identifier, &head)?;
                self.notify(identifier, head, &payload)
            }
            FromSubscriber::NotifyStream(part) => self.notify_part(part),
            FromSubscriber::ContinueReceive {
                identifier,
                part,
                authorization,
                tracing,
            } => {
                let url = self.subscriber_url()?;
                let signed = Signed::ContinueReceive {
                    identifier: &identifier,
                    part,
                    url: &url,
                };
                self.verify(authorization.as_ref(), &signed, &tracing)?;
                Ok(self.socket.outbox().proceed(&identifier, part)?)
            }
            FromSubscriber::ConfirmReceive {
                identifier,
                authorization,
                tracing,
                subscribers,
            } => {
                let url = self.subscriber_url()?;
                let signed = Signed::ConfirmReceive {
                    identifier: &identifier,
                    subscribers,
                    url: &url,
                };
                self.verify(authorization.as_ref(), &signed, &tracing)?;
                Ok(self.socket.outbox().confirm(&identifier, subscribers)?)
            }
            // The codec has no other messages of a subscriber now.
            _ => Err(Fault::Unexpected),
        }
    }

    fn configure(&mut self, subscriber: &[u8; 32]) -> Result<(), Fault> {
        if self.configured.is_some() {
            return Err(Fault::Configured);
        }
        let mut own = [0; 32];
        getrandom::fill(&mut own).map_err(|_| Fault::State)?;
        let signed = Signed::ConfirmConfigure { nonce: &own };
        self.answer(FromBroadcaster::ConfirmConfigure {
            nonce: own,
            authorization: self.broadcaster.sign(&signed),
            tracing: Tracing::default(),
        })?;
        self.configured = Some(Configured::new(nonce(subscriber, &own), 1, 1));
        Ok(())
    }

    fn subscribe(
        &mut self,
        authorization: Option<&Authorization>,
        tracing: &Tracing,
        pattern: Pattern,
    ) -> Result<(), Fault> {
        let url = self.verify_pattern(authorization, tracing, &pattern)?;
        if let Pattern::Glob(glob) = &pattern
            && glob.as_str().len() > self.broadcaster.0.settings.max_glob
        {
            return Err(Fault::LongPattern);
        }
        let sockets = self.broadcaster.sockets();
        if !sockets.subscribe(&self.socket, &pattern)? {
            return Err(Fault::Subscribed);
        }
        self.answer(FromBroadcaster::ConfirmSubscribe {
            authorization: self.confirm_pattern(&url, &pattern),
            pattern,
            tracing: Tracing::default(),
        })
    }

    fn unsubscribe(
        &mut self,
        authorization: Option<&Authorization>,
        tracing: &Tracing,
        pattern: Pattern,
    ) -> Result<(), Fault> {
        let url = self.verify_pattern(authorization, tracing, &pattern)?;
        let sockets = self.broadcaster.sockets();
        if !sockets.unsubscribe(&self.socket, &pattern) {
            return Err(Fault::NotSubscribed);
        }
        self.answer(FromBroadcaster::ConfirmUnsubscribe {
            authorization: self.confirm_pattern(&url, &pattern),
            pattern,
            tracing: Tracing::default(),
        })
    }

    fn verify_pattern(
        &mut self,
        authorization: Option<&Authorization>,
        tracing: &Tracing,
        pattern: &Pattern,
    ) -> Result<String, Fault> {
        let url = self.subscriber_url()?;
        let signed = Signed::Subscribe {
            url: &url,
            recovery: None,
            pattern,
        };
        self.verify(authorization, &signed, tracing)?;
        Ok(url)
    }

    /// The confirmation has the URL of what it confirms.
    fn confirm_pattern(&self, url: &str, pattern: &Pattern) -> Option<Authorization> {
        self.broadcaster.sign(&Signed::ConfirmSubscribe {
            url,
            recovery: None,
            pattern,
        })
    }

    /// Puts an answer behind those that are not sent yet.
    pub(super) fn answer(&self, answer: FromBroadcaster) -> Result<(), Fault> {
        let mut outbox = self.socket.outbox();
        let place = outbox.reserve().ok_or(Fault::Unanswered)?;
        outbox.answer(place, answer);
        Ok(())
    }

    fn subscriber_url(&mut self) -> Result<String, Fault> {
        let configured = self.configured.as_mut().ok_or(Fault::NotConfigured)?;
        Ok(configured.subscriber.next_url())
    }

    pub(super) fn verify(
        &self,
        authorization: Option<&Authorization>,
        signed: &Signed<'_>,
        tracing: &Tracing,
    ) -> Result<(), Fault> {
        let authorization = authorization.map(Authorization::as_str);
        let verifier = &self.broadcaster.0.to_broadcaster;
        Ok(verifier.verify(authorization, signed, tracing, now())?)
    }
}
