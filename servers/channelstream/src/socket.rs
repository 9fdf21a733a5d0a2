//! `/ws`: one turn of a browser's WebSocket.
//!
//! What the socket shall hear is in the record of its connection, which calls of the API change. Each
//! turn compares it with what the socket was told to follow, so a turn that nobody asked for makes up
//! for one that got lost.

use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use gripware_axum::{
    Channel, ChannelError, CloseCode, Filter, Frame, WebSocketContext, WebSocketError,
    WebSocketRejection, WsKeepAlive,
};
use gripware_state::Expect;
use http::{StatusCode, request::Parts};
use thiserror::Error;

use crate::{
    access::query,
    app::App,
    error::ApiError,
    name,
    store::{
        connection::{Connection, Loaded, SOCKET_IDLE},
        frames::Missed,
    },
    wire::{Moment, connection_id, replayed},
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

/// The most bytes of frames that one turn sends; the proxy takes 1 000 000.
const MAX_SENT: usize = 900_000;

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

/// How frames that a socket has missed are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum As {
    /// They say that they are sent again.
    Replayed,
    Live,
}

pub(crate) async fn socket(
    State(app): State<App>,
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
        let is_asked = self.ws.is_keep_alive() && silence < POLL_AT_LEAST;
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

    /// Sends what came since the cursors, which may be there already.
    async fn catch_up(&mut self, loaded: &Loaded, how: As) -> Result<(), Failed> {
        let mut read = Vec::new();
        for (channel, place) in loaded.connection.places() {
            let missed = self.app.store().missed(&channel, &place.at).await?;
            read.push((channel, missed));
        }
        let user = name::digest(&loaded.connection.user);
        let mut room = MAX_SENT;
        for (_, missed) in &read {
            self.send(missed, &user, how, &mut room)?;
        }
        self.app
            .store()
            .change_connection(&self.digest, Some(SOCKET_IDLE), |connection| {
                for (channel, place) in connection.places_mut() {
                    if let Some((_, missed)) = read.iter().find(|(of, _)| *of == channel) {
                        place.at.clone_from(&missed.at);
                    }
                }
                Some(())
            })
            .await?;
        Ok(())
    }

    /// Follows what the socket does not follow yet and leaves what it shall not, until the record
    /// has nothing new.
    async fn sync(&mut self, mut loaded: Loaded, how: Option<As>) -> Result<(), Failed> {
        let mut room = MAX_SENT;
        loop {
            let user = name::digest(&loaded.connection.user);
            let mut read = Vec::new();
            for (channel, place) in loaded.connection.places() {
                if !place.is_followed {
                    let at = match how {
                        Some(_) => place.at.clone(),
                        None => self.app.store().cursor(&channel).await?,
                    };
                    read.push((
                        channel.clone(),
                        self.app.store().missed(&channel, &at).await?,
                    ));
                }
            }
            let left = loaded.connection.left.clone();
            for channel in &left {
                self.ws.unsubscribe(channel.as_str())?;
            }
            let own = name::user_channel(&user);
            for (channel, missed) in &read {
                self.send(missed, &user, how.unwrap_or(As::Live), &mut room)?;
                let filter = match *channel == own {
                    true => Filter::RequireSub,
                    false => Filter::SkipUsers,
                };
                let channel = Channel::new(channel.as_str())?
                    .with_filter(filter)
                    .with_prev_id(missed.at.as_str())?;
                self.ws.subscribe(channel)?;
            }
            let own = self.ws.connection_id().as_str().to_owned();
            let changed = self
                .app
                .store()
                .change_connection(&self.digest, Some(SOCKET_IDLE), |connection| {
                    // Of another socket by now: it has to be left alone.
                    if connection.socket.as_deref() != Some(&*own) {
                        return None;
                    }
                    connection.followed(&read, &left);
                    connection.heard = Moment::now();
                    Some(())
                })
                .await?;
            match changed {
                Some((connection, version, ())) if connection.is_behind() => {
                    loaded = Loaded {
                        connection,
                        version,
                    };
                }
                Some(_) => return Ok(()),
                None => return Ok(self.ws.close_with(CloseCode::NORMAL, "")?),
            }
        }
    }

    /// Sends frames, each in a message of its own. What has no room is left out.
    fn send(
        &mut self,
        missed: &Missed,
        user: &str,
        how: As,
        room: &mut usize,
    ) -> Result<(), Failed> {
        let wire = self.app.settings().wire;
        for frame in missed
            .frames
            .iter()
            .filter(|frame| frame.is_for(user, how == As::Replayed))
        {
            let json = match how {
                As::Replayed => replayed(&frame.json, wire),
                As::Live => frame.json.clone(),
            };
            let Some(left) = room.checked_sub(json.len() + 32) else {
                return Ok(());
            };
            *room = left;
            self.ws.send_text(format!("[{json}]"))?;
        }
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

impl Connection {
    /// Notes what its socket follows now, and what it has left.
    fn followed(&mut self, read: &[(String, Missed)], left: &[String]) {
        for (channel, missed) in read {
            let mut places = self.places_mut();
            match places.find(|(of, _)| of == channel) {
                Some((_, place)) => {
                    place.is_followed = true;
                    place.at.clone_from(&missed.at);
                }
                // It was unsubscribed meanwhile.
                None => {
                    drop(places);
                    self.left.push(channel.clone());
                }
            }
        }
        self.left.retain(|channel| !left.contains(channel));
    }
}
