//! One turn of a client's WebSocket.

use std::{error::Error, time::Duration};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use gripware_axum::{CloseCode, Message, WebSocketContext, WebSocketRejection};
use http::{HeaderMap, StatusCode, request::Parts};
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use tokio::time::Instant;

use crate::{
    app::{App, cookie_channel},
    backend::BackendError,
    connection::Subscription,
    frame::{ClientFrame, Refusal, ServerFrame},
    handshake::cookie,
    room::Room,
};

/// How much earlier than the idle time a turn may come that the proxy makes because of it.
const EARLY: Duration = Duration::from_secs(2);

/// The handler of `/ws/`.
pub(crate) async fn socket(
    State(app): State<App>,
    handshake: Parts,
    ws: WebSocketContext,
) -> Response {
    let headers = app.settings().headers.apply(&handshake);
    let turn = Turn {
        app,
        handshake,
        headers,
        ws,
    };
    match turn.run().await {
        Ok(ws) => ws.into_response(),
        Err(error) => WebSocketRejection::from(error).into_response(),
    }
}

struct Turn {
    app: App,
    handshake: Parts,
    /// What the backend sees of the handshake.
    headers: HeaderMap,
    ws: WebSocketContext,
}

type Done = Result<(), gripware_axum::WebSocketError>;

impl Turn {
    async fn run(mut self) -> Result<WebSocketContext, gripware_axum::WebSocketError> {
        if self.ws.is_opening() {
            if !self.open().await? {
                return Ok(self.ws);
            }
        } else if self.ws.is_keep_alive() {
            self.wake().await?;
            return Ok(self.ws);
        }
        let id = self.ws.connection_id().as_str().to_owned();
        let is_over = self.ws.close_received().is_some() || self.ws.is_disconnected();
        if !self.app.connections().hear(&id, Instant::now()) {
            // Another process, or this one before it was started anew, knew it.
            if !is_over {
                self.ws
                    .close_with(CloseCode::SERVICE_RESTART, "please connect again")?;
            }
            return Ok(self.ws);
        }
        while let Some(message) = self.ws.receive()? {
            self.frame(&id, &message)?;
        }
        if is_over {
            self.leave(&id);
        }
        Ok(self.ws)
    }

    /// Asks the backend who this is. Whether the client is let in.
    async fn open(&mut self) -> Result<bool, gripware_axum::WebSocketError> {
        let allowed = match self.ask().await {
            Ok(allowed) => allowed,
            Err(error) if is_refusal(&error) => {
                self.ws.accept();
                self.ws.send_json(&ServerFrame::UNWELCOME)?;
                self.ws.close_with(CloseCode::NORMAL, "")?;
                return Ok(false);
            }
            Err(error) => {
                let error = &error as &dyn Error;
                tracing::error!(error, "the backend has not said who may connect");
                let text = "the backend does not answer\n";
                self.ws.refuse(StatusCode::INTERNAL_SERVER_ERROR, text)?;
                return Ok(false);
            }
        };
        self.ws.accept();
        self.ws.send_json(&ServerFrame::welcome(&allowed))?;
        self.ws
            .short_keep_alive_interval(self.app.settings().idle)?;
        let session = cookie(&self.handshake.headers, &self.app.settings().session_cookie);
        if let Some(session) = session {
            let channel = cookie_channel(session);
            self.ws.subscribe(channel)?;
        }
        let id = self.ws.connection_id().as_str();
        self.app.connections().open(id, allowed, Instant::now());
        self.app.counts().frames_sent.add(1);
        self.app
            .run_hook(&self.headers, |hooks, user| hooks.on_connect(user));
        Ok(true)
    }

    /// A turn without an event: the client was silent for as long as it may be, or the backend has
    /// asked for permissions to be looked at again.
    async fn wake(&mut self) -> Done {
        let id = self.ws.connection_id().as_str().to_owned();
        let idle = self.app.settings().idle;
        let silence = self.app.connections().silence(&id, Instant::now());
        match silence {
            Some(silence) if silence + EARLY < idle => {}
            Some(_) => {
                self.leave(&id);
                return self.ws.close_with(CloseCode::NORMAL, "idle");
            }
            None => {
                return self
                    .ws
                    .close_with(CloseCode::SERVICE_RESTART, "please connect again");
            }
        }
        match self.ask().await {
            Ok(allowed) => {
                let ended = self.app.connections().allow(&id, allowed);
                self.revoke(&ended)
            }
            Err(error) if is_refusal(&error) => {
                let ended = self.app.connections().allow(&id, Vec::new());
                self.revoke(&ended)?;
                self.send(&ServerFrame::UNWELCOME)?;
                self.leave(&id);
                self.ws.close_with(CloseCode::NORMAL, "")
            }
            Err(error) => {
                let error = &error as &dyn Error;
                tracing::error!(
                    error,
                    "permissions stay as they are: the backend does not answer"
                );
                Ok(())
            }
        }
    }

