//! `/listen`: long polls, for browsers without WebSockets.
//!
//! A poll that has missed nothing is held for 5 s. A frame does not answer it: it makes the proxy ask
//! again, and then the poll waits a little, as channelstream has it, for what comes with it.

use std::time::Duration;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use gripware_axum::{Channel, ChannelError, Filter, GripContext, Hold};
use gripware_state::StateError;
use http::{StatusCode, header, request::Parts};

use crate::{
    access::query,
    app::App,
    error::ApiError,
    name,
    store::connection::{Connection, POLL_IDLE},
    wire::{Moment, connection_id, list, replayed},
};

/// How long a poll is held.
const HELD: Duration = Duration::from_secs(5);

/// How long it waits for more, where there is something.
const GATHER: Duration = Duration::from_millis(250);

/// The most bytes of an answer.
const MAX_ANSWER: usize = 1 << 20;

/// The longest name of a function that JSONP calls.
const MAX_CALLBACK: usize = 128;

pub(crate) async fn listen(State(app): State<App>, cx: GripContext, parts: Parts) -> Response {
    match poll(&app, &cx, &parts).await {
        Ok(response) => response,
        Err(error) => error.into_response(),
    }
}

/// What a poll has found.
struct Found {
    frames: Vec<String>,
    /// Where each channel was read to.
    cursors: Vec<(String, String)>,
}

async fn poll(app: &App, cx: &GripContext, parts: &Parts) -> Result<Response, ApiError> {
    let form = Form::of(app, parts)?;
    let id = connection_id(None, query(parts, "conn_id").as_deref())?;
    let digest = name::digest(&id);
    let unauthorized = || {
        let told = r#"{"conn_id": ["Unknown connection"]}"#;
        let json = [(header::CONTENT_TYPE, "application/json")];
        (StatusCode::UNAUTHORIZED, json, told).into_response()
    };
    let now = Moment::now();
    let heard = app
        .store()
        .change_connection(&digest, Some(POLL_IDLE), |connection| {
            connection.heard = now;
            Some(())
        });
    let Some((mut connection, version, ())) = heard.await? else {
        return Ok(unauthorized());
    };
    app.store().renew(&digest, &mut connection, now).await?;
    let was_held = !cx.last().is_empty();
    let found = find(app, &connection, was_held.then_some(cx)).await?;
    if found.frames.is_empty() {
        let hold = hold(&connection, &found, &digest, version).map_err(|error| {
            StateError::new(gripware_state::StateErrorKind::Invalid).with_source(error)
        })?;
        note(app, &digest, &connection, &found, Some(POLL_IDLE)).await?;
        return Ok((hold, form.answer("[]".to_owned())).into_response());
    }
    tokio::time::sleep(GATHER).await;
    // What was there before says that it was missed, and what has come since does not.
    let more = find_after(app, &connection, &found).await?;
    let mut frames = found.frames;
    frames.extend(more.frames);
    let found = Found {
        frames: Vec::new(),
        cursors: more.cursors,
    };
    if !note(app, &digest, &connection, &found, None).await? {
        return Ok(unauthorized());
    }
    Ok(form.answer(list(&frames)))
}

/// Reads what came since the connection's cursors. What came since the poll was held is not said to
/// be missed.
async fn find(
    app: &App,
    connection: &Connection,
    held: Option<&GripContext>,
) -> Result<Found, StateError> {
    let places = connection.places();
    let places = places.map(|(channel, place)| (channel, place.at.clone()));
    read(app, connection, places.collect(), held.is_none()).await
}

async fn find_after(
    app: &App,
    connection: &Connection,
    found: &Found,
) -> Result<Found, StateError> {
    read(app, connection, found.cursors.clone(), false).await
}

async fn read(
    app: &App,
    connection: &Connection,
    places: Vec<(String, String)>,
    is_missed: bool,
) -> Result<Found, StateError> {
    let wire = app.settings().wire;
    let user = name::digest(&connection.user);
    let mut found = Found {
        frames: Vec::new(),
        cursors: Vec::with_capacity(places.len()),
    };
    let mut room = MAX_ANSWER;
    for (channel, at) in places {
        let missed = app.store().missed(&channel, &at).await?;
        for frame in missed
            .frames
            .iter()
            .filter(|frame| frame.is_for(&user, is_missed))
        {
            let json = match is_missed {
                true => replayed(&frame.json, wire),
                false => frame.json.clone(),
            };
            let Some(left) = room.checked_sub(json.len() + 1) else {
                continue;
            };
            room = left;
            found.frames.push(json);
        }
        found.cursors.push((channel, missed.at));
    }
    Ok(found)
}

/// Holds a poll until a frame for the connection, or a change of it.
fn hold(
    connection: &Connection,
    found: &Found,
    digest: &str,
    version: u64,
) -> Result<Hold, ChannelError> {
    let user = name::digest(&connection.user);
    let own = name::user_channel(&user);
    let poll = Channel::new(name::poll(digest))?.with_prev_id(version.to_string())?;
    let mut hold = Hold::response(poll).timeout(HELD).meta("user", user);
    for (channel, at) in &found.cursors {
        let filter = match *channel == own {
            true => Filter::RequireSub,
            false => Filter::SkipUsers,
        };
        let channel = Channel::new(channel.as_str())?;
        hold = hold.channel(channel.with_filter(filter).with_prev_id(at.as_str())?);
    }
    Ok(hold)
}

/// Moves the cursors on. Returns `false` if the connection is gone.
async fn note(
    app: &App,
    digest: &str,
    before: &Connection,
    found: &Found,
    idle: Option<Duration>,
) -> Result<bool, ApiError> {
    let moved = before.places().any(|(channel, place)| {
        let mut cursors = found.cursors.iter();
        cursors.any(|(of, at)| *of == channel && *at != place.at)
    });
    if !moved {
        return Ok(true);
    }
    let changed = app.store().change_connection(digest, idle, |connection| {
        for (channel, place) in connection.places_mut() {
            if let Some((_, at)) = found.cursors.iter().find(|(of, _)| *of == channel) {
                place.at.clone_from(at);
            }
        }
        Some(())
    });
    Ok(changed.await?.is_some())
}

/// How an answer is written.
struct Form {
    callback: Option<String>,
}

impl Form {
    fn of(app: &App, parts: &Parts) -> Result<Self, ApiError> {
        let callback = query(parts, "callback").filter(|callback| !callback.is_empty());
        let Some(callback) = callback else {
            return Ok(Self { callback: None });
        };
        if !app.settings().allows_jsonp {
            return Err(ApiError::field("callback", "JSONP is switched off."));
        }
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$' | '.');
        if callback.len() > MAX_CALLBACK || !callback.chars().all(is_name) {
            return Err(ApiError::field("callback", "Not the name of a function."));
        }
        Ok(Self {
            callback: Some(callback),
        })
    }

    fn answer(&self, json: String) -> Response {
        match &self.callback {
            None => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
            Some(callback) => {
                let headers = [
                    (header::CONTENT_TYPE, "application/javascript"),
                    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
                ];
                (headers, format!("{callback}({json})")).into_response()
            }
        }
    }
}
