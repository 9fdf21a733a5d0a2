//! Standard Webhooks signatures, so that any webhook receiver can subscribe.
//!
//! A message is POSTed with `webhook-id`, `webhook-timestamp` and `webhook-signature`; its body is the
//! message alone, and its topic is in [`TOPIC_HEADER`], percent-encoded. Any status from 200 to 299
//! confirms it, 410 unsubscribes. A receiver is subscribed for it, such as by the client's
//! `subscribe_url`.
//!
//! Keys and signatures are those of [`gripware_core::webhook`]: a receiver checks them with
//! [`WebhookVerifier`] and remembers the ids in a [`ReplayCache`].
//!
//! ```
//! use std::time::SystemTime;
//!
//! use gripware_topics::{
//!     auth::Credential,
//!     webhook::{ReplayCache, ReplayError, WebhookKey, WebhookVerifier},
//! };
//! use http::HeaderMap;
//!
//! let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
//! let (now, body) = (SystemTime::now(), b"a message");
//!
//! // The broadcaster:
//! let credential = Credential::webhook(secret)?;
//! let key = credential.webhook_key().unwrap();
//! let headers: HeaderMap = key.sign("msg_1", now, body)?.into_iter().collect();
//!
//! // The receiver:
//! let verifier = WebhookVerifier::new([WebhookKey::parse(secret)?]);
//! let mut seen = ReplayCache::new(10_000);
//! let id = verifier.verify(&headers, body, now)?;
//! assert_eq!(seen.insert(id, now), Ok(()));
//! assert_eq!(seen.insert(id, now), Err(ReplayError::Replayed));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use ::http::HeaderName;
pub use gripware_core::webhook::{
    MAX_WEBHOOK_ID, ReplayCache, ReplayError, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP,
    WEBHOOK_TOLERANCE, WebhookError, WebhookIdError, WebhookKey, WebhookKeyError, WebhookVerifier,
};

/// The header with the topic.
pub const TOPIC_HEADER: HeaderName = HeaderName::from_static("topic");