    fn revoke(&mut self, ended: &[Subscription]) -> Done {
        for subscription in ended {
            self.unhear(subscription)?;
            self.send(&ServerFrame::revoked(
                &subscription.request_id,
                &subscription.room,
            ))?;
        }
        Ok(())
    }

    fn frame(&mut self, id: &str, message: &Message) -> Done {
        self.app.counts().frames_received.add(1);
        let frame = str::from_utf8(message.as_bytes());
        let frame = frame.map_or(ClientFrame::NotJson, ClientFrame::parse);
        // As high-templar has it, whatever the client's own request id.
        let unreadable = |refusal| ServerFrame::error(Some(Value::from(id)), refusal);
        match frame {
            ClientFrame::Ping => {
                self.app
                    .run_hook(&self.headers, |hooks, user| hooks.on_ping(user));
                self.app.counts().frames_sent.add(1);
                self.ws.send_text("pong")
            }
            ClientFrame::Subscribe { room, request_id } => self.subscribe(id, room, request_id),
            ClientFrame::Unsubscribe { request_id } => self.unsubscribe(id, request_id),
            ClientFrame::Status { key: Some(key) } if self.is_trigger_key(&key) => {
                let status = self.app.status();
                self.ws.send_json(&status)
            }
            ClientFrame::Status { .. } | ClientFrame::Unknown => {
                self.send(&unreadable(Refusal::MessageTypeNotAllowed))
            }
            ClientFrame::NotJson => self.send(&unreadable(Refusal::NonJsonMessage)),
        }
    }

    fn subscribe(&mut self, id: &str, room: Option<Value>, request_id: Option<Value>) -> Done {
        let settings = self.app.settings();
        let subscribed = match (room.map(Room::try_from), request_id.clone()) {
            (None | Some(Err(_)), _) => Err(Refusal::InvalidRoom),
            (_, None) => Err(Refusal::NoRequestId),
            (Some(Ok(room)), Some(request_id)) => {
                let max = settings.max_subscriptions;
                self.app.connections().subscribe(id, room, request_id, max)
            }
        };
        let reply_id = request_id.filter(|_| settings.request_ids_in_replies);
        match subscribed {
            Ok(new) => {
                if let Some(subscription) = &new {
                    let slot = subscription.slot();
                    let request_id = subscription.request_id.to_string();
                    self.ws.set_filter_meta(slot.meta.clone(), request_id)?;
                    self.ws.subscribe(slot)?;
                }
                self.send(&ServerFrame::success(reply_id))
            }
            Err(refusal) => self.send(&ServerFrame::error(reply_id, refusal)),
        }
    }

    fn unsubscribe(&mut self, id: &str, request_id: Option<Value>) -> Done {
        let reply_id = request_id
            .clone()
            .filter(|_| self.app.settings().request_ids_in_replies);
        let Some(request_id) = request_id else {
            return self.send(&ServerFrame::error(None, Refusal::NoRequestId));
        };
        let ended = self.app.connections().unsubscribe(id, &request_id);
        match ended {
            Some(ended) => {
                self.unhear(&ended)?;
                self.send(&ServerFrame::success(reply_id))
            }
            None => self.send(&ServerFrame::error(reply_id, Refusal::NotSubscribed)),
        }
    }

    fn unhear(&mut self, ended: &Subscription) -> Done {
        let slot = ended.slot();
        self.ws.unsubscribe(slot.channel)?;
        self.ws.remove_filter_meta(slot.meta)
    }

    fn leave(&mut self, id: &str) {
        if self.app.connections().close(id) {
            self.app
                .run_hook(&self.headers, |hooks, user| hooks.on_disconnect(user));
        }
    }

    fn is_trigger_key(&self, key: &str) -> bool {
        let keys = &self.app.settings().trigger_keys;
        keys.iter()
            .any(|own| own.text.as_bytes().ct_eq(key.as_bytes()).into())
    }

    fn send(&mut self, frame: &ServerFrame<'_>) -> Done {
        self.app.counts().frames_sent.add(1);
        self.ws.send_json(frame)
    }

    async fn ask(&self) -> Result<Vec<Room>, BackendError> {
        let backend = &self.app.settings().backend;
        backend.bootstrap(self.headers.clone()).await
    }
}

/// Whether the backend has refused the user, rather than failed. Rooms that are none count as a
/// refusal, as with high-templar.
fn is_refusal(error: &BackendError) -> bool {
    matches!(error, BackendError::Status(_) | BackendError::NotRooms(_))
}
