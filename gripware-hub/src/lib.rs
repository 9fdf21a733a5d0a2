//! A GRIP proxy inside the application, or as a program in front of it.
//!
//! A handler answers a request with a *hold*, and is done. The hub keeps the client's connection,
//! and whatever the application publishes later goes to everybody who is held: long polls, HTTP
//! streams, server-sent events and WebSockets. It takes the place of Pushpin and speaks the same
//! protocol, so the same handlers run behind it, behind Pushpin and behind Fastly Fanout.
//!
//! ```
//! use std::future::IntoFuture;
//!
//! use axum::{Router, routing::get};
//! use gripware_axum::{GripLayer, Hold, HttpStream};
//! use gripware_hub::Hub;
//! use tokio::{
//!     io::{AsyncReadExt, AsyncWriteExt},
//!     net::{TcpListener, TcpStream},
//!     sync::oneshot,
//! };
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let hub = Hub::builder().development(true).build()?;
//! let app = Router::new()
//!     .route("/news", get(|| async { (Hold::stream("news"), "[open]\n") }))
//!     .route("/wrong", get(|| async { [("Grip-Hold", "sideways")] }))
//!     .layer(GripLayer::new(&hub.grip()));
//!
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let address = listener.local_addr()?;
//! let (end, ended) = oneshot::channel::<()>();
//! let serve = hub.serve(listener, app).with_graceful_shutdown(async {
//!     let _ = ended.await;
//! });
//! let server = tokio::spawn(serve.into_future());
//!
//! let mut client = TcpStream::connect(address).await?;
//! client.write_all(b"GET /news HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
//! let mut seen = Vec::new();
//! while !seen.ends_with(b"[open]\n\r\n") {
//!     assert_ne!(client.read_buf(&mut seen).await?, 0);
//! }
//!
//! // The handler has returned long ago, and the client is still there.
//! hub.grip().publisher().publish("news", HttpStream::text("hello\n")).await?;
//! while !seen.ends_with(b"6\r\nhello\n\r\n") {
//!     assert_ne!(client.read_buf(&mut seen).await?, 0);
//! }
//!
//! // What is no instruction is refused, and while developing the answer says why.
//! let mut other = TcpStream::connect(address).await?;
//! other.write_all(b"GET /wrong HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
//! let mut refused = String::new();
//! other.read_to_string(&mut refused).await?;
//! assert!(refused.starts_with("HTTP/1.1 502 Bad Gateway\r\n"));
//! assert!(refused.contains("Grip-Hold"));
//!
//! // The end of the server is a proper end for the client.
//! drop(end);
//! client.read_to_end(&mut seen).await?;
//! assert!(seen.ends_with(b"hello\n\r\n0\r\n\r\n"));
//! server.await??;
//! # Ok(())
//! # }
//! ```
//!
//! # Inside, beside, in front
//! | the application | |
//! |---|---|
//! | is a tower service, such as axum's `Router` | [`Hub::serve`]: no socket between them |
//! | listens itself, such as one of actix-web | [`Hub::front`]: it gets a listener on a free port of the loopback interface, and the hub has the public address |
//! | are several, elsewhere, by host, path or scheme, or take turns | [`Hub::forward_by`] with [`Routes`], or `--route` of the program |
//! | runs elsewhere, in any language | [`Hub::forward`], or the program of the package `gripware-cli`: `gripware-hub --origin http://127.0.0.1:3000` |
//!
//! [`Hub::from_env`] decides by the environment: where `GRIP_URL` names another proxy, the hub steps
//! aside, and the same calls serve the application as it is. The handlers do not change.
//!
//! The application's handlers run on the runtime that [`Hub::serve`] is awaited on. Clients that are
//! held leave it, for threads of the hub, which also serve the clients of applications that run
//! elsewhere; how that is done, and on which measurements it was decided, is in [`design`].
//!
//! # Features
//! | feature | default | what it does |
//! |---|---|---|
//! | `aws-lc-rs` | yes | signs and checks with aws-lc-rs |
//! | `rust-crypto` | no | signs and checks in pure Rust; aws-lc-rs is used where both are on. One of the two is needed |
//! | `tls` | no | clients, the control API and origins over HTTPS, with rustls, aws-lc-rs and the root certificates of the system |
//! | `relay` | no | [several nodes](#several-nodes) that are one |
//! | `axum` | no | handlers of axum find the client's address in `ConnectInfo<SocketAddr>` |
//!
//! # Limits and defaults
//! Each is a setter of [`HubBuilder`], and a flag of the program `gripware-hub`.
//!
//! | setting | what | default | beyond it |
//! |---|---|---|---|
//! | [`max_header_size`](HubBuilder::max_header_size) | head of a request, and in HTTP/1.x 256 headers; the origin's answers have as many at most | 64 KiB | 431 |
//! | [`header_timeout`](HubBuilder::header_timeout) | time for a head; idle time of a connection that is not held | 60 s | closed |
//! | [`max_connections`](HubBuilder::max_connections) | connections that are not held | as many as the system allows | wait to be accepted |
//! | [`max_streams`](HubBuilder::max_streams) | requests in progress on one HTTP/2 connection, holds included | 250 | wait |
//! | [`max_client_requests`](HubBuilder::max_client_requests) | requests in progress from one client address, holds not included | 256 | wait 10 s, then 503 |
//! | [`answer_timeout`](HubBuilder::answer_timeout) | time for a client to take 16 KiB of an answer that is not held, or all that waits | 60 s | the answer is ended |
//! | [`max_held_head`](HubBuilder::max_held_head) | head of a request that is held: its target and headers; of a stream, target and `Host` | 16 KiB | 431 |
//! | [`max_held_request`](HubBuilder::max_held_request) | body of a request that is held | 1 MiB | 400 |
//! | [`max_held_response`](HubBuilder::max_held_response) | first answer of a response hold, or an instruction as a body | 100 000 bytes | 502 |
//! | [`queue_bytes`](HubBuilder::queue_bytes) | queue of one connection | 1 MiB | see [slow clients](#slow-clients) |
//! | [`queue_messages`](HubBuilder::queue_messages) | the same in messages | 10 000 | the same |
//! | [`max_channels`](HubBuilder::max_channels) | channels of one connection | 20 | an error in the handler; of another application the answer is refused: 502, the end of a stream, a close with 1011 |
//! | [`max_meta`](HubBuilder::max_meta) | meta of one WebSocket | 64 | not set |
//! | [`max_message`](HubBuilder::max_message) | message of a WebSocket client | 512 KiB | closed with 1009 |
//! | [`ping_interval`](HubBuilder::ping_interval) | time from one ping of a WebSocket client to the next | 25 s | |
//! | [`pong_timeout`](HubBuilder::pong_timeout) | time from a ping until anything comes from the client | 20 s | the client counts as gone |
//! | [`tcp_keep_alive`](HubBuilder::tcp_keep_alive) | time without traffic until TCP asks a client's system | 45 s | |
//! | [`tcp_user_timeout`](HubBuilder::tcp_user_timeout) | time for a client's system to acknowledge what is sent or asked, and for the client to take any of what waits | 60 s | the client counts as gone |
//! | [`message_timeout`](HubBuilder::message_timeout) | time for a WebSocket client to go on with a message: 1 KiB more of it, or its end | 60 s | closed with 1008 |
//! | [`max_turn`](HubBuilder::max_turn) | body of a turn of a WebSocket, either way | 1 000 000 bytes | one message at a time; an answer is an error in the handler, or closes the client with 1011 |
//! | [`turn_queue_bytes`](HubBuilder::turn_queue_bytes) | what a WebSocket client says and the origin has not taken | 200 000 bytes | not read |
//! | [`max_item`](HubBuilder::max_item) | an item as JSON, or all items of one request to the control API | 16 MiB | refused: an error, or 400 |
//! | [`backlog_bytes`](HubBuilder::backlog_bytes) | items accepted and not handed out yet | 16 MiB | whoever publishes waits |
//! | [`message_wait`](HubBuilder::message_wait) | wait for an item's predecessor | 5 s | the item goes on, and streams ask the next link |
//! | [`id_memory`](HubBuilder::id_memory) | memory of an id | 60 s | the same id again is another item |
//! | [`min_keep_alive_interval`](HubBuilder::min_keep_alive_interval) | polls of an idle WebSocket | every 20 s at most | the interval is 20 s |
//! | [`origin_idle_timeout`](HubBuilder::origin_idle_timeout) | time for the origin to go on with a plain answer, from the end of the request to its head and between its pieces | 0 s, which is no limit | 504, or the connection ends |
//! | [`origin_timeout`](HubBuilder::origin_timeout) | the origin's time for what the hub asks | 60 s | WebSockets are closed with 1011, next links are tried 5 times more |
//! | [`max_origin_requests`](HubBuilder::max_origin_requests) | such requests at a time | 1024, three quarters of them about WebSockets | wait |
//! | [`max_turns_per_address`](HubBuilder::max_turns_per_address) | of these about WebSockets of one client address | 128 | wait, and addresses take turns |
//! | [`publish_timeout`](HubBuilder::publish_timeout) | time for the broker of a relay to accept an item | 5 s | an error |
//! | [`ask_timeout`](HubBuilder::ask_timeout) | time for other nodes to answer | 500 ms | the answer is partial |
//! | [`drain`](HubBuilder::drain) | time for the end | 5 s | cut off |
//!
//! And some that are fixed:
//!
//! | what | limit | beyond it |
//! |---|---|---|
//! | meta of one held request | 64 | not set |
//! | items that wait for an earlier one, in one channel | 100 | the gap is given up |
//! | ids that are remembered, in one channel | 10 000 | the oldest is forgotten |
//! | answer to a next link | 1 000 000 bytes | the stream is cut off |
//! | messages of a WebSocket client that the origin has not taken | 1024 | not read |
//! | what a client sends ahead while it is held by HTTP | 16 KiB | cut off |
//! | what a WebSocket client sends beyond what the origin has to take | 16 KiB | not read; that it leaves is noticed within a second |
//! | messages of one WebSocket client in a row | 128 | others have their turn |
//! | pongs that a detached WebSocket client has not read | 1 | the latest ping is answered |
//! | pause after a page of a next link without content and without a hold | 0.1 s, doubled for each in a row up to 10 s | |
//! | connections to the control API | 256, of which 128 may have shown no key | the oldest without the key gets 503 with `Retry-After`; with none of those, the new one |
//! | connections or channels listed there at once | 1 000 | the next page is named by `Link` |
//! | time for a head there | 5 s | closed |
//! | what an HTTP/1.1 client sends ahead while its answer is made | 16 KiB | not read |
//! | HTTP/2 frames of a kind that an answer is not asked for with, such as PING or RST_STREAM | a few hundred, and more with time and with traffic | the connection ends with ENHANCE_YOUR_CALM |
//! | descriptors of clients | 64 less than the process may have open, seven eighths where that is less than 512; see [`raise_descriptor_limit`] | wait to be accepted |
//! | time for an HTTP/2 client to close a connection that has ended | 5 s | cut off |
//! | a client's answer to a close; reading what is left at the end | 10 s | cut off |
//!
//! # What passes through
//! What worked before the hub was there works as before, with HTTP/1.1 and HTTP/2, under
//! [`Hub::serve`], [`Hub::front`] and [`Hub::forward`] alike. The tests in `tests/around` ask
//! applications on axum, actix-web and uvicorn, and nginx on either side of a hub, the same with gripware
//! and without; what differs is a table there, with the reasons.
//!
//! | what | how |
//! |---|---|
//! | addresses of clients | `X-Forwarded-For` names them everywhere; under [`Hub::serve`] `ConnectInfo<SocketAddr>` as well, with the feature `axum` |
//! | files in ranges, uploads, cookies, methods, targets | as they are. What is about the connection (RFC 9110, section 7.6.1) is the hub's own, and a host in the target becomes the header `Host` |
//! | server-sent events of the application's own | each is sent on as it comes. A client that sends no more has left, and the application is told so at once |
//! | trailers | in both directions. `TE: trailers` of a client reaches the application; transfer codings in it are between the client and the hub |
//! | compression | `Accept-Encoding` reaches the application, and a compressed answer the client, as they are. One that is an instruction (a hold, `application/grip-instruct`, events of a WebSocket, a page of a next link) is decompressed within the [limits](#limits-and-defaults): gzip, deflate, brotli and zstd with a window of up to 8 MiB. Messages of WebSockets that the hub holds are compressed where [`permessage_deflate`](HubBuilder::permessage_deflate) is set |
//! | time | a request takes as long as it takes: an upload of a byte a second, a handler that thinks for minutes, an answer that pauses. A limit on the application's silence is [`origin_idle_timeout`](HubBuilder::origin_idle_timeout), which is off by default |
//! | headers | 256 in both directions, and in HTTP/2 as many as fit into 64 KiB; an empty `Sec-WebSocket-Protocol` of the application counts as none |
//! | half-closed clients | a client that closes its sending side after its request (`printf … \| nc -N`) gets its answer, as long as it takes some of it within each [`answer_timeout`](HubBuilder::answer_timeout): TCP does not tell it from one that has left. A client that is held, asks for a WebSocket or follows server-sent events has left: nobody would notice it otherwise until the next item |
//! | early answers | an answer that comes before the request is whole reaches the client, also where the origin closes behind it. A client that goes on sending is read for up to 10 s, so that no reset overtakes the answer |
//! | WebSockets of the application's own | under [`Hub::serve`] and [`Hub::front`] the handler decides. A handshake comes as it is, with `Grip-Offer: websocket-events`: whoever answers 101 gets the bytes, with the extension `grip` [the messages](#grip-on-the-applications-own-websockets), and a handler that takes a `WebSocketContext` the conversation. A route that takes no GET (404, 405, 501) is asked once more, by `POST` with `OPEN`. Under [`Hub::forward`] handshakes are events, or all native with [`native_websockets`](HubBuilder::native_websockets), and under [`Hub::forward_by`] as the [route](Routes::parse) says (`native_ws`); the log says so where an opening is refused |
//! | WebSockets over HTTP/2 (RFC 8441) | the application gets the handshake of HTTP/1.1, with a key of the hub's |
//! | other protocols by `Upgrade` | a request without a body for one protocol passes, and its 101. HTTP/2 without TLS (`h2c`) does not: its requests would reach the application uncleaned (h2c smuggling) |
//!
//! A connection that is passed through costs a buffer of 8 KiB in each direction, and 16 KiB more at
//! most within the process under [`Hub::serve`]. It is in the lists as [`ConnectionKind::Passed`], ends
//! by [`Hub::close`], and is cut when the hub ends.
//!
//! # GRIP on the application's own WebSockets
//! A handshake that comes as it is offers the extension `grip`, behind those of the client. Where the
//! 101 has it (`Sec-WebSocket-Extensions: grip`, or `grip; message-prefix=""`), the socket is not passed
//! through but held: what the application says with the prefix, `m:` if it names none, goes to the client
//! without it, `c:` is for the hub (subscribe, unsubscribe, keep-alive, set-meta, detach and the others),
//! and what is published to its channels comes in between. What the client says goes to the application
//! as it is. After `detach` the application's socket is closed, and the client stays for what is
//! published.
//!
//! Either side is read as fast as the other takes it. An application that takes nothing for
//! [`origin_timeout`](HubBuilder::origin_timeout) is given up, and its client closed with 1011; one whose
//! socket ends without a close leaves its client without one. A message of the application has 1 000 000
//! bytes at most. One that takes another extension beside `grip` is asked once more without the client's:
//! in what is compressed nobody could read a prefix.
//!
//! # The log
//! Lines of the hub have the target `gripware_hub`, with [`tracing`]. One line for each request and
//! for each end of a hold, with the client's address, the connection's id, and why it ended and with
//! which code, has the target `gripware_hub::request`, at debug. So an application whose hub is inside
//! has none of them unless it asks (`RUST_LOG=info,gripware_hub::request=debug`); the program has them.
//!
//! A handler that panics is answered for with 502 (1011 for a WebSocket), and the log has the panic's
//! message.
//!
//! # Slow clients
//! Each connection has a queue of its own, so that a client that does not read costs the others
//! nothing and the process no more than the queue. When the queue is full, [`SlowClients`] says what
//! happens: the client is disconnected, a WebSocket with code 1013, a stream without its end, so
//! that it knows and comes back; or what does not fit is dropped, and a stream with a next link gets
//! it from the origin once it reads again. Either is counted in the metrics, and a disconnect is in
//! the log with the connection's id and address.
//!
//! Where an eighth of all clients have more than half a queue, the hub waits up to 100 ms for them
//! before it hands out more. Publishers feel that as an item that takes longer.
//!
//! # The end
//! [`Serve::with_graceful_shutdown`] and [`Hub::shutdown`] end every hold in the way of its kind.
//! What was published before is delivered before; a response hold gets what was stored for it, a
//! stream its end, and a WebSocket a close with code 1001. The application is told how each WebSocket
//! closed, and by their gone links of the streams. All of it takes [`HubBuilder::drain`] at most;
//! clients that have not taken their end after three fifths of that count as gone, so that there is
//! time left to tell the application.
//!
//! # Several nodes
//! With the feature `relay` and a broker, several hubs are one: what is published at any of them, or
//! straight into the broker, reaches the clients of all. The broker is Redis (`gripware-redis`) or NATS
//! (`gripware-nats`): [`HubBuilder::brokers`] takes what those crates give, `gripware_redis::broker()`,
//! and the environment says which it is and where, `GRIPWARE_RELAY=redis://:password@redis.internal`,
//! and which nodes belong together, `GRIPWARE_CLUSTER=shop`. Several hubs in one process need none but
//! `gripware_relay::MemoryBroker`:
//!
//! ```
//! # #[cfg(feature = "relay")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use gripware_core::HttpStream;
//! use gripware_hub::Hub;
//! use gripware_relay::MemoryBroker;
//!
//! let broker = MemoryBroker::new();
//! let one = Hub::builder().broker(broker.clone()).build()?;
//! let other = Hub::builder().broker(broker.clone()).build()?;
//! for hub in [&one, &other] {
//!     hub.relay().ok_or("it has one")?.heard().await;
//! }
//! // The clients of both get it; nobody is here yet.
//! let reached = one.publish("news", HttpStream::text("one\n")).await?;
//! assert_eq!(reached.total(), 0);
//!
//! // Without the broker it could not be told to the other.
//! broker.set_reachable(false);
//! assert!(other.publish("news", HttpStream::text("two\n")).await.is_err());
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "relay"))]
//! # fn main() {}
//! ```
//!
//! The clients of a node get its own items by way of the broker too, so that all have one order, and
//! [`Publisher::publish`](gripware_publish::Publisher::publish) returns once the broker has accepted the
//! item. During an outage of the broker it is an error, and clients stay where they are. With
//! [`HubBuilder::local_first`] the clients of the node that publishes get it before, and during an outage,
//! and there is no such order.
//!
//! A node knows whether it hears the others, and what it has lost; see `gripware_relay`. [`Hub::serve`]
//! accepts clients once it hears them for the first time, and [`Hub::is_ready`] is `false` while it does
//! not. After a loss it lets every client recover that can, spread over 2 s: streams ask their next
//! link, response holds are asked again, and for WebSockets it is as [`HubBuilder::on_loss`] says. A
//! stream without a next link stays, and is counted.
//!
//! | what fails | publishers | clients | the node |
//! |---|---|---|---|
//! | the broker stops, and comes back | an error within [`publish_timeout`](HubBuilder::publish_timeout); with an id, publishing again is safe | nothing until it is back; then, over Redis, what they missed, and over NATS recovery | not ready until it is back |
//! | the broker is restarted empty | the same | recovery | the same |
//! | the broker hangs | the same | recovery | deaf after 3 s, and not ready |
//! | one node stands still | those of others: nothing | its own, when it goes on: over Redis, what they missed, or recovery if it is behind for a minute, and over NATS recovery; those of others: nothing | its load balancer notices; lists and counts are partial for up to 3 s, and then without it |
//! | one node is killed | its own go with it; those of others: nothing | its own connect again, to another node; those of others: nothing | lists and counts are partial for up to 3 s |
//! | one node does not answer, but beats | nothing | nothing | lists and counts are partial after [`ask_timeout`](HubBuilder::ask_timeout), and a connection that nobody has found is [`Found::Partial`], or 504 |
//! | the broker drops what a slow node has not taken | nothing | of that node: recovery | it counts a loss (`gripware_relay_losses_total`, and `gripware_relay_missed_total` by how much) |
//! | the broker refuses a password or a permission | an error | nothing | not ready, with the reason in the log |
//! | an item is larger than the broker takes | an error | nothing | nothing |
//!
//! # Looking in
//! [`Hub::connections`] and [`Hub::channels`] list who is there; [`Hub::close`] and
//! [`Hub::publish_to`] reach one connection by its id, which for a WebSocket is the `Connection-Id`
//! that its handler sees; [`Hub::publish`] says how many subscribers an item was for; and
//! [`Hub::metrics`] is text for Prometheus. [`Hub::everywhere`] does the same for all nodes of a relay,
//! and says of each result how many of them it is from. [`Hub::control`] serves it over HTTP, beside
//! Pushpin's own `/publish/`; there lists and connections are those of all nodes.
//!
//! # In Pushpin's place
//! What the hub does otherwise than Pushpin is listed in [`differences`], with the reasons. What is
//! set how, and who attacks what, is in [`gripware_core::manual`].

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-hub/latest")]

