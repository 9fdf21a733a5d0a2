//! Signed HTTP requests between servers, as [Standard Webhooks] has them.
//!
//! The sender adds three headers to a POST: [`WEBHOOK_ID`], which is the same when a delivery is
//! repeated, [`WEBHOOK_TIMESTAMP`] in Unix seconds, and [`WEBHOOK_SIGNATURE`]:
//! `v1,BASE64(HMAC-SHA256(key, "id.timestamp.body"))`, several of them separated by a blank while
//! keys are exchanged. The receiver checks one of them with [`WebhookVerifier`], and remembers the
//! ids with a [`ReplayCache`].
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use gripware_core::webhook::{
//!     ReplayCache, ReplayError, WebhookError, WebhookKey, WebhookVerifier,
//! };
//! use http::HeaderMap;
//!
//! let key = WebhookKey::parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
//! let now = SystemTime::now();
//! let body = br#"{"test": 2432232314}"#;
//! let headers: HeaderMap = key.sign("msg_1", now, body)?.into_iter().collect();
//!
//! let verifier = WebhookVerifier::new([key]);
//! assert_eq!(verifier.verify(&headers, body, now)?, "msg_1");
//! assert_eq!(verifier.verify(&headers, b"{}", now), Err(WebhookError::Forged));
//! let late = now + Duration::from_secs(301);
//! assert_eq!(verifier.verify(&headers, body, late), Err(WebhookError::Expired));
//!
//! let mut seen = ReplayCache::new(1000);
//! assert_eq!(seen.insert("msg_1", now), Ok(()));
//! assert_eq!(seen.insert("msg_1", now), Err(ReplayError::Replayed));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [Standard Webhooks]: https://www.standardwebhooks.com/

mod key;
mod replay;
mod verify;

#[cfg(test)]
mod tests;

use std::time::Duration;

use http::HeaderName;

pub use self::{
    key::{WebhookIdError, WebhookKey, WebhookKeyError},
    replay::{ReplayCache, ReplayError},
    verify::{WebhookError, WebhookVerifier},
};

/// Names a message: the same for each attempt to deliver it.
pub const WEBHOOK_ID: HeaderName = HeaderName::from_static("webhook-id");

/// When an attempt was made, in Unix seconds.
pub const WEBHOOK_TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");

/// The signatures of a message, separated by blanks.
pub const WEBHOOK_SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// How far the clocks of sender and receiver may be apart: 300 s, as the specification has it.
pub const WEBHOOK_TOLERANCE: Duration = Duration::from_secs(300);

/// The longest id of a message, in bytes.
pub const MAX_WEBHOOK_ID: usize = 256;

/// What is signed of a message, before its body.
fn signed_head(id: &str, timestamp: u64) -> String {
    format!("{id}.{timestamp}.")
}
