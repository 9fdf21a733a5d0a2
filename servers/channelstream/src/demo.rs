//! `/demo`: a chat, with the small backend that an application would have: it knows which channels
//! there are, and for whom a browser speaks.

use axum::{
    Router,
    extract::State,
    response::Html,
    routing::{get, post},
};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    api::{self, Answered, Body},
    app::App,
    error::ApiError,
    name,
};

/// The channels of the chat. The first one is everybody's.
const CHANNELS: [&str; 3] = ["pub_chan", "second_channel", "third_channel"];

const PAGE: &str = include_str!("pages/demo.html");

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/demo", get(|| async { Html(PAGE) }))
        .route("/demo/connect", post(connect))
        .route("/demo/subscribe", post(subscribe))
        .route("/demo/unsubscribe", post(unsubscribe))
        .route("/demo/state", post(state))
        .route("/demo/message", post(message))
}

#[derive(Deserialize)]
struct Connect {
    username: String,
}

#[derive(Deserialize)]
struct Subscribe {
    conn_id: String,
    channel: String,
}

#[derive(Deserialize)]
struct SetState {
    conn_id: String,
    mood: String,
}

#[derive(Deserialize)]
struct Message {
    conn_id: String,
    text: String,
    channel: Option<String>,
    to: Option<String>,
}

async fn connect(State(app): State<App>, body: Body) -> Answered {
    let asked: Connect = read(&body)?;
    let config = json!({
        "notify_presence": true, "notify_state": true, "store_history": true, "history_size": 20,
        "broadcast_presence_with_user_lists": true,
    });
    let first = CHANNELS.first();
    let configs = CHANNELS.map(|name| (name.to_owned(), config.clone()));
    let body = json!({
        "username": asked.username,
        "channels": [first],
        "channel_configs": serde_json::Map::from_iter(configs),
        "fresh_user_state": {"mood": "fine"},
        "state_public_keys": ["mood"],
    });
    api::connect(State(app), as_body(&body)).await
}

async fn subscribe(State(app): State<App>, body: Body) -> Answered {
    let body = subscription(&body)?;
    api::subscribe(State(app), no_parts(), body).await
}

async fn unsubscribe(State(app): State<App>, body: Body) -> Answered {
    let body = subscription(&body)?;
    api::unsubscribe(State(app), no_parts(), body).await
}

fn subscription(body: &Body) -> Result<Body, ApiError> {
    let asked: Subscribe = read(body)?;
    check_channel(&asked.channel)?;
    Ok(as_body(
        &json!({"conn_id": asked.conn_id, "channels": [asked.channel]}),
    ))
}

async fn state(State(app): State<App>, body: Body) -> Answered {
    let asked: SetState = read(&body)?;
    let user = user_of(&app, &asked.conn_id).await?;
    let body = json!({"user": user, "user_state": {"mood": asked.mood}});
    api::user_state(State(app), as_body(&body)).await
}

async fn message(State(app): State<App>, body: Body) -> Answered {
    let asked: Message = read(&body)?;
    // Not whom the page says it is, but whose connection it has.
    let user = user_of(&app, &asked.conn_id).await?;
    if let Some(channel) = &asked.channel {
        check_channel(channel)?;
    }
    let only_for = asked.to.map(|to| vec![to, user.clone()]);
    let message = json!({
        "user": user,
        "channel": asked.channel,
        "pm_users": only_for.unwrap_or_default(),
        "message": {"text": asked.text},
    });
    api::post(State(app), as_body(&json!([message]))).await
}

fn check_channel(channel: &str) -> Result<(), ApiError> {
    match CHANNELS.contains(&channel) {
        true => Ok(()),
        false => Err(ApiError::field("channel", "There is no such channel.")),
    }
}

async fn user_of(app: &App, connection: &str) -> Result<String, ApiError> {
    let known = app.store().connection(&name::digest(connection)).await?;
    let known = known.ok_or_else(|| ApiError::field("conn_id", "Unknown connection"))?;
    Ok(known.connection.user)
}

fn read<'a, T: Deserialize<'a>>(body: &'a Body) -> Result<T, ApiError> {
    serde_json::from_str(body.json()?)
        .map_err(|_| ApiError::field("_schema", "Invalid input type."))
}

fn as_body(json: &Value) -> Body {
    Body(Bytes::from(json.to_string()))
}

fn no_parts() -> http::request::Parts {
    http::Request::new(()).into_parts().0
}
