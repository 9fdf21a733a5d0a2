//! Standard Webhooks signatures, so that any webhook receiver can subscribe.
//!
//! A message is POSTed with `webhook-id`, `webhook-timestamp` and `webhook-signature`; its body is the
//! message alone, and its topic is in [`TOPIC_HEADER`], percent-encoded. Any status from 200 to 299
//! confirms it, 410 unsubscribes.
//!
//! ```
//! use gripware_topics::{auth::{Refusal, ReplayStore}, webhook::WebhookKey};
//!
//! let key = WebhookKey::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")?;
//! let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
//! let signature = key.sign(id, 1_614_265_330, body);
//! assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
//!
//! let mut seen = ReplayStore::default();
//! let mut verify = |signature, now| key.verify(id, "1614265330", signature, body, now, &mut seen);
//! assert_eq!(verify("v1,AAAA v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", 1_614_265_331), Ok(()));
//! assert_eq!(verify(&signature, 1_614_265_332), Err(Refusal::Replayed));
//! assert_eq!(verify("v1,AAAA", 1_614_265_332), Err(Refusal::Mismatch));
//! # Ok::<(), gripware_topics::auth::SecretError>(())
//! ```

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest as _, Sha256};

use crate::auth::{Refusal, ReplayStore, SecretError};

/// How far the time of a webhook may be from now, either way, in seconds, as the specification has it.
pub const TOLERANCE: u64 = 300;

/// The header with the topic.
pub const TOPIC_HEADER: &str = "topic";

/// A key for Standard Webhooks. Its `Debug` does not show it.
#[derive(Clone)]
pub struct WebhookKey(Box<Hmac<Sha256>>);

impl WebhookKey {
    /// Reads `whsec_` and base64, or takes any other text as it is.
    ///
    /// # Errors
    /// [`SecretError::NotWebhook`] where there is no base64 behind `whsec_`, or nothing at all.
    pub fn new(secret: &str) -> Result<Self, SecretError> {
        let bytes = match secret.strip_prefix("whsec_") {
            Some(base64) => STANDARD
                .decode(base64)
                .map_err(|_| SecretError::NotWebhook)?,
            None => secret.as_bytes().to_vec(),
        };
        if bytes.is_empty() {
            return Err(SecretError::NotWebhook);
        }
        let keyed = Hmac::new_from_slice(&bytes).map_err(|_| SecretError::NotWebhook)?;
        Ok(Self(Box::new(keyed)))
    }

    /// Returns the value of `webhook-signature`.
    #[must_use]
    pub fn sign(&self, id: &str, timestamp: u64, body: &[u8]) -> String {
        let code = self.mac(id, &timestamp.to_string(), body).finalize();
        format!("v1,{}", STANDARD.encode(code.into_bytes()))
    }

    /// Checks the three headers and the body at `now`, in seconds since 1970, and remembers the id.
    /// Of several signatures, separated by blanks, one has to fit.
    ///
    /// # Errors
    /// A [`Refusal`].
    pub fn verify(
        &self,
        id: &str,
        timestamp: &str,
        signature: &str,
        body: &[u8],
        now: u64,
        seen: &mut ReplayStore,
    ) -> Result<(), Refusal> {
        let digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let time: u64 = timestamp.parse().map_err(|_| Refusal::Malformed)?;
        if !digits {
            return Err(Refusal::Malformed);
        }
        if now.abs_diff(time) > TOLERANCE {
            return Err(Refusal::Expired);
        }
        let fits = signature
            .split(' ')
            .filter_map(|one| STANDARD.decode(one.strip_prefix("v1,")?).ok())
            .any(|code| {
                let mac = self.mac(id, timestamp, body);
                mac.verify_slice(&code).is_ok()
            });
        match fits {
            true => seen.insert(time.saturating_add(TOLERANCE), &Sha256::digest(id), now),
            false => Err(Refusal::Mismatch),
        }
    }

    fn mac(&self, id: &str, timestamp: &str, body: &[u8]) -> Hmac<Sha256> {
        let mut mac = (*self.0).clone();
        mac.update(id.as_bytes());
        mac.update(b".");
        mac.update(timestamp.as_bytes());
        mac.update(b".");
        mac.update(body);
        mac
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey([redacted])")
    }
}
