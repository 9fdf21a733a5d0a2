//! The small chat on actix-web: messages over WebSocket, who is here over server-sent events.
//!
//! `cargo run -p chat-actix` starts it, with a proxy inside; `examples/chat/run chat-actix` starts it
//! behind Pushpin, whose address is in `GRIP_URL`. The handlers hold no connection in either case:
//! each answers and returns, and the proxy keeps the client.

// All are those of the chat on axum.
#[path = "../../chat/src/end.rs"]
mod end;
#[path = "../../chat/src/people.rs"]
mod people;
#[path = "../../chat/src/said.rs"]
mod said;

use std::{env, error::Error, time::Duration};

use actix_web::{
    App, HttpResponse, HttpServer, Responder, ResponseError,
    web::{self, Data, Html, Query},
};
use gripware_actix::{
    GripContext, GripMiddleware, Hold, HoldExt, KeepAlive, PublishError, Publisher, Recovery,
    WebSocketContext, WebSocketError, websocket,
};
use gripware_hub::Hub;
use gripware_state::{History, State, StateError, resume::SocketError};
use people::People;
use said::Said;
use serde::Deserialize;
use thiserror::Error;

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let hub = Hub::from_env()?;
    let grip = hub.grip();
    let publisher = Data::new(grip.publisher());
    let people = Data::new(People::default());
    let history = Data::new(State::memory().history());
    let address = env::var("LISTEN").unwrap_or_else(|_| "127.0.0.1:8080".to_owned());
    // The hub takes the address for itself, and gives the application one behind it.
    let (listener, front) = hub.front(address).await?;
    if let Some(address) = front.local_addr() {
        println!("listening on {address}");
        if hub.is_embedded() {
            println!("open http://{address}/ in two windows");
        }
    }
    let server = HttpServer::new(move || {
        App::new()
            .app_data(publisher.clone())
            .app_data(people.clone())
            .app_data(history.clone())
            .route("/", web::get().to(page))
            .route("/chat", websocket(chat))
            .route("/people", web::get().to(people_here))
            .wrap(GripMiddleware::new(&grip))
    })
    .listen(listener)?
    .disable_signals()
    // As long as the hub's own end may take, and not the 30 s of actix-web.
    .shutdown_timeout(5)
    .run();
    // Clients go first: the end of a WebSocket is told to the application.
    let handle = server.handle();
    let is_embedded = hub.is_embedded();
    let front = async {
        let served = front.with_graceful_shutdown(end::told_to_end()).await;
        // The hub has waited for all requests, as long as they may take; otherwise the server does.
        handle.stop(!is_embedded).await;
        served
    };
    tokio::try_join!(server, front)?;
    Ok(())
}

async fn page() -> impl Responder {
    Html::new(include_str!("../../chat/page/index.html"))
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
    visitor: Query<Visitor>,
    publisher: Data<Publisher>,
    people: Data<People>,
    history: Data<History>,
    mut ws: WebSocketContext,
) -> Result<WebSocketContext, ChatError> {
    let lines = history.socket("chat")?;
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
        let line = history.append("chat", line).await?;
        if let Some(item) = line.into_item() {
            publisher.publish("chat", item).await?;
        }
    }
    let socket = ws.connection_id().as_str();
    let changed = if ws.close_received().is_some() || ws.is_disconnected() {
        people.left(socket)
    } else {
        people.seen(socket, &visitor.name)
    };
    if let Some(people) = changed {
        publisher.publish("people", people.to_item()).await?;
    }
    Ok(ws)
}

/// The list of who is here, now and whenever it changes.
async fn people_here(cx: GripContext, people: Data<People>) -> impl Responder {
    let recovery = Recovery::new(cx.last(), "people");
    let people = people.now();
    // A proxy that has this list already asks only for what it missed.
    let body = match recovery.after() {
        Some(version) if version == people.version() => String::new(),
        _ => people.to_event(),
    };
    let hold = Hold::stream_after(&recovery, people.version(), "/people")
        .keep_alive(KeepAlive::sse(Duration::from_secs(20)));
    HttpResponse::Ok().hold(hold).body(body)
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

impl ResponseError for ChatError {
    fn error_response(&self) -> HttpResponse {
        tracing::error!(error = self as &dyn Error, "a visitor's turn failed");
        HttpResponse::InternalServerError().finish()
    }
}
