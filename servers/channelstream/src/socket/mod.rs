//! `/ws`: one turn of a browser's WebSocket.
//!
//! What the socket shall hear is in the record of its connection, which calls of the API change. Each
//! turn compares it with what the socket was told to follow, so a turn that nobody asked for makes up
//! for one that got lost.

mod missed;
mod sync;

use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use gripware_axum::{
    Channel, ChannelError, CloseCode, Frame, GripContext, WebSocketContext, WebSocketError,
    WebSocketRejection, WsKeepAlive,
};
use gripware_state::Expect;
use http::{StatusCode, request::Parts};
use thiserror::Error;

use self::missed::As;
use crate::{
    access::query,
    app::App,
    error::ApiError,
    name,
    store::connection::{Connection, Loaded, SOCKET_IDLE},
    wire::{Moment, connection_id},
};

/// How often the browser hears that the connection is there.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How often the proxy asks where nothing comes from the browser.
const POLL: Duration = Duration::from_secs(20);

/// A turn without events so long after the one before is such a question, in milliseconds.
const POLL_AT_LEAST: u64 = 19_000;

/// How often the time of a socket that sends much is noted, in milliseconds.
const NOTED: u64 = 1_000;

/// Until when a turn without events is about what was published while the socket opened, in
/// milliseconds.
const OPENING: u64 = 2_000;

/// What a proxy says that makes a turn at once where something was published since the id that a
/// subscription says was read.
const TELLS_MISSED: &str = "subscribe:prev-id";

#[derive(Debug, Error)]
enum Failed {
    #[error(transparent)]
    WebSocket(#[from] WebSocketError),
    #[error(transparent)]
    Api(#[from] ApiError),
    #[error(transparent)]
    State(#[from] gripware_state::StateError),
    #[error(transparent)]
    Channel(#[from] ChannelError),
}

pub(crate) async fn socket(
    State(app): State<App>,
    cx: GripContext,
    parts: Parts,
    mut ws: WebSocketContext,
) -> Response {
    let id = connection_id(None, query(&parts, "conn_id").as_deref());
    let Ok(id) = id else {
        let _ = ws.refuse(StatusCode::BAD_REQUEST, "conn_id is missing\n");
        return ws.into_response();
    };
    let mut turn = Turn {
        digest: name::digest(&id),
        tells_missed: cx.has_feature(TELLS_MISSED),
        app,
        ws,
    };
    match turn.run().await {
        Ok(()) => turn.ws.into_response(),
        Err(Failed::WebSocket(error)) => WebSocketRejection::from(error).into_response(),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::error!(error, "a turn of a socket failed");
            StatusCode::SERVICE_UNAVAILABLE.into_response()
        }
    }
}

struct Turn {
    app: App,
    ws: WebSocketContext,
    digest: String,
    /// Whether the proxy makes a turn for what it missed while it subscribed.
    tells_missed: bool,
}

impl Turn {
    async fn run(&mut self) -> Result<(), Failed> {
        if self.ws.is_opening() {
            return self.open().await;
        }
        let own = self.ws.connection_id().as_str().to_owned();
        let is_over = self.ws.close_received().is_some() || self.ws.is_disconnected();
        let loaded = self.app.store().connection(&self.digest).await?;
        let of_this_socket =
            loaded.filter(|loaded| loaded.connection.socket.as_deref() == Some(&*own));
        match of_this_socket {
            Some(loaded) if is_over => self.leave(loaded, &own).await,
            Some(loaded) => self.follow(loaded).await,
            // The connection has ended, or another socket has taken its place.
            None if is_over => Ok(()),
            None => Ok(self.ws.close_with(CloseCode::NORMAL, "")?),
        }
    }

    async fn open(&mut self) -> Result<(), Failed> {
        let own = self.ws.connection_id().as_str().to_owned();
        let attached = self
            .app
            .store()
            .change_connection(&self.digest, None, |connection| {
                connection.heard = Moment::now();
                Some(connection.attach(&own))
            })
            .await?;
        self.ws.accept();
        let Some((connection, version, replaced)) = attached else {
            return Ok(self.ws.close_with(CloseCode::NORMAL, "")?);
        };
        let digest = name::digest(&connection.user);
        self.ws.set_filter_meta("user", digest)?;
        let heartbeat = WsKeepAlive::new(Frame::text("[]")).every(HEARTBEAT);
        self.ws.keep_alive(heartbeat)?;
        self.ws.keep_alive_interval(POLL)?;
        // A change since then has another id, for which the proxy makes a turn.
        let channel = Channel::new(name::socket(&own))?.with_prev_id(version.to_string())?;
        self.ws.subscribe(channel)?;
        if let Some(replaced) = &replaced {
            self.app.close_replaced(replaced).await;
        }
        let loaded = Loaded {
            connection,
            version,
        };
        match replaced {
            // It has got everything by now.
            Some(_) => self.sync(loaded, None).await,
            None => self.sync(loaded, Some(As::Replayed)).await,
        }
    }

    /// A turn of a socket that stays.
    async fn follow(&mut self, loaded: Loaded) -> Result<(), Failed> {
        let now = Moment::now();
        let connection = &loaded.connection;
        let silence = now.millis_since(connection.heard);
        if connection.is_behind() {
            return self.sync(loaded, Some(As::Live)).await;
        }
        if let Some(since) = connection.unsure {
            return self.make_sure(&loaded, since, now).await;
        }
        let is_asked = self.tells_missed && self.ws.is_keep_alive() && silence < POLL_AT_LEAST;
        if is_asked {
            // Something was published while it subscribed, or was lost on the way.
            let how = match silence < OPENING {
                true => As::Live,
                false => As::Replayed,
            };
            return self.catch_up(&loaded, how).await;
        }
        if silence < NOTED {
            return Ok(());
        }
        self.hear(loaded.connection, now).await
    }

    /// Notes that the browser is there, and that it has got what was published until now.
    async fn hear(&mut self, mut connection: Connection, now: Moment) -> Result<(), Failed> {
        let store = self.app.store();
        store.renew(&self.digest, &mut connection, now).await?;
        let renewed = connection.renewed;
        let mut cursors = Vec::new();
        for (channel, _) in connection.places() {
            let at = store.cursor(&channel).await?;
            cursors.push((channel, at));
        }
        let noted = store.change_connection(&self.digest, Some(SOCKET_IDLE), |connection| {
            connection.heard = now;
            connection.renewed = renewed;
            for (channel, place) in connection.places_mut() {
                let cursor = cursors.iter().find(|(of, _)| *of == channel);
                if let (Some((_, at)), true) = (cursor, place.is_followed) {
                    place.at.clone_from(at);
                }
            }
            Some(())
        });
        noted.await?;
        Ok(())
    }

    /// The browser has closed the socket, or is gone: so the connection ends, unless another socket
    /// has taken its place.
    async fn leave(&mut self, mut loaded: Loaded, own: &str) -> Result<(), Failed> {
        loop {
            let expect = Expect::Version(loaded.version);
            // Nobody has to be told to close it.
            loaded.connection.socket = None;
            if self
                .app
                .drop_connection(&self.digest, &loaded, expect)
                .await?
            {
                return Ok(());
            }
            // A call has changed it, or has dropped it.
            match self.app.store().connection(&self.digest).await? {
                Some(again) if again.connection.socket.as_deref() == Some(own) => loaded = again,
                _ => return Ok(()),
            }
        }
    }
}
