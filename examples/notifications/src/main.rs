//! Notifications: a stream per user, behind a login, that misses nothing over cuts, restarts and
//! long silence.
//!
//! `cargo run -p notifications` starts it, with a proxy inside; `examples/chat/run notifications`
//! starts it behind Pushpin, whose address is in `GRIP_URL`. What has to outlive the program is kept in
//! the file that `DATA` names.
//!
//! Three things bring a browser what it has not seen:
//!
//! - the history has the last notes by their ids: it serves what a browser asks for with its
//!   `Last-Event-ID`, and what the proxy asks for when an id is missing;
//! - the database has all of them: whoever is new or was away for too long is sent the list;
//! - the next link is private: the proxy follows it without the user's cookie.

#[path = "../../chat/src/end.rs"]
mod end;
mod login;
mod store;

use std::{env, error::Error, sync::Arc};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    response::{Html, IntoResponse, Response},
    routing::{get, post},
};
use gripware_axum::{
    GripContext, GripLayer, LastEventId, LinkKey, PrivateStream, PublishError, Publisher, SseEvent,
};
use gripware_hub::Hub;
use gripware_state::{
    History, StateError,
    resume::{ResumedStream, Start},
};
use login::User;
use serde::Deserialize;
use store::{Store, StoreError};
use thiserror::Error;
use tokio::net::TcpListener;

#[derive(Clone)]
struct App {
    store: Arc<Store>,
    history: History,
    publisher: Publisher,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let data = env::var("DATA").unwrap_or_else(|_| "target/notifications.jsonl".to_owned());
    let store = Arc::new(Store::open(data)?);
    let key = LinkKey::new(store.link_key())?;
    let hub = Hub::builder()
        .grip_with(|grip| grip.link_key(key))
        .from_env()?;
    let grip = hub.grip();
    let app = Router::new()
        .route("/", get(async || Html(include_str!("../page/index.html"))))
        .route("/login", post(login::login))
        .route("/logout", post(login::logout))
        .route("/me", get(async |User(name): User| name))
        .route("/notify", post(notify))
        .route("/notifications", get(open))
        .route("/notifications/{capability}", get(go_on))
        .layer(GripLayer::new(&grip))
        .with_state(App {
            store,
            history: gripware_state::State::memory().history(),
            publisher: grip.publisher(),
        });
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    if hub.is_embedded() {
        println!("open http://{address}/ in two windows");
    }
    hub.serve(listener, app)
        .with_graceful_shutdown(end::told_to_end())
        .await?;
    Ok(())
}

/// The stream of whoever is logged in.
async fn open(
    User(user): User,
    cx: GripContext,
    cursor: LastEventId,
    State(app): State<App>,
) -> Result<ResumedStream, Failure> {
    app.stream(user, &cx, &cursor).await
}

/// The same for the proxy, which has no cookie: its link says whose stream it goes on with.
async fn go_on(
    stream: PrivateStream,
    cx: GripContext,
    cursor: LastEventId,
    State(app): State<App>,
) -> Result<ResumedStream, Failure> {
    tracing::info!(user = stream.user(), "the proxy goes on with a stream");
    app.stream(stream.user().to_owned(), &cx, &cursor).await
}

#[derive(Deserialize)]
struct Notice {
    to: String,
    text: String,
}

/// Sends a note from one user to another.
async fn notify(
    User(from): User,
    State(app): State<App>,
    Json(notice): Json<Notice>,
) -> Result<StatusCode, Failure> {
    if !login::is_name(&notice.to) || notice.text.is_empty() || notice.text.len() > 2000 {
        return Ok(StatusCode::UNPROCESSABLE_ENTITY);
    }
    // In the database before anywhere else: what is there is never missed.
    let note = app.store.add(from, notice.to, notice.text)?;
    let channel = channel_of(&note.to);
    let event = SseEvent::new().event("note").json(&note);
    let appended = app.history.append(channel.as_str(), event).await?;
    if let Some(item) = appended.into_item() {
        app.publisher.publish(channel, item).await?;
    }
    Ok(StatusCode::ACCEPTED)
}

impl App {
    /// What the user has not seen, and the hold that goes on from there.
    async fn stream(
        &self,
        user: String,
        cx: &GripContext,
        cursor: &LastEventId,
    ) -> Result<ResumedStream, Failure> {
        let channel = channel_of(&user);
        let next = cx.private_link("/notifications", &user, &channel);
        let store = Arc::clone(&self.store);
        let stream = self
            .history
            .stream(channel, next)
            .start(Start::Snapshot)
            .snapshot(move |_| {
                let list = SseEvent::new().event("list").json(&store.notes_of(&user));
                async { Ok::<_, StateError>(list) }
            });
        Ok(stream.resume(cx, cursor).await?)
    }
}

fn channel_of(user: &str) -> String {
    format!("user-{user}")
}

#[derive(Debug, Error)]
enum Failure {
    #[error("the database failed")]
    Store(#[from] StoreError),
    #[error("the history failed")]
    State(#[from] StateError),
    #[error("a note was not published")]
    Publish(#[from] PublishError),
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        tracing::error!(error = &self as &dyn Error, "a request failed");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
