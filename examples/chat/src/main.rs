//! A small chat: messages over WebSocket, who is here over server-sent events.
//!
//! `cargo run -p chat` starts it, with a proxy inside; `examples/chat/run` starts it behind Pushpin,
//! whose address is in `GRIP_URL`. The handlers hold no connection in either case: each answers and
//! returns, and the proxy keeps the client.

mod end;
mod people;
mod said;

use std::{env, error::Error, sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    response::{Html, IntoResponse, Response},
    routing::get,
};
use gripware_axum::{
    GripContext, GripLayer, Hold, KeepAlive, PublishError, Publisher, Recovery, WebSocketContext,
    WebSocketError, websocket,
};
use gripware_hub::Hub;
use gripware_state::{History, StateError, resume::SocketError};
use people::People;
use said::Said;
use serde::Deserialize;
use thiserror::Error;
use tokio::net::TcpListener;

#[derive(Clone)]
struct App {
    publisher: Publisher,
    history: History,
    people: Arc<People>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let hub = Hub::from_env()?;
    let grip = hub.grip();
    let app = Router::new()
        .route(
            "/",
            get(|| async { Html(include_str!("../page/index.html")) }),
        )
        .route("/chat", websocket(chat))
        .route("/people", get(people_here))
        .layer(GripLayer::new(&grip))
        .with_state(App {
            publisher: grip.publisher(),
            history: gripware_state::State::memory().history(),
            people: Arc::default(),
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

/// What the page asks for: the name is part of the socket's address, so it comes with every turn.
#[derive(Deserialize)]
struct Visitor {
    name: String,
    /// The last line that the page has seen.
    after: Option<String>,
}

/// One turn of a visitor's socket.
async fn chat(
    Query(visitor): Query<Visitor>,
    State(app): State<App>,
    mut ws: WebSocketContext,
) -> Result<WebSocketContext, ChatError> {
    let lines = app.history.socket("chat")?;
    if ws.is_opening() {
        ws.accept();
        // What was said while the page was away, or lately where it is new.
        lines.subscribe(&mut ws, visitor.after.as_deref()).await?;
        // The proxy asks again while nothing is said, so that a visitor whose end got lost is
        // noticed.
        ws.keep_alive_interval(People::STAY / 2)?;
    } else if ws.is_keep_alive() {
        lines.catch_up(&mut ws).await?;
    }
    while let Some(said) = ws.receive_json::<Said>()? {
        let Some(line) = said.into_line(&visitor.name) else {
            continue;
        };
        let line = app.history.append("chat", line).await?;
        if let Some(item) = line.into_item() {
            app.publisher.publish("chat", item).await?;
        }
    }
    let socket = ws.connection_id().as_str();
    let changed = if ws.close_received().is_some() || ws.is_disconnected() {
        app.people.left(socket)
    } else {
        app.people.seen(socket, &visitor.name)
    };
    if let Some(people) = changed {
        app.publisher.publish("people", people.to_item()).await?;
    }
    Ok(ws)
}

/// The list of who is here, now and whenever it changes.
async fn people_here(cx: GripContext, State(app): State<App>) -> impl IntoResponse {
    let recovery = Recovery::new(cx.last(), "people");
    let people = app.people.now();
    // A proxy that has this list already asks only for what it missed.
    let body = match recovery.after() {
        Some(version) if version == people.version() => String::new(),
        _ => people.to_event(),
    };
    let hold = Hold::stream_after(&recovery, people.version(), "/people")
        .keep_alive(KeepAlive::sse(Duration::from_secs(20)));
    (hold, body)
}

#[derive(Debug, Error)]
enum ChatError {
    #[error("the conversation failed")]
    WebSocket(#[from] WebSocketError),
    #[error("what was said before cannot be told")]
    History(#[from] StateError),
    #[error("the conversation cannot be resumed")]
    Resume(#[from] SocketError),
    #[error("a message was not published")]
    Publish(#[from] PublishError),
}

impl IntoResponse for ChatError {
    fn into_response(self) -> Response {
        tracing::error!(error = &self as &dyn Error, "a visitor's turn failed");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
