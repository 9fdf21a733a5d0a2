//! Publishes items to GRIP proxies: over HTTP to Pushpin and Fastly Fanout, over ZeroMQ to Pushpin,
//! or to whatever takes items in this process.
//!
//! ```no_run
//! use gripware_core::{GripUrl, HttpStream, Item, WsMessage};
//! use gripware_publish::Publisher;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let publisher = Publisher::builder()
//!     .urls(GripUrl::parse_many("http://localhost:5561/ http://10.0.0.2:5561/")?)
//!     .build()?;
//!
//! publisher.publish("room", WsMessage::text("hi")).await?;
//!
//! let both = Item::new()
//!     .http_stream(HttpStream::text("hi\n"))
//!     .ws_message(WsMessage::text("hi"));
//! publisher.enqueue("room", both)?;
//! publisher.close().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What happens to an item
//! It is looked at and written as JSON before anything is sent: a proxy refuses a whole request
//! for one bad item. Then it goes into the queue of every endpoint. An item that finds its queue
//! empty is sent at once. Those that come while a request is under way go together in the next,
//! up to 100 items and 1 000 000 bytes; a longer item goes by itself, up to 16 MiB. There is one request at a time for each endpoint, so that
//! items arrive in the order in which they were put in the queue.
//!
//! A queue is bounded, by default to 10 000 items and 16 MiB: [`Publisher::publish`] then waits,
//! and [`Publisher::enqueue`] gives the item back.
//!
//! # When an endpoint fails
//! * No connection: the request is sent again, up to 3 times, after about 0.1, 0.2 and 0.4 s.
//! * 5xx, no answer in time, or a connection that breaks: likewise, for items with an id. A
//!   Pushpin drops an item that comes a second time within its `id_cache_ttl`, shipped as 60 s. So
//!   items without an id get one; see [`PublisherBuilder::generated_ids`].
//! * 429 or 503 with `Retry-After`: the request is sent again after the time that it says, and a
//!   little more, as often as that is within the time for it; 503 for items with an id. These
//!   retries are not counted, but there are none where [`PublisherBuilder::retries`] is 0. What
//!   would have to wait for too long has failed at once.
//! * 307 or 308 to a URL of the same scheme, host and port: the request is sent there, up to 3
//!   times. To anywhere else neither items nor credentials are sent.
//! * 400, 413 or 422 for several items: they are halved until the item to blame stands alone, and
//!   the others arrive. Where two that stood alone got the same answer, one after the other, the
//!   endpoint may be refusing everything: what is left is sent without being halved further, until
//!   something is accepted.
//! * Any other answer: the items have failed.
//! * After 20 s, items that have not been sent yet are given up, and so is a request with all its
//!   attempts; see [`PublisherBuilder::give_up_after`].
//! * While an endpoint is out of reach, which is from a request that was given up without an
//!   answer until there is one, items that somebody waits for are tried once. Those that nobody
//!   waits for are tried as often as ever, and have a chance to outlast a restart.
//!
//! Whoever waits for an item is told. The rest is told by [`Publisher::flush`], by
//! [`PublisherBuilder::on_failure`], and in the log.
//!
//! # Endpoints that change
//! [`Publisher::add_endpoint`], [`remove_endpoint`](Publisher::remove_endpoint) and
//! [`apply`](Publisher::apply) change them while the publisher runs, for all its clones.
//!
//! # Runtime
//! A publisher can be built anywhere. Publishing needs a tokio runtime with I/O and time enabled;
//! the task that sends runs on the one from which an idle endpoint got its first item, and ends
//! when the queue is empty. When that runtime is shut down, what is in the queue has failed. Call
//! [`Publisher::close`] before that.
//!
//! A runtime that is neither running nor shut down sends nothing, and keeps the queue: a
//! `current_thread` runtime whose `block_on` has returned, for one. Whoever publishes from another
//! runtime waits until it runs again, and no time limit ends that. An application with more than
//! one runtime names the one to send on, with [`PublisherBuilder::runtime`]; one that enqueues
//! and stops running calls [`Publisher::flush`] first.
//!
//! # Features
//! | feature | default | what it does |
//! |---|---|---|
//! | `tls` | yes | endpoints with `https`, with rustls and the system's certificates |
//! | `blocking` | no | [`blocking::Publisher`], for programs without a runtime |
//! | `zeromq` | no | endpoints that are a Pushpin's ZeroMQ socket, `Endpoint::zeromq`, and its command socket, `CommandSocket` |
//! | `tracing` | yes | says in the log what was not accepted |
//! | `aws-lc-rs` | yes | signs with aws-lc-rs; see `gripware-core` |
//! | `rust-crypto` | no | signs with the RustCrypto crates; see `gripware-core` |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-publish/latest")]

mod authorize;
mod batch;
#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
#[cfg(feature = "zeromq")]
mod command_socket;
mod confirmations;
mod delivery;
mod dispatch;
mod endpoint;
mod endpoint_factory;
mod endpoint_queue;
mod endpoints;
mod error;
mod failure;
mod grip;
mod grip_builder;
mod handed_over;
mod http;
mod message;
mod outcome;
mod publisher;
mod random;
mod redirect;
mod retry_after;
mod sink;
mod sink_handle;
#[cfg(feature = "zeromq")]
mod tnetstring;
mod trace;
mod transport;
#[cfg(feature = "zeromq")]
mod zeromq;

pub use builder::{BuildError, PublisherBuilder};
#[cfg(feature = "zeromq")]
pub use command_socket::{CommandError, CommandSocket};
pub use endpoint::Endpoint;
pub use error::{EnqueueError, PublishError};
pub use failure::{EndpointFailure, FailureReason};
pub use grip::Grip;
pub use grip_builder::{ConfigError, GripBuilder};
pub use outcome::Outcome;
pub use publisher::Publisher;
pub use sink::{Confirmation, Sink, SinkError};
pub use transport::{MAX_ANSWER, Transport, TransportError, TransportFuture};
