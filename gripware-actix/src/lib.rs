//! Realtime for actix-web, from ordinary handlers.
//!
//! A handler answers a request with a [`Hold`]; a GRIP proxy, in the same process or in front of it,
//! keeps the client's connection; a [`Publisher`] sends an item, and every held client gets it. With
//! [`WebSocketContext`] the same handlers talk over WebSockets.
//!
//! ```
//! use std::time::Duration;
//!
//! use actix_web::{App, HttpServer, Responder, web};
//! use gripware_actix::{
//!     Grip, GripMiddleware, Hold, HttpStream, Item, KeepAlive, PublishRejection, Publisher,
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
//! async fn tell(
//!     publisher: web::Data<Publisher>,
//!     news: String,
//! ) -> Result<impl Responder, PublishRejection> {
//!     let item = Item::new()
//!         .http_stream(HttpStream::text(format!("data: {news}\n\n")))
//!         .ws_message(WsMessage::text(news));
//!     publisher.publish("news", item).await?;
//!     Ok("told\n")
//! }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let grip = Grip::from_env()?; // GRIP_URL, GRIP_PREFIX, GRIP_PROXY_REQUIRED
//! let server = HttpServer::new(move || {
//!     App::new()
//!         .app_data(web::Data::new(grip.publisher()))
//!         .route("/events", web::get().to(events))
//!         .route("/socket", websocket(socket))
//!         .route("/tell", web::post().to(tell))
//!         .wrap(GripMiddleware::new(&grip))
//! });
//! # let _ = server;
//! # Ok(())
//! # }
//! ```
//!
//! # The proxy
//! With `gripware-hub` it is in the same process, and there is nothing else to start: the hub has the
//! address, gives the server a listener behind it, and gives the [`Grip`]. With `GRIP_URL` set it
//! steps aside for the proxy that is named there: the listener is at the address itself, and the
//! same lines serve the application behind Pushpin or Fastly.
//!
//! ```ignore
//! // actix-web, gripware-actix, gripware-hub, and tokio with its feature `macros`.
//! let hub = gripware_hub::Hub::from_env()?;
//! let grip = hub.grip();
//! let (listener, front) = hub.front("127.0.0.1:8080").await?;
//! let server = HttpServer::new(move || App::new().wrap(GripMiddleware::new(&grip)))
//!     .listen(listener)?
//!     .shutdown_timeout(5)
//!     .run();
//! tokio::select! {
//!     served = server => served?,
//!     served = front.into_future() => served?,
//! }
//! ```
//!
//! The example `chat-actix` shows how clients are sent away in an orderly manner at the end: first the
//! hub, within its `drain` of 5 s, and then the server with `stop(false)`, as nothing is left to wait
//! for. Where another proxy holds the clients it is `stop(true)`, within `shutdown_timeout`, which is
//! 30 s in actix-web unless it is set. Without the hub, [`Grip::from_env`] is enough.
//!
//! # The client's address
//! | the hub | where it is |
//! |---|---|
//! | inside, with `Hub::front` | `HttpRequest::peer_addr` in [`GripMiddleware`] and all that is inside of it, with port 0; `ConnectionInfo::realip_remote_addr` everywhere |
//! | Pushpin | the last of `X-Forwarded-For`, with `x_forwarded_for=append` in its configuration; `peer_addr` is Pushpin's |
//! | the program `gripware-hub` | `realip_remote_addr`; and `peer_addr`, as above, with [`GripBuilder::trust_forwarded_for`](gripware_publish::GripBuilder::trust_forwarded_for) |
//!
//! The hub replaces what clients say in `X-Forwarded-For` unless it is told to trust them
//! (`trust_forwarded`, behind another proxy). Then `peer_addr` is that proxy's and
//! `realip_remote_addr` the client's, as without gripware. A next link is asked for several clients at
//! once, and neither has an address there.
//!
//! # The order of middleware
//! `App::wrap` puts each middleware around those before it. Wrap with [`GripMiddleware`] first, so
//! that all others stand around it:
//!
//! ```
//! # use actix_web::App;
//! # use gripware_actix::{Grip, GripMiddleware};
//! use actix_cors::Cors;
//! use actix_web::middleware::{Compress, Logger};
//!
//! # let grip = Grip::builder().build()?;
//! let app = App::new()
//!     // .route(...)
//!     .wrap(GripMiddleware::new(&grip))
//!     .wrap(Compress::default())
//!     .wrap(Cors::permissive())
//!     .wrap(Logger::default());
//! # let _ = app;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | middleware | around `GripMiddleware` | inside of it |
//! |---|---|---|
//! | compression | the proxy decompresses what is a hold or a turn; what else there is reaches clients compressed by the hub, and decompressed by Pushpin | a hold that has to travel as a body cannot carry a compressed response: 500 |
//! | CORS | its headers are added to what the proxy passes on, and to refusals | refusals have none, so a page cannot read them |
//! | logger | sees what the proxy sees: 200 where `Grip-Status` carries another status | sees what the handler answered |
//! | error handlers | never see a WebSocket that is open: its answers have status 200 | what they make of an open WebSocket's failure is a close with 1011 |
//! | timeout | bounds the handler, and not how long the proxy holds; a client whose turn takes too long is dropped without a close | the same, and that client is closed with 1011 |
//! | authentication | must let WebSocket events through: the client is dropped when it refuses one | decides like a handler; in [`OnOpening`] it is asked once for a WebSocket, without that it closes one with 1011 when a token has expired |
//!
//! No middleware between may drop the extensions of a response: a hold travels in them until
//! `GripMiddleware` writes it, and one that got lost is a 500.
//!
//! # Two versions of `http`
//! actix-web 4 speaks `http` 0.2. What gripware takes and gives is of `http` 1, which is
//! re-exported as [`http`]: the status that a [`Hold`] sets or a WebSocket is refused with is an
//! [`http::StatusCode`], not actix-web's.
//!
//! # Looking for
//! | word | here |
//! |---|---|
//! | `Last-Event-ID`, resuming | [`LastEventId`], and [Resuming](gripware_core::manual::resuming) |
//! | login, cookie, session, token, JWT | [Logins](gripware_core::manual::logins), [`PrivateStream`], [`OnOpening`] |
//! | `ConnectionInfo`, `peer_addr`, the client's address, `X-Forwarded-For` | above |
//! | `actix-ws`, upgrade | [`WebSocketContext`] and [`websocket`]: the proxy has the connection, and the handler gets its messages |
//! | `Origin`, cross-site, CSRF, CORS | [`AllowedOrigins`], and [Logins](gripware_core::manual::logins) |
//! | presence, history, who is online | `gripware-state`, in memory and over Redis, with the feature `state` |
//! | gzip, compression | the order of middleware, above |
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
//! | `rust-crypto` | no | checks signatures in pure Rust; aws-lc-rs is used where both are on |
//! | `zeromq` | no | publishes to a Pushpin's ZeroMQ socket |
//! | `quick-ack` | no | [`quick_ack`], for origins behind Pushpin 1.37 or newer |
//! | `state` | no | a [`WebSocketRejection`] is made of errors of `gripware-state`, and its streams and errors are responses |
//!
//! What the protocol is, what is set how and why, and who attacks what is in
//! [`gripware_core::manual`].

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-actix/latest")]

mod admission;
mod asked;
mod body;
mod convert;
mod future;
mod middleware;
mod on_opening;
#[cfg(feature = "quick-ack")]
mod quick_ack;
mod read;
mod routing;
mod service;
mod socket;

mod extract;
mod respond;

pub use body::ResponseBody;
pub use extract::{
    GripContext, LastEventId, MiddlewareMissing, PrivateStream, PrivateStreamRejection,
    WebSocketContext, WebSocketFuture, WebSocketRejection,
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
pub use http;
pub use middleware::GripMiddleware;
pub use on_opening::{OnOpening, OnOpeningFuture, OnOpeningInit, OnOpeningService};
#[cfg(feature = "quick-ack")]
pub use quick_ack::quick_ack;
pub use respond::{Held, Hold, HoldExt, PublishRejection, SseEvents};
pub use routing::websocket;
pub use service::GripService;
