//! Handlers that miss nothing: what a client has not seen, and the hold that goes on from there.
//!
//! One call for each kind of client: [`History::stream`](crate::History::stream) for server-sent
//! events and lines, [`History::poll`](crate::History::poll) for long-polling, and
//! [`History::socket`](crate::History::socket) for WebSockets. They need no framework; with the
//! feature `axum` or `actix` a [`ResumedStream`] is a response.
//!
//! ```
//! use std::sync::Arc;
//!
//! use gripware_core::{LastEventId, Policy, SseEvent};
//! use gripware_state::{State, StateError};
//! use http::{HeaderMap, HeaderValue};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), StateError> {
//! let history = State::memory().history();
//! let first = history.append("news", SseEvent::new().data("one")).await?.id();
//! let second = history.append("news", SseEvent::new().data("two")).await?.id();
//!
//! // What an adapter's extractors have of the request of a browser whose stream was cut.
//! let cx = Arc::new(Policy::new()).admit(&HeaderMap::new(), std::time::SystemTime::now);
//! let request = |id: &str| {
//!     let mut headers = HeaderMap::new();
//!     headers.insert("last-event-id", HeaderValue::try_from(id).expect("an id"));
//!     LastEventId::from_request(&headers, None)
//! };
//!
//! let resumed = history.stream("news", "/news").resume(&cx, &request(&first.to_string())).await?;
//! assert_eq!(resumed.content_type(), "text/event-stream");
//! assert_eq!(*resumed.body(), format!("id: {second}\ndata: two\n\n"));
//! assert_eq!(resumed.hold().channels()[0].prev_id(), Some(&*second.to_string()));
//!
//! // An id of before the server was emptied: the page is told to forget what it has.
//! let resumed = history.stream("news", "/news").resume(&cx, &request("aaaaaaaa.9")).await?;
//! assert!(resumed.body().starts_with(b"event: reset\ndata: {\"reason\":\"other-epoch\"}\n\n"));
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "actix")]
mod actix;
#[cfg(feature = "axum")]
mod axum;
mod poll;
mod present;
mod refresh;
mod snapshot;
mod socket;
mod stream;

pub(crate) use self::refresh::Refresher;
pub use self::{
    poll::{PollResume, Polled},
    snapshot::{Missed, Start},
    socket::{CURSOR_META, Caught, SocketError, SocketResume},
    stream::{MORE_INTERVAL, ResumedStream, StreamResume},
};