pub mod design;
pub mod differences;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzzing;

mod builder;
mod channels;
mod clock;
mod cluster;
mod connection_id;
mod control;
mod descriptors;
mod gateway;
mod handoff;
mod http;
mod hub;
mod inspect;
mod local_publisher;
mod log;
mod metrics;
mod node;
mod nodes;
mod origin;
mod page;
mod passed;
#[cfg(feature = "relay")]
mod relay;
mod server;
mod session;
mod setting;
mod settings;
mod shard;
mod signature;
mod socket;
mod threads;
#[cfg(feature = "tls")]
mod tls;
mod turns;
mod ws;

#[cfg(unix)]
pub use self::descriptors::raise_descriptor_limit;
#[cfg(feature = "tls")]
pub use self::tls::{Tls, TlsError};
pub use self::{
    builder::{BuildError, HubBuilder},
    control::ControlKeyError,
    hub::{Everywhere, Hub, HubError},
    nodes::{Found, Gathered, Nodes},
    origin::{ClientAddr, OriginAddressError, RouteError, RouteServices, Routes},
    server::{Listener, Serve},
    setting::{Setting, SettingKind},
    settings::{OnLoss, SlowClients},
};
pub use crate::{
    http::body::{Body, BodyError},
    inspect::{ChannelInfo, ConnectionInfo, ConnectionKind, NodeInfo, Subscribers},
    page::{CursorError, Page},
};

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
