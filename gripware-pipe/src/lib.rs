//! HTTP whose connection was dialled from the other side.
//!
//! A machine behind a NAT or a firewall dials out once, and from then on both ends are HTTP to each
//! other: the server calls the client that dialled it, and the client calls the server. There may be
//! thousands of clients. Both ends prove who they are (mutual TLS), a client by the name in its
//! certificate, and a client dials again for ever.
//!
//! It keeps the promise that RestPipe made in 2014, of a durable, authenticated pipe in both
//! directions with REST at its ends. For Rust it is more: the other end is a [`tower::Service`]. Any
//! axum router is a handler, any [`Remote`] is a client, and a GRIP hub can have an origin that dials
//! in.
//!
//! ```
//! use axum::{Extension, Router, routing::get};
//! use gripware_pipe::{Authority, Body, Identity, Peer, PipeClient, PipeServer, events::Events};
//! use http::Request;
//! use http_body_util::BodyExt;
//! use tokio::net::TcpListener;
//! use tower::ServiceExt;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Once, somewhere: an authority, a server and a client. Here they are for this example.
//! # let certs = tempfile::tempdir()?; let certs = certs.path();
//! let authority = Authority::create(certs)?;
//! authority.server("localhost", 365)?;
//! authority.client("fileserver", 365)?;
//! let identity = |name: &str| {
//!     let (cert, key) = (format!("{name}.crt.pem"), format!("{name}.key.pem"));
//!     Identity::from_files(certs.join("ca.crt.pem"), certs.join(cert), certs.join(key))
//! };
//!
//! // On the public machine.
//! let server = PipeServer::builder(identity("localhost")).build()?;
//! let listener = TcpListener::bind("127.0.0.1:0").await?;
//! let port = listener.local_addr()?.port();
//! tokio::spawn(server.serve(listener, Events::built_in("server")).into_future());
//!
//! // On the machine that nobody can reach.
//! let app = Router::new().route(
//!     "/disk",
//!     get(|Extension(peer): Extension<Peer>| async move { format!("for {}", peer.name()) }),
//! );
//! let client = PipeClient::builder(identity("fileserver"))
//!     .server(format!("localhost:{port}").parse()?)
//!     .build()?;
//! tokio::spawn(client.serve(app).into_future());
//! client.connected().await;
//!
//! // The server calls the client, and the client the server.
//! let fileserver = server.client(&"fileserver".parse()?);
//! let response = fileserver.oneshot(Request::get("/disk").body(Body::empty())?).await?;
//! assert_eq!(response.into_body().collect().await?.to_bytes(), "for localhost");
//!
//! let request = Request::get("/cat//hello%20/world").body(Body::empty())?;
//! let response = client.server().oneshot(request).await?;
//! let body = response.into_body().collect().await?.to_bytes();
//! assert_eq!(body, r#"{"result_from_server":"hello world"}"#);
//!
//! // Who is not there is an error that says so.
//! let other = server.client(&"other".parse()?);
//! let error = other.oneshot(Request::get("/").body(Body::empty())?).await.unwrap_err();
//! assert!(error.is_not_connected());
//! # Ok(())
//! # }
//! # use std::future::IntoFuture;
//! ```
//!
//! # The parts
//! | | |
//! |---|---|
//! | [`PipeServer`], [`PipeClient`] | the two ends |
//! | [`Remote`] | the other end as a service |
//! | [`Peer`] | who has made a request, in its extensions |
//! | [`CallError`] | why a call has no response, and whether it may have been handled |
//! | [`events`] | verb and noun to a function, with positional parameters, and `raise_for_exception` |
//! | [`Entrance`] | the local REST entrance, for callers in any language |
//! | [`HttpHandler`] | a handler that is an HTTP server, in any language |
//! | [`Identity`], `Authority` | certificates that are read again, and a small authority to make them |
//! | [`Hooks`] | what is told of connections made and lost |
//! | `program` | `restpipe-server`, `restpipe-client` and `restpipe-cert` as functions |
//! | [`design`] | how it is built, the threat model, the limits |
//! | [`differences`] | what it does otherwise than RestPipe, and what became of its variables |
//!
//! # A hub whose origin dials in
//! An application with no open port serves clients that a public machine holds. The hub is given the
//! remote as its origin; nothing changes in the application.
//!
//! ```
//! # fn example(
//! #     hub: &gripware_hub::Hub,
//! #     pipe: &gripware_pipe::PipeServer,
//! #     listener: tokio::net::TcpListener,
//! # ) -> Result<(), gripware_pipe::NameError> {
//! let serving = hub.serve(listener, pipe.client(&"app".parse()?));
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! | feature | default | what it adds |
//! |---|---|---|
//! | `authority` | by `program` | `Authority`: makes and revokes certificates |
//! | `program` | yes | the programs, and the module `program` |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-pipe/latest")]

mod answer;
#[cfg(feature = "authority")]
mod authority;
mod body;
mod client;
pub mod design;
pub mod differences;
mod ending;
mod entrance;
mod error;
pub mod events;
mod handler;
mod hooks;
mod http2;
mod http_handler;
mod identity;
mod link;
mod message;
mod name;
mod peer;
#[cfg(feature = "program")]
pub mod program;
mod registry;
mod remote;
mod scope;
mod serve;
mod server;
mod settings;
mod slot;
mod socket;
mod telemetry;
mod tls;

#[cfg(feature = "authority")]
pub use self::authority::{Authority, AuthorityError};
use self::events::Exception;
pub use self::{
    body::{Body, BodyError, BoxError},
    client::{PipeClient, PipeClientBuilder, ServerAddress, ServerAddressError},
    entrance::{Entrance, Listener},
    error::{CallError, CallErrorKind},
    hooks::{Failure, Hooks, Lost},
    http_handler::{Asking, HttpHandler, HttpHandlerError},
    identity::{Identity, IdentityError},
    name::{MAX_NAME_LEN, Name, NameError},
    peer::Peer,
    remote::{Calling, Remote},
    serve::Serve,
    server::{BuildError, ClientInfo, Connected, PipeServer, PipeServerBuilder},
    settings::{MAX_HEAD, Settings, SettingsError},
};
