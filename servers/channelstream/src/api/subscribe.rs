//! `/subscribe` and `/unsubscribe`: the channels of a connection, whose socket may be open.

use axum::extract::State;
use http::{StatusCode, request::Parts};
use serde::Serialize;
use serde_json::json;

use super::{
    Answer, Answered, Body,
    connect::{add_channels, first},
    in_query,
};
use crate::{
    Wire,
    api::info::ChannelsInfo,
    app::App,
    error::ApiError,
    name,
    store::connection::Connection,
    wire::{Info, Subscribe},
};

#[derive(Serialize)]
struct Subscribed {
    channels: Vec<String>,
    channels_info: ChannelsInfo,
    #[serde(skip_serializing_if = "Option::is_none")]
    subscribed_to: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unsubscribed_from: Option<Vec<String>>,
}

pub(crate) async fn subscribe(State(app): State<App>, parts: Parts, body: Body) -> Answered {
    let subscribe = read(&app, &parts, &body)?;
    let digest = name::digest(&subscribe.conn_id);
    // No channel is made for a connection that is not known.
    if app.store().connection(&digest).await?.is_none() {
        return Err(unknown(&app));
    }
    let added = add_channels(
        &app,
        &digest,
        &subscribe.channels,
        &subscribe.channel_configs,
        false,
    );
    let (connection, mut added) = added.await?.ok_or_else(|| unknown(&app))?;
    if app.settings().wire == Wire::First {
        return Ok(Answer::new(&connection.names()));
    }
    added.sort_unstable();
    answer(&app, &connection, subscribe.info, Some(added), None).await
}

pub(crate) async fn unsubscribe(State(app): State<App>, parts: Parts, body: Body) -> Answered {
    let unsubscribe = read(&app, &parts, &body)?;
    let digest = name::digest(&unsubscribe.conn_id);
    let changed = app
        .store()
        .change_connection(&digest, None, |connection| {
            let mut removed = unsubscribe.channels.clone();
            removed.retain(|channel| connection.unsubscribe(channel));
            Some(removed)
        })
        .await?;
    let (connection, version, mut removed) = changed.ok_or_else(|| unknown(&app))?;
    if !removed.is_empty() {
        app.nudge(&digest, &connection, version).await?;
        app.leave(&removed, &connection.user, &digest).await?;
    }
    if app.settings().wire == Wire::First {
        return Ok(Answer::new(&connection.names()));
    }
    removed.sort_unstable();
    answer(&app, &connection, unsubscribe.info, None, Some(removed)).await
}

fn read(app: &App, parts: &Parts, body: &Body) -> Result<Subscribe, ApiError> {
    let read = Subscribe::read(body.json()?, in_query(parts, "conn_id").as_deref());
    read.map_err(|invalid| match app.settings().wire {
        Wire::First if invalid.0.get("channels").is_some() => first("No channels specified"),
        _ => invalid.into(),
    })
}

async fn answer(
    app: &App,
    connection: &Connection,
    info: Info,
    subscribed_to: Option<Vec<String>>,
    unsubscribed_from: Option<Vec<String>>,
) -> Answered {
    let channels = connection.names();
    let info = Info {
        channels: Some(channels.clone()),
        ..info
    };
    Ok(Answer::new(&Subscribed {
        channels_info: app.channels_info(&info).await?,
        channels,
        subscribed_to,
        unsubscribed_from,
    }))
}

fn unknown(app: &App) -> ApiError {
    match app.settings().wire {
        Wire::Newest => ApiError::field("conn_id", "Unknown connection"),
        Wire::First => ApiError::First(
            StatusCode::FORBIDDEN,
            json!({"error": "Unknown connection"}),
        ),
    }
}
