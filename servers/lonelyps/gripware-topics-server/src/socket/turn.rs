//! One turn of a connection: what the client has sent, and what is due.

use std::{pin::Pin, sync::Arc};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use gripware_axum::{CloseCode, Message, WebSocketContext};
use gripware_core::ErrorChain;
use gripware_topics::{
    Authorization, Identifier, Pattern, Tracing,
    auth::{Compressor, Signed},
    ws::{FromBroadcaster, FromSubscriber, nonce, zstd},
};

use super::{
    configured::Configured,
    fault::Fault,
    outbox::Acknowledged,
    registry::{POLL, Socket},
    waker::channel,
};
use crate::{Broadcaster, clock::now, deliver::LEVEL};

/// The connection's meta: its nonce, and the next number of either side.
const META: &str = "topics";

/// The handler of [`WEBSOCKET`](gripware_topics::http::WEBSOCKET).
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
        changes: Vec::new(),
        ws,
    };
    let mut fault = turn.run().await.err();
    let Turn {
        broadcaster,
        ws,
        changes,
        ..
    } = turn;
    // Before the answers go out: what is confirmed counts at all broadcasters.
    if fault.is_none() && !changes.is_empty() {
        fault = sockets.announce(changes).await.err().map(Fault::from);
    }
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
    Ok(ws.subscribe(channel(id))?)
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

/// A message of the client that is published. In a box, since few turns have one, and all would have
/// room for it.
type Publishing<'a> = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send + 'a>>;

pub(super) struct Turn {
    pub(super) broadcaster: Broadcaster,
    pub(super) socket: Arc<Socket>,
    /// Once CONFIGURE was there.
    pub(super) configured: Option<Configured>,
    /// What was subscribed to or taken back.
    changes: Vec<Pattern>,
    pub(super) ws: WebSocketContext,
}

impl Turn {
    async fn run(&mut self) -> Result<(), Fault> {
        if let Some(meta) = self.ws.meta(META) {
            self.configured = Some(Configured::from_meta(meta).ok_or(Fault::State)?);
        }
        // A client that sends nothing is looked at with each poll.
        if self.socket.incoming().is_late() {
            return Err(Fault::Late);
        }
        let is_poll = self.ws.is_keep_alive();
        while let Some(message) = self.ws.receive()? {
            if let Some(publishing) = self.receive(message)? {
                publishing.await?;
            }
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

    /// Takes a message of the client. What it publishes may take a while.
    fn receive(&mut self, message: Message) -> Result<Option<Publishing<'_>>, Fault> {
        if message.is_text() {
            return Err(Fault::Text);
        }
        let done = match FromSubscriber::decode(message.into_bytes())? {
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
                self.configure(&nonce, zstd)
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
                return Ok(Some(Box::pin(self.notify(identifier, head, payload))));
            }
            FromSubscriber::NotifyStream(part) => {
                return Ok(Some(Box::pin(self.notify_part(part))));
            }
            FromSubscriber::ContinueReceive {
                identifier,
                part,
                authorization,
                tracing,
            } => {
                let what = Acknowledged::Part(part);
                self.acknowledge(&identifier, what, authorization.as_ref(), &tracing)
            }
            FromSubscriber::ConfirmReceive {
                identifier,
                authorization,
                tracing,
                subscribers,
            } => {
                let what = Acknowledged::Message(subscribers);
                self.acknowledge(&identifier, what, authorization.as_ref(), &tracing)
            }
            // The codec has no other messages of a subscriber now.
            _ => Err(Fault::Unexpected),
        };
        done.map(|()| None)
    }

    /// `zstd`: whether the client takes compressed messages.
    fn configure(&mut self, subscriber: &[u8; 32], zstd: bool) -> Result<(), Fault> {
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
        let is_compressed = zstd && self.broadcaster.0.settings.compression;
        let mut configured = Configured::new(nonce(subscriber, &own), 1, 1, is_compressed);
        if is_compressed {
            // Behind the confirmation, with which it goes out.
            let url = configured.broadcaster.next_url();
            self.enable_compression(&url)?;
        }
        self.configured = Some(configured);
        Ok(())
    }

    fn enable_compression(&self, url: &str) -> Result<(), Fault> {
        let compressor = Compressor {
            id: zstd::STANDARD,
            level: LEVEL,
            min_size: zstd::MIN_SIZE,
            max_size: u64::MAX,
        };
        let signed = Signed::EnablePreset {
            url,
            compressor: &compressor,
        };
        self.answer(FromBroadcaster::EnablePreset {
            authorization: self.broadcaster.sign(&signed),
            compressor,
            tracing: Tracing::default(),
        })?;
        self.socket.outbox().enable_compression();
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
        self.changes.push(pattern.clone());
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
        self.changes.push(pattern.clone());
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
        self.verify_numbered(authorization, &signed, tracing)?;
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

    fn acknowledge(
        &mut self,
        identifier: &Identifier,
        what: Acknowledged,
        authorization: Option<&Authorization>,
        tracing: &Tracing,
    ) -> Result<(), Fault> {
        let url = self.subscriber_url()?;
        let url = url.as_str();
        let signed = match what {
            Acknowledged::Part(part) => Signed::ContinueReceive {
                identifier,
                part,
                url,
            },
            Acknowledged::Message(subscribers) => Signed::ConfirmReceive {
                identifier,
                subscribers,
                url,
            },
        };
        self.verify_numbered(authorization, &signed, tracing)?;
        Ok(self.socket.outbox().acknowledge(identifier, what)?)
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

    /// As [`verify`](Self::verify), for what is signed with the number that the connection is at: it is
    /// of no use a second time, and need not be remembered.
    fn verify_numbered(
        &self,
        authorization: Option<&Authorization>,
        signed: &Signed<'_>,
        tracing: &Tracing,
    ) -> Result<(), Fault> {
        let authorization = authorization.map(Authorization::as_str);
        let credential = self.broadcaster.0.to_broadcaster.credential();
        let checked = credential.check(authorization, signed, tracing, now());
        Ok(checked.map(drop)?)
    }
}
