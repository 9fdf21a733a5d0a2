//! Rooms over WebSockets: a login by token, join and leave, private messages, and a kick.
//!
//! `cargo run -p rooms` starts it, with a proxy inside; `examples/chat/run rooms` starts it behind
//! Pushpin, whose address is in `GRIP_URL`.
//!
//! A token opens one WebSocket. Who came in with it is kept in the meta of the connection, which the
//! proxy stores and signs, and so are its rooms; the application has no list of connections. Each
//! connection follows a channel of its user: that is how a private message and a kick reach all windows
//! of one user.

#[path = "../../chat/src/end.rs"]
mod end;
mod message;
mod token;

use std::{env, error::Error, sync::Arc};

use axum::{
    Extension, Router,
    extract::State,
    http::StatusCode,
    middleware::from_fn_with_state,
    response::{Html, IntoResponse, Response},
    routing::{any, get, post},
};
use gripware_axum::{
    GripLayer, Item, OnOpening, PublishError, Publisher, WebSocketContext, WebSocketError,
    WsMessage,
};
use gripware_hub::Hub;
use message::{Asked, Told};
use thiserror::Error;
use token::{Tokens, User};
use tokio::net::TcpListener;

/// How a page knows that it was kicked: from 4000 on codes are the application's.
const KICKED: u16 = 4001;
/// The most rooms that one connection is in.
const MAX_ROOMS: usize = 10;

#[derive(Clone)]
struct App {
    tokens: Arc<Tokens>,
    publisher: Publisher,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().init();
    let hub = Hub::from_env()?;
    let grip = hub.grip();
    let app = App {
        tokens: Arc::default(),
        publisher: grip.publisher(),
    };
    let routes = Router::new()
        .route("/socket", any(socket))
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
    Ok(())
}

/// One turn of a socket.
async fn socket(
    opens: Option<Extension<User>>,
    State(app): State<App>,
    mut ws: WebSocketContext,
) -> Result<WebSocketContext, Failure> {
    if let Some(Extension(user)) = opens {
        ws.accept();
        ws.insert_meta_json("user", &user)?;
        ws.subscribe(user.channel())?;
        ws.send_json(&Told::Welcome { name: &user.name })?;
    }
    let user: User = ws.meta_json("user")?.ok_or(Failure::Nobody)?;
    let mut rooms: Vec<String> = ws.meta_json("rooms")?.unwrap_or_default();
    while let Some(text) = ws.receive()? {
        match Asked::read(text.as_bytes()) {
            Some(asked) => app.answer(&user, &mut rooms, asked, &mut ws).await?,
            None => ws.send_json(&Told::Refused {
                reason: "that is no message of rooms",
            })?,
        }
    }
    if ws.close_received().is_some() || ws.is_disconnected() {
        for room in &rooms {
            app.tell_room(
                room,
                &Told::Left {
                    room,
                    name: &user.name,
                },
            )
            .await?;
        }
    } else {
        ws.insert_meta_json("rooms", &rooms)?;
    }
    Ok(ws)
}

impl App {
    async fn answer(
        &self,
        user: &User,
        rooms: &mut Vec<String>,
        asked: Asked,
        ws: &mut WebSocketContext,
    ) -> Result<(), Failure> {
        let name = &*user.name;
        match asked {
            Asked::Join { room } if !rooms.contains(&room) && rooms.len() < MAX_ROOMS => {
                let joined = Told::Joined { room: &room, name };
                ws.subscribe(channel_of(&room))?;
                // The subscription begins with the answer: what is published now is for the others.
                ws.send_json(&joined)?;
                self.tell_room(&room, &joined).await?;
                rooms.push(room);
            }
            Asked::Leave { room } if rooms.contains(&room) => {
                rooms.retain(|joined| *joined != room);
                ws.unsubscribe(channel_of(&room))?;
                self.tell_room(&room, &Told::Left { room: &room, name })
                    .await?;
            }
            Asked::Say { room, text } if rooms.contains(&room) => {
                self.tell_room(
                    &room,
                    &Told::Said {
                        room: &room,
                        name,
                        text: &text,
                    },
                )
                .await?;
            }
            Asked::Tell { to, text } => {
                let private = WsMessage::json(&Told::Private { name, text: &text });
                self.publisher
                    .publish(User::channel_of(&to), private)
                    .await?;
            }
            Asked::Kick { name } if user.is_moderator => {
                // To all connections of the user, wherever they are.
                let kick = Item::close(KICKED, "kicked");
                self.publisher
                    .publish(User::channel_of(&name), kick)
                    .await?;
            }
            _ => ws.send_json(&Told::Refused {
                reason: "you cannot do that",
            })?,
        }
        Ok(())
    }

    async fn tell_room(&self, room: &str, told: &Told<'_>) -> Result<(), PublishError> {
        let message = WsMessage::json(told);
        self.publisher.publish(channel_of(room), message).await
    }
}

fn channel_of(room: &str) -> String {
    format!("room-{room}")
}

#[derive(Debug, Error)]
enum Failure {
    #[error("the conversation failed")]
    WebSocket(#[from] WebSocketError),
    #[error("a message was not published")]
    Publish(#[from] PublishError),
    #[error("a connection has no user")]
    Nobody,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        tracing::error!(error = &self as &dyn Error, "a turn failed");
        StatusCode::INTERNAL_SERVER_ERROR.into_response()
    }
}
