//! One turn of a client's WebSocket.

use std::{
    error::Error,
    sync::atomic::Ordering::Relaxed,
    time::{Duration, SystemTime},
};

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use gripware_axum::{CloseCode, Message, WebSocketContext, WebSocketError, WebSocketRejection};
use gripware_state::StateError;
use http::{HeaderMap, StatusCode, request::Parts};
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use thiserror::Error as ThisError;

use crate::{
    app::App,
    backend::{BackendError, Bootstrap},
    connection::{Connection, Subscription},
    frame::{ClientFrame, Refusal, ServerFrame},
    handshake::cookie,
    hook_runner::UserEvent,
    recheck::{cookie_channel, user_channel},
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
        connection: Connection::default(),
    };
    match turn.run().await {
        Ok(ws) => ws.into_response(),
        Err(TurnError::WebSocket(error)) => WebSocketRejection::from(error).into_response(),
        Err(TurnError::State(error)) => {
            let error = &error as &dyn Error;
            tracing::error!(error, "a turn of a client failed");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

struct Turn {
    app: App,
    handshake: Parts,
    /// What the backend sees of the handshake.
    headers: HeaderMap,
    ws: WebSocketContext,
    connection: Connection,
}

/// Why a turn has no answer.
#[derive(Debug, ThisError)]
enum TurnError {
    #[error(transparent)]
    WebSocket(#[from] WebSocketError),
    #[error(transparent)]
    State(#[from] StateError),
}

type TurnResult = Result<(), TurnError>;

impl Turn {
    async fn run(mut self) -> Result<WebSocketContext, TurnError> {
        let id = self.ws.connection_id().as_str().to_owned();
        if self.ws.is_opening() {
            if !self.open(&id).await? {
                return Ok(self.ws);
            }
        } else {
            match self.app.sessions().load(&id).await? {
                Some(connection) => self.connection = connection,
                None => return self.unknown(&id),
            }
        }
        if self.ws.is_keep_alive() && !self.wake().await? {
            self.leave(&id).await?;
            return Ok(self.ws);
        }
        if !self.ws.is_keep_alive() {
            self.connection.touch(SystemTime::now());
        }
        while let Some(message) = self.ws.receive()? {
            self.frame(&id, &message).await?;
        }
        if self.ws.close_received().is_some() || self.ws.is_disconnected() {
            self.leave(&id).await?;
        } else {
            let mut connection = std::mem::take(&mut self.connection);
            if self.app.has_hooks() {
                connection = connection.with_user(std::mem::take(&mut self.headers));
            }
            self.app.sessions().save(&id, connection).await?;
        }
        Ok(self.ws)
    }

    /// Another process, or this one before it was started anew, knew the connection.
    fn unknown(mut self, id: &str) -> Result<WebSocketContext, TurnError> {
        if self.app.sessions().close_unknown(id) {
            self.app.run_hook(id, &self.headers, UserEvent::Disconnect);
        }
        if self.ws.close_received().is_none() && !self.ws.is_disconnected() {
            self.ws
                .close_with(CloseCode::SERVICE_RESTART, "please connect again")?;
        }
        Ok(self.ws)
    }

    /// Asks the backend who this is. Whether the client is let in.
    async fn open(&mut self, id: &str) -> Result<bool, TurnError> {
        let Bootstrap { allowed, user_id } = match self.ask().await {
            Ok(bootstrap) => bootstrap,
            Err(error) if is_refusal(&error) => {
                self.ws.accept();
                self.ws.send_json(&ServerFrame::UNWELCOME)?;
                self.ws.close_with(CloseCode::NORMAL, "")?;
                // The proxy tells of the end of it, and nobody was ever told of its beginning.
                self.app.sessions().close_unknown(id);
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
        if let Some(id) = user_id {
            self.ws.subscribe(user_channel(&id))?;
        }
        self.connection = Connection::new(allowed, SystemTime::now());
        self.app.counts().frames_sent.fetch_add(1, Relaxed);
        self.app.run_hook(id, &self.headers, UserEvent::Connect);
        Ok(true)
    }

    /// A turn without an event: the client was silent for as long as it may be, or the backend has
    /// asked for permissions to be looked at again. Returns `false` where the connection ends.
    async fn wake(&mut self) -> Result<bool, TurnError> {
        let silence = self.connection.silence(SystemTime::now());
        if silence + EARLY >= self.app.settings().idle {
            self.ws.close_with(CloseCode::NORMAL, "idle")?;
            return Ok(false);
        }
        match self.ask().await {
            Ok(bootstrap) => {
                let ended = self.connection.allow(bootstrap.allowed);
                self.revoke(&ended)?;
            }
            Err(error) if is_refusal(&error) && !is_failure(&error) => {
                let ended = self.connection.allow(Vec::new());
                self.revoke(&ended)?;
                self.send(&ServerFrame::UNWELCOME)?;
                self.ws.close_with(CloseCode::NORMAL, "")?;
                return Ok(false);
            }
            Err(error) => {
                let error = &error as &dyn Error;
                tracing::error!(
                    error,
                    "permissions stay as they are: the backend does not answer"
                );
            }
        }
        Ok(true)
    }

    fn revoke(&mut self, ended: &[Subscription]) -> TurnResult {
        for subscription in ended {
            self.end(subscription)?;
            self.send(&ServerFrame::revoked(
                &subscription.request_id,
                &subscription.room,
            ))?;
        }
        Ok(())
    }

    async fn frame(&mut self, id: &str, message: &Message) -> TurnResult {
        self.app.counts().frames_received.fetch_add(1, Relaxed);
        let frame = str::from_utf8(message.as_bytes());
        let frame = frame.map_or(ClientFrame::NotJson, ClientFrame::parse);
        // As high-templar has it, whatever the client's own request id.
        let unreadable = |refusal| ServerFrame::error(Some(Value::from(id)), refusal);
        match frame {
            ClientFrame::Ping => {
                self.app.run_hook(id, &self.headers, UserEvent::Ping);
                self.app.counts().frames_sent.fetch_add(1, Relaxed);
                Ok(self.ws.send_text("pong")?)
            }
            ClientFrame::Subscribe { room, request_id } => self.subscribe(room, request_id),
            ClientFrame::Unsubscribe { request_id } => self.unsubscribe(request_id),
            ClientFrame::Status { key: Some(key) } if self.is_trigger_key(&key) => {
                let status = self.app.status().await?;
                Ok(self.ws.send_json(&status)?)
            }
            ClientFrame::Status { .. } | ClientFrame::Unknown => {
                self.send(&unreadable(Refusal::MessageTypeNotAllowed))
            }
            ClientFrame::NotJson => self.send(&unreadable(Refusal::NonJsonMessage)),
        }
    }

    fn subscribe(&mut self, room: Option<Value>, request_id: Option<Value>) -> TurnResult {
        let settings = self.app.settings();
        let subscribed = match (room.map(Room::try_from), request_id.clone()) {
            (None | Some(Err(_)), _) => Err(Refusal::InvalidRoom),
            (_, None) => Err(Refusal::NoRequestId),
            (Some(Ok(room)), Some(request_id)) => {
                let max = self.app.max_subscriptions();
                self.connection.subscribe(room, request_id, max)
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

    fn unsubscribe(&mut self, request_id: Option<Value>) -> TurnResult {
        let reply_id = request_id
            .clone()
            .filter(|_| self.app.settings().request_ids_in_replies);
        let Some(request_id) = request_id else {
            return self.send(&ServerFrame::error(None, Refusal::NoRequestId));
        };
        let ended = self.connection.unsubscribe(&request_id);
        match ended {
            Some(ended) => {
                self.end(&ended)?;
                self.send(&ServerFrame::success(reply_id))
            }
            None => self.send(&ServerFrame::error(reply_id, Refusal::NotSubscribed)),
        }
    }

    fn end(&mut self, ended: &Subscription) -> TurnResult {
        let slot = ended.slot();
        self.ws.unsubscribe(slot.channel)?;
        Ok(self.ws.remove_filter_meta(slot.meta)?)
    }

    async fn leave(&self, id: &str) -> TurnResult {
        if self.app.sessions().close(id, &self.connection).await? {
            self.app.run_hook(id, &self.headers, UserEvent::Disconnect);
        }
        Ok(())
    }

    fn is_trigger_key(&self, key: &str) -> bool {
        let keys = &self.app.settings().trigger_keys;
        keys.iter()
            .any(|own| own.text.as_bytes().ct_eq(key.as_bytes()).into())
    }

    fn send(&mut self, frame: &ServerFrame<'_>) -> TurnResult {
        self.app.counts().frames_sent.fetch_add(1, Relaxed);
        Ok(self.ws.send_json(frame)?)
    }

    async fn ask(&self) -> Result<Bootstrap, BackendError> {
        self.app.bootstrap(self.headers.clone()).await
    }
}

/// Whether the backend has refused the user. Any answer but 200 counts as a refusal, and rooms that
/// are none do, as with high-templar.
fn is_refusal(error: &BackendError) -> bool {
    matches!(error, BackendError::Status(_) | BackendError::NotRooms(_))
}

/// Whether the answer says that the backend fails, as one does that starts anew: no reason to take
/// from a user what the user has.
fn is_failure(error: &BackendError) -> bool {
    matches!(error, BackendError::Status(status) if status.is_server_error())
}
