//! `/connect`: a user, and a connection that its browser then opens.

use std::sync::atomic::Ordering::Relaxed;

use axum::extract::State;
use gripware_state::StateError;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::{Answer, Answered, Body};
use crate::{
    Wire,
    api::info::ChannelsInfo,
    app::App,
    error::ApiError,
    name,
    store::{channel::Channel, connection::Connection},
    wire::{ChannelConfig, Connect, Info},
};

#[derive(Serialize)]
struct Connected<'a> {
    conn_id: &'a str,
    state: &'a Map<String, Value>,
    username: &'a str,
    public_state: Map<String, Value>,
    channels: &'a [String],
    channels_info: ChannelsInfo,
}

pub(crate) async fn connect(State(app): State<App>, body: Body) -> Answered {
    let mut connect = match Connect::read(body.json()?) {
        Err(invalid) if app.settings().wire == Wire::First => {
            let is_username = invalid.0.get("username").is_some();
            return Err(match is_username {
                true => first("No username specified"),
                false => invalid.into(),
            });
        }
        read => read?,
    };
    if app.settings().wire == Wire::First && connect.channels.is_empty() {
        return Err(first("No channels specified"));
    }
    connect.channels.sort_unstable();
    let digest = name::digest(&connect.conn_id);
    let known = app.store().connection(&digest).await?;
    if known.is_some_and(|known| known.connection.user != connect.username) {
        return Err(ApiError::field("conn_id", "Connection of another user"));
    }
    let user = app
        .store()
        .enter_user(&connect.username, |user, is_new| {
            if is_new {
                user.merge(&connect.fresh_user_state);
            }
            user.public_keys.clone_from(&connect.state_public_keys);
            user.merge(&connect.user_state);
        })
        .await?;
    let own = name::user_channel(&name::digest(&connect.username));
    let own = app.store().cursor(&own).await?;
    let connection = Connection::new(&connect.conn_id, &connect.username, own);
    let is_new = app.store().enter_connection(&digest, &connection).await?;
    app.counts()
        .connections
        .fetch_add(u64::from(is_new), Relaxed);
    let (channels, configs) = (&connect.channels, &connect.channel_configs);
    add_channels(&app, &digest, channels, configs, is_new).await?;
    if app.settings().wire == Wire::First {
        let status = user.state.get("status").unwrap_or(&Value::Null);
        let status = if status.is_null() { &json!(1) } else { status };
        return Ok(Answer::new(
            &json!({"conn_id": connect.conn_id, "status": status}),
        ));
    }
    let info = Info {
        channels: Some(connect.channels.clone()),
        ..connect.info
    };
    Ok(Answer::new(&Connected {
        conn_id: &connect.conn_id,
        state: &user.state,
        username: &connect.username,
        public_state: user.public_state(),
        channels: &connect.channels,
        channels_info: app.channels_info(&info).await?,
    }))
}

/// What 0.2 refuses, as it says so.
pub(super) fn first(told: &str) -> ApiError {
    ApiError::First(StatusCode::BAD_REQUEST, json!({ "error": told }))
}

/// Adds channels to a connection that is known, and returns it with those that are new to it; nothing
/// if it is not known.
pub(super) async fn add_channels(
    app: &App,
    digest: &str,
    names: &[String],
    configs: &[(String, ChannelConfig)],
    is_new: bool,
) -> Result<Option<(Connection, Vec<String>)>, ApiError> {
    let channels = enter(app, names, configs).await?;
    let max = app.settings().max_channels;
    let mut is_too_much = false;
    let changed = app
        .store()
        .change_connection(digest, None, |connection| {
            let mut added = Vec::new();
            for (channel, at) in &channels {
                if connection.subscribe(&channel.name, at) {
                    added.push(channel.clone());
                }
            }
            is_too_much = connection.channels.len() > max;
            (!is_too_much).then_some(added)
        })
        .await?;
    if is_too_much {
        let told = format!("Longer than maximum length {max}.");
        return Err(ApiError::field("channels", &told));
    }
    let Some((connection, version, added)) = changed else {
        return Ok(None);
    };
    app.join(&added, &connection, digest).await?;
    if !added.is_empty() && !is_new {
        app.nudge(digest, &connection, version).await?;
    }
    let added = added.into_iter().map(|channel| channel.name).collect();
    Ok(Some((connection, added)))
}

/// Finds or makes channels, with their cursors.
async fn enter(
    app: &App,
    names: &[String],
    configs: &[(String, ChannelConfig)],
) -> Result<Vec<(Channel, String)>, StateError> {
    let mut channels: Vec<(Channel, String)> = Vec::with_capacity(names.len());
    for name in names {
        let config = configs.iter().find(|(of, _)| of == name);
        let config = config.map(|(_, config)| config);
        let channel = app.store().enter_channel(name, config).await?;
        let at = app.store().cursor(&name::channel(name)).await?;
        channels.push((channel, at));
    }
    Ok(channels)
}
