use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName};
use thiserror::Error;

use super::{
    WEBHOOK_ID, WEBHOOK_SIGNATURE, WEBHOOK_TIMESTAMP, WEBHOOK_TOLERANCE, WebhookKey, key::is_id,
    signed_head,
};

/// How many signatures of one message are looked at.
const MAX_SIGNATURES: usize = 8;

/// Checks who a request is from, and when it was made.
///
/// It does not know which messages came before: see [`ReplayCache`](super::ReplayCache).
#[derive(Clone, Debug)]
pub struct WebhookVerifier {
    keys: Vec<WebhookKey>,
    tolerance: Duration,
}

/// Why a request is refused. All but [`Missing`](Self::Missing) look the same to whoever guesses
/// keys, and should be one answer: 403, and 401 for that one.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum WebhookError {
    /// One of the three headers is not there.
    #[error("a header of the signature is missing")]
    Missing,
    /// A header is there twice, or is none.
    #[error("a header of the signature is malformed")]
    Malformed,
    /// It was signed too long ago, or is from the future.
    #[error("the signature is not of this time")]
    Expired,
    /// No signature is from one of the keys.
    #[error("no signature is from a known key")]
    Forged,
}

impl WebhookVerifier {
    /// Accepts what any of the keys has signed in the last 300 s; none is accepted without a key.
    #[must_use]
    pub fn new(keys: impl IntoIterator<Item = WebhookKey>) -> Self {
        Self {
            keys: keys.into_iter().collect(),
            tolerance: WEBHOOK_TOLERANCE,
        }
    }

    /// Returns the id of a message whose signature is right. The body is as it came.
    ///
    /// # Errors
    /// [`WebhookError`] says why the request is refused.
    pub fn verify<'a>(
        &self,
        headers: &'a HeaderMap,
        body: &[u8],
        now: SystemTime,
    ) -> Result<&'a str, WebhookError> {
        let id = single(headers, &WEBHOOK_ID)?;
        let timestamp = single(headers, &WEBHOOK_TIMESTAMP)?;
        let signatures = single(headers, &WEBHOOK_SIGNATURE)?;
        let is_decimal = timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let seconds = timestamp.parse::<u64>().ok().filter(|_| is_decimal);
        let (Some(seconds), true) = (seconds, is_id(id)) else {
            return Err(WebhookError::Malformed);
        };
        if !self.is_of_this_time(seconds, now) {
            return Err(WebhookError::Expired);
        }
        let signed = [signed_head(id, seconds).as_bytes(), body].concat();
        let is_signed = signatures
            .split(' ')
            .filter_map(|signature| signature.strip_prefix("v1,"))
            .take(MAX_SIGNATURES)
            .filter_map(|signature| STANDARD.decode(signature).ok())
            .any(|tag| self.keys.iter().any(|key| key.verify(&signed, &tag)));
        if is_signed {
            Ok(id)
        } else {
            Err(WebhookError::Forged)
        }
    }

    fn is_of_this_time(&self, seconds: u64, now: SystemTime) -> bool {
        let Some(signed) = UNIX_EPOCH.checked_add(Duration::from_secs(seconds)) else {
            return false;
        };
        let apart = match now.duration_since(signed) {
            Ok(age) => age,
            Err(error) => error.duration(),
        };
        apart <= self.tolerance
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<&'a str, WebhookError> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(WebhookError::Missing)?;
    if values.next().is_some() {
        return Err(WebhookError::Malformed);
    }
    value.to_str().map_err(|_| WebhookError::Malformed)
}
