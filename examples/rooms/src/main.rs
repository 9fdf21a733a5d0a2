//! Rooms over WebSockets: a login by token, who is there and what was said, private messages, and a
//! kick.
//!
//! `cargo run -p rooms` starts it, with a proxy inside; `examples/chat/run rooms` starts it behind
//! Pushpin, whose address is in `GRIP_URL`; `examples/rooms/nodes` starts it twice, with a Redis
//! between the two and an nginx in front of them. The handlers are the same.
//!
//! The application has no list of connections:
//!
//! - the meta of a connection, which the proxy stores and signs, has its user and its rooms;
//! - records have the tokens of logins, each of which opens one WebSocket;
//! - the history of a room has what was said, for who is new there or was away;
//! - presence knows who is in a room, over all windows of a user;
//! - each connection follows a channel of its user, by which a private message and a kick reach all
//!   windows of that user.

#[path = "../../chat/src/end.rs"]
mod end;
mod failure;
mod message;
mod room;
mod socket;
mod token;

use std::{env, error::Error};

use axum::{
    Router,
    middleware::from_fn_with_state,
    response::Html,
    routing::{get, post},
};
use gripware_axum::{GripLayer, OnOpening, Publisher, websocket};
use gripware_hub::Hub;
use gripware_state::{History, Presence, Records, State};
use tokio::net::TcpListener;

#[derive(Clone)]
struct App {
    publisher: Publisher,
    history: History,
    presence: Presence,
    records: Records,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    // One process, unless GRIPWARE_RELAY and GRIPWARE_STATE name what it shares with others.
    let hub = Hub::builder()
        .brokers([gripware_redis::broker()])
        .from_env()?;
    let state = State::with([gripware_redis::state()]).from_env()?;
    let grip = hub.grip();
    let app = App::new(grip.publisher(), &state);
    let presence = app.presence.clone();
    let sweeping = tokio::spawn(async move { presence.run(end::told_to_end()).await });
    let routes = Router::new()
        .route("/socket", websocket(socket::socket))
        // At the opening alone: a token is good for no more than that.
        .route_layer(OnOpening::new(from_fn_with_state(
            app.clone(),
            token::authenticate,
        )))
        .route("/", get(async || Html(include_str!("../page/index.html"))))
        .route("/login", post(token::login))
        .layer(GripLayer::new(&grip))
        .with_state(app);
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    let listener = TcpListener::bind(address).await?;
    let address = listener.local_addr()?;
    println!("listening on {address}");
    if hub.is_embedded() {
        println!("open http://{address}/ in two windows");
    }
    hub.serve(listener, routes)
        .with_graceful_shutdown(end::told_to_end())
        .await?;
    Ok(sweeping.await?)
}

impl App {
    fn new(publisher: Publisher, state: &State) -> Self {
        Self {
            history: state.history(),
            presence: state.presence().publishing(&publisher),
            records: state.records(),
            publisher,
        }
    }
}
