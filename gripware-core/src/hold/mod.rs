//! Holds: what a handler asks a proxy to do with a client's connection (GRIP 1.4 to 1.8).
//!
//! A [`Hold`] is a value that a handler builds and returns. It is written late, by the layer
//! around the handler, which knows the prefix of the channels, the limits and the whole response:
//! as headers ([`Hold::write_headers`]), or, where a header would lose something, as an
//! `application/grip-instruct` body ([`Hold::to_instruct`]).
//!
//! ```
//! use std::time::Duration;
//!
//! use gripware_core::{Hold, HoldError, KeepAlive, Limits};
//! use http::{HeaderMap, StatusCode};
//!
//! let hold = Hold::stream("news").keep_alive(KeepAlive::sse(Duration::from_secs(20)));
//! let mut headers = HeaderMap::new();
//! hold.write_headers("", &Limits::default(), StatusCode::OK, &mut headers)?;
//! assert_eq!(headers["grip-hold"], "stream");
//! assert_eq!(headers["grip-channel"], "news");
//! assert_eq!(headers["grip-keep-alive"], r":\n\n; format=cstring; timeout=20");
//!
//! // A mistake is kept while the hold is built, and found before it is sent.
//! let hold = Hold::stream("two\nlines").keep_alive(KeepAlive::text("x"));
//! assert!(matches!(hold.check(&Limits::default()), Err(HoldError::Channel(_))));
//! # Ok::<(), HoldError>(())
//! ```

mod adapter;
mod check;
mod error;
mod headers;
mod instruct;
mod keep_alive;
mod link;
#[cfg(test)]
mod tests;
mod value;

pub use error::HoldError;
pub use keep_alive::{KeepAlive, KeepAliveMode};
pub use link::{Link, MAX_LINK_LEN};
pub use value::{Hold, HoldMode};
