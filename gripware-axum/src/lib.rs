//! Realtime for axum, from ordinary handlers.
//!
//! A handler answers a request with a [`Hold`]; a GRIP proxy, in the same process or in front of it,
//! keeps the client's connection; a [`Publisher`] sends an item, and every held client gets it. With
//! [`WebSocketContext`] the same handlers talk over WebSockets.
//!
//! ```
//! use std::time::Duration;
//!
//! use axum::{Router, extract::State, routing::{get, post}};
//! use gripware_axum::{
//!     Grip, GripLayer, Hold, HttpStream, Item, KeepAlive, PublishRejection, Publisher,
//!     WebSocketContext, WebSocketRejection, WsMessage, websocket,
//! };
//!
//! async fn events() -> Hold {
//!     Hold::stream("news").keep_alive(KeepAlive::sse(Duration::from_secs(20)))
//! }
//!
//! async fn socket(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
//!     if ws.is_opening() {
//!         ws.accept();
//!         ws.subscribe("news")?;
//!     }
//!     while let Some(message) = ws.receive()? {
//!         ws.send_text(format!("you said {}", message.to_str()?))?;
//!     }
//!     Ok(ws)
//! }
//!
//! async fn tell(State(publisher): State<Publisher>, news: String) -> Result<(), PublishRejection> {
//!     let item = Item::new()
//!         .http_stream(HttpStream::text(format!("data: {news}\n\n")))
//!         .ws_message(WsMessage::text(news));
//!     publisher.publish("news", item).await?;
//!     Ok(())
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let grip = Grip::from_env()?; // GRIP_URL, GRIP_PREFIX, GRIP_PROXY_REQUIRED
//! let app: Router = Router::new()
//!     .route("/events", get(events))
//!     .route("/socket", websocket(socket))
//!     .route("/tell", post(tell))
//!     .layer(GripLayer::new(&grip))
//!     .with_state(grip.publisher());
//! # let _ = app;
//! # Ok(())
//! # }
//! ```
//!
//! # The proxy
//! With `gripware-hub` it is in the same process, and there is nothing else to start: the hub gives
//! the [`Grip`] and serves the application. With `GRIP_URL` set it steps aside for the proxy that is
//! named there, and the same lines serve the application behind Pushpin or Fastly.
//!
//! ```ignore
//! let hub = gripware_hub::Hub::from_env()?;
//! let app = Router::new()
//!     // .route(...)
//!     .layer(GripLayer::new(&hub.grip()));
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! hub.serve(listener, app).await?;
//! ```
//!
//! Without the hub, [`Grip::from_env`] is enough, and any server will do.
//!
//! # The client's address
//! | the hub | where it is |
//! |---|---|
//! | inside, with `Hub::serve` | `ConnectInfo<SocketAddr>`, with the feature `axum` of `gripware-hub`; `Extension<gripware_hub::ClientAddr>` without it |
//! | Pushpin | the last of `X-Forwarded-For`, with `x_forwarded_for=append` in its configuration; `ConnectInfo` is Pushpin's |
//! | the program `gripware-hub`, and `Hub::front` | the last of `X-Forwarded-For` |
//!
//! `X-Forwarded-For` is there inside as well, so that a handler which reads it runs in all three. The
//! hub replaces what clients say in it unless it is told to trust them (`trust_forwarded`, behind
//! another proxy); then the last is that proxy, and the one before it the client. A next link is asked
//! for several clients at once and has no address: its handler takes an
//! `Option<Extension<ConnectInfo<SocketAddr>>>`. Neither has a client on a unix socket.
//!
//! # The order of layers
//! `Router::layer` puts each layer around those before it. Add [`GripLayer`] first, so that all
//! others stand around it:
//!
//! ```
//! # use axum::Router;
//! # use gripware_axum::{Grip, GripLayer};
//! # use tower_http::{compression::CompressionLayer, cors::CorsLayer, trace::TraceLayer};
//! # let grip = Grip::builder().build()?;
//! let app: Router = Router::new()
//!     // .route(...)
//!     .layer(GripLayer::new(&grip))
//!     .layer(CompressionLayer::new())
//!     .layer(CorsLayer::permissive())
//!     .layer(TraceLayer::new_for_http());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | layer | around `GripLayer` | inside of it |
//! |---|---|---|
//! | compression | the proxy decompresses what is a hold or a turn; what else there is reaches clients compressed by the hub, and decompressed by Pushpin | a hold that has to travel as a body cannot carry a compressed response: 500 |
//! | CORS | its headers are added to what the proxy passes on, and to refusals | refusals have none, so a page cannot read them |
//! | tracing | sees what the proxy sees: 200 where `Grip-Status` carries another status | sees what the handler answered |
//! | timeout | bounds the handler, and not how long the proxy holds; a client whose turn takes too long is dropped without a close | the same, and that client is closed with 1011 |
//! | authentication | must let WebSocket events through: the client is dropped when it refuses one | decides like a handler; in [`OnOpening`] it is asked once for a WebSocket, without that it closes one with 1011 when a token has expired |
//!
//! No layer between may drop the extensions of a response: a hold travels in them until
//! `GripLayer` writes it, and one that got lost is a 500. None may run the handler in another task
//! (`tokio::spawn`, `tower::buffer`): extractors find the layer in the task that it is polled in.
//! Around `GripLayer` both may.
//!
//! # Looking for
//! | word | here |
//! |---|---|
//! | `Last-Event-ID`, resuming | [`LastEventId`], and [Resuming](gripware_core::manual::resuming) |
//! | login, cookie, session, token, JWT | [Logins](gripware_core::manual::logins), [`PrivateStream`], [`OnOpening`] |
//! | `ConnectInfo`, the client's address, `X-Forwarded-For` | above |
//! | `WebSocketUpgrade`, upgrade | [`WebSocketContext`] and [`websocket`]: the proxy has the connection, and the handler gets its messages |
//! | `Origin`, cross-site, CSRF, CORS | [`AllowedOrigins`], and [Logins](gripware_core::manual::logins) |
//! | presence, history, who is online | `gripware-state`, in memory and over Redis, with the feature `state` |
//! | gzip, compression | the order of layers, above |
//! | multipart, uploads, large bodies | as without gripware: what is no hold passes through |
//! | scale, several processes, Redis, NATS | [Deployment](gripware_core::manual::deployment), `gripware-relay` |
//! | tests | `gripware-test` |
//!
//! # Features
//! | feature | default | what it does |
//! |---|---|---|
//! | `tls` | yes | publishes to endpoints with `https` |
//! | `tracing` | yes | says in the log why a request or a hold was refused |
//! | `aws-lc-rs` | yes | checks signatures with aws-lc-rs |
//! | `routing` | yes | `websocket`, a route of axum's |
//! | `rust-crypto` | no | checks signatures in pure Rust; aws-lc-rs is used where both are on |
//! | `zeromq` | no | publishes to a Pushpin's ZeroMQ socket |
//! | `quick-ack` | no | [`QuickAck`], a listener for origins behind Pushpin 1.37 or newer |
//! | `state` | no | a [`WebSocketRejection`] is made of errors of `gripware-state`, and its streams and errors are responses |
//!
//! What the protocol is, what is set how and why, and who attacks what is in
//! [`gripware_core::manual`].

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-axum/latest")]

