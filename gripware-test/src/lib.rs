//! A pretend GRIP proxy for unit tests: whole conversations with an application's handlers, without
//! a proxy, a server or a network.
//!
//! ```
//! use axum::{Router, extract::State, routing::any};
//! use gripware_axum::{
//!     Grip, GripLayer, Publisher, WebSocketContext, WebSocketRejection, WsMessage,
//! };
//! use gripware_test::Proxy;
//!
//! // The application: what one says, all hear.
//! fn chat(grip: &Grip) -> Router {
//!     Router::new()
//!         .route("/chat", any(turn))
//!         .layer(GripLayer::new(grip))
//!         .with_state(grip.publisher())
//! }
//!
//! async fn turn(
//!     State(publisher): State<Publisher>,
//!     mut ws: WebSocketContext,
//! ) -> Result<WebSocketContext, WebSocketRejection> {
//!     if ws.is_opening() {
//!         ws.accept();
//!         ws.subscribe("chat")?;
//!     }
//!     while let Some(said) = ws.receive()? {
//!         if publisher.publish("chat", WsMessage::text(said.into_text()?)).await.is_err() {
//!             ws.close_with(1013, "try again later")?;
//!         }
//!     }
//!     Ok(ws)
//! }
//!
//! // And its test.
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let proxy = Proxy::new(chat);
//! let mut anna = proxy.open("/chat").await.accepted();
//! let mut ben = proxy.open("/chat").await.accepted();
//!
//! anna.text("hi").await;
//! ben.expect_text("hi");
//! proxy.assert_published("chat", WsMessage::text("hi"));
//!
//! ben.close(1000, "").await;
//! anna.text("still there?").await;
//! assert_eq!(anna.texts(), ["hi", "still there?"]);
//!
//! // Nobody comes in past the proxy.
//! proxy.get("/chat").forged().open().await.refused().assert_status(403);
//! # }
//! ```
//!
//! # What it does
//! A [`Proxy`] stands in front of a tower service, such as an axum `Router`, or of what actix-web's
//! `test::init_service` returns, and behaves as Pushpin does:
//!
//! - [`Request`]: signed by its key, now or at another time, or not rightly signed at all; with
//!   features and last ids.
//! - [`Answer`]: what the origin answers, with the [`Instruction`] in it, be it in headers or in a
//!   body.
//! - [`Held`]: a long-poll or a stream that is held; its timeout, its next link, its keep-alive.
//! - [`WebSocket`]: a conversation. It keeps the connection's meta, and obeys what comes back.
//! - [`Published`]: what the application published. It is delivered to all that is held and open:
//!   in the format of each, through the filters, once for each id, and in the order of the ids.
//!
//! A test fails where an origin answers what Pushpin would refuse, drop or ignore. Every failure
//! shows what was asked and what came back:
//!
//! ```text
//! the client got Frame { kind: Text, content: "hi" }, and not Frame { kind: Text, content: "ho" }
//!
//! > POST /chat
//! > grip-sig: (signed now)
//! > connection-id: 00000000-0000-4000-8000-000000000001
//! >   OPEN
//! < 200 OK
//! < content-type: application/websocket-events
//! < sec-websocket-extensions: grip
//! <   OPEN
//! <   TEXT 26
//! <   c:{"type":"subscribe","channel":"chat"}
//! * an item is published to chat, with the id none after none
//! ```
//!
//! # What it does not
//! No time passes: a `fire_` method of a client lets one of its times run out, and
//! [`Proxy::recover`] the time that items wait for earlier ones. Bodies are read to their end, so a
//! handler that streams for ever by itself cannot be tested with it. The filters `build-id`,
//! `http-check` and `http-modify` let all items pass as they are.
//!
//! # Without axum
//! For actix-web the application is made in an asynchronous step between two of the builder:
//!
//! ```
//! # #[cfg(feature = "actix")]
//! # #[actix_web::main]
//! # async fn main() {
//! use actix_web::{App, test, web};
//! use gripware_test::Proxy;
//!
//! let proxy = Proxy::builder();
//! let grip = proxy.grip();
//! let app = App::new()
//!     .app_data(web::Data::new(grip.publisher()))
//!     // .wrap(GripMiddleware::new(&grip))
//!     .route("/", web::get().to(async || "hi\n"));
//! let proxy = proxy.origin(test::init_service(app).await);
//! proxy.get("/").await.assert_text("hi\n");
//! # }
//! # #[cfg(not(feature = "actix"))]
//! # fn main() {}
//! ```
//!
//! # Features
//! | feature | default | what it does |
//! |---|---|---|
//! | `tower` | yes | stands in front of tower services |
//! | `actix` | no | stands in front of actix-web's |
//! | `aws-lc-rs` | yes | signs with aws-lc-rs; see `gripware-core` |
//! | `rust-crypto` | no | signs in pure Rust; see `gripware-core` |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-test/latest")]

mod answer;
mod builder;
mod difference;
mod held;
mod opening;
pub mod origin;
mod proxy;
mod published;
mod request;
mod state;
mod transcript;
mod websocket;

pub use answer::Answer;
pub use builder::ProxyBuilder;
pub use gripware_core::proxy::{Instruction, InstructionError, KeepAlive};
pub use held::Held;
pub use opening::Opening;
pub use origin::{IntoOrigin, Origin};
pub use proxy::Proxy;
pub use published::Published;
pub use request::Request;
pub use websocket::WebSocket;
