use std::{
    fmt,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderName, HeaderValue};
use thiserror::Error;

use super::{MAX_WEBHOOK_ID, WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, signed_head};
use crate::sig::Mac;

/// What a key in base64 begins with.
const PREFIX: &str = "whsec_";

/// A secret that sender and receiver share. It does not print.
#[derive(Clone)]
pub struct WebhookKey(Arc<Mac>);

/// A text is no [`WebhookKey`].
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookKeyError {
    /// It is empty.
    #[error("a webhook key is empty")]
    Empty,
    /// What follows `whsec_` is no base64.
    #[error("a webhook key that begins with whsec_ has to go on in base64")]
    Base64,
}

/// An id that cannot stand in a header: empty, longer than [`MAX_WEBHOOK_ID`], or with other
/// characters than visible ASCII.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("a webhook id is 1 to {MAX_WEBHOOK_ID} visible ASCII characters")]
#[non_exhaustive]
pub struct WebhookIdError;

impl WebhookKey {
    /// Reads a key: `whsec_` and base64, or any other text, whose bytes are the key.
    ///
    /// # Errors
    /// [`WebhookKeyError`] if it is empty, or no base64 where it says so.
    pub fn parse(text: &str) -> Result<Self, WebhookKeyError> {
        let bytes = match text.strip_prefix(PREFIX) {
            Some(base64) => STANDARD
                .decode(base64)
                .map_err(|_| WebhookKeyError::Base64)?,
            None => text.as_bytes().to_vec(),
        };
        if bytes.is_empty() {
            return Err(WebhookKeyError::Empty);
        }
        Ok(Self(Arc::new(Mac::new(&bytes))))
    }

    /// Returns the three headers of a message that is sent now.
    ///
    /// # Errors
    /// [`WebhookIdError`] if the id cannot stand in a header.
    pub fn sign(
        &self,
        id: &str,
        now: SystemTime,
        body: &[u8],
    ) -> Result<[(HeaderName, HeaderValue); 3], WebhookIdError> {
        if !is_id(id) {
            return Err(WebhookIdError);
        }
        let timestamp = unix_seconds(now);
        let signature = format!("v1,{}", STANDARD.encode(self.tag(id, timestamp, body)));
        Ok([
            (WEBHOOK_ID, header(id)?),
            (WEBHOOK_TIMESTAMP, HeaderValue::from(timestamp)),
            (WEBHOOK_SIGNATURE, header(&signature)?),
        ])
    }

    fn tag(&self, id: &str, timestamp: u64, body: &[u8]) -> Vec<u8> {
        self.0
            .sign(&[signed_head(id, timestamp).as_bytes(), body].concat())
    }

    /// Compares in constant time.
    pub(super) fn verify(&self, signed: &[u8], tag: &[u8]) -> bool {
        self.0.verify(signed, tag)
    }
}

impl fmt::Debug for WebhookKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookKey([redacted])")
    }
}

pub(super) fn is_id(id: &str) -> bool {
    (1..=MAX_WEBHOOK_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_graphic())
}

fn header(value: &str) -> Result<HeaderValue, WebhookIdError> {
    HeaderValue::try_from(value).map_err(|_| WebhookIdError)
}

fn unix_seconds(now: SystemTime) -> u64 {
    now.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}