mod asked;
mod future;
mod layer;
mod on_opening;
#[cfg(feature = "quick-ack")]
mod quick_ack;
#[cfg(feature = "routing")]
mod routing;
mod scope;
mod service;
mod socket;

mod extract;
mod respond;

pub use extract::{
    GripContext, LastEventId, LayerMissing, PrivateStream, PrivateStreamRejection,
    WebSocketContext, WebSocketRejection,
};
pub use future::ResponseFuture;
pub use gripware_core::{
    self, Channel, ChannelError, Filter, GripUrl, HoldError, HoldMode, HttpResponse, HttpStream,
    Item, ItemError, KeepAlive, KeepAliveMode, LastIds, Limits, Link, LinkKey, PrivateLink,
    Recovery, SseEvent, WsMessage,
    ws::{
        AllowedOrigins, Close, CloseCode, ControlMessage, Frame, Message, WebSocketError,
        WebSocketErrorKind, WsKeepAlive,
    },
};
pub use gripware_publish::{self, ConfigError, Grip, PublishError, Publisher};
pub use layer::GripLayer;
pub use on_opening::{OnOpening, OnOpeningFuture, OnOpeningService};
#[cfg(feature = "quick-ack")]
pub use quick_ack::{QuickAck, QuickAckStream};
pub use respond::{Hold, PublishRejection, SseEvents};
#[cfg(feature = "routing")]
pub use routing::websocket;
pub use service::GripService;
