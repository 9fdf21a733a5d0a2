use bytes::Bytes;
use http::{HeaderMap, Method, header::CONTENT_TYPE};
use serde::de::DeserializeOwned;

use crate::Peer;

/// One event: a verb and a noun with what was posted, whole in memory.
#[derive(Clone, Debug)]
pub struct Event {
    pub(super) method: Method,
    pub(super) noun: String,
    pub(super) params: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) data: Bytes,
    pub(super) peer: Option<Peer>,
}

impl Event {
    /// Returns the verb.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.method
    }

    /// Returns the noun, which may have slashes: `time/utc`.
    #[must_use]
    pub fn noun(&self) -> &str {
        &self.noun
    }

    /// Returns the positional parameters: what stands between slashes after the double slash,
    /// percent-decoded after it was split, so that `%2F` is a slash in a parameter.
    #[must_use]
    pub fn params(&self) -> &[String] {
        &self.params
    }

    /// Returns the first query parameter of this name.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Returns the headers of the request.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// Returns the MIME type of what was posted, without its parameters; empty if there is none.
    #[must_use]
    pub fn mime_type(&self) -> &str {
        let value = self.headers.get(CONTENT_TYPE);
        let value = value.and_then(|value| value.to_str().ok());
        let value = value.unwrap_or_default();
        value.split(';').next().unwrap_or_default().trim_ascii()
    }

    /// Returns what was posted.
    #[must_use]
    pub fn data(&self) -> &Bytes {
        &self.data
    }

    /// Reads what was posted as JSON.
    ///
    /// # Errors
    /// Where it is no JSON, or not of this shape.
    pub fn json<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(&self.data)
    }

    /// Returns who is at the other end. `None` if the event did not come through a pipe.
    #[must_use]
    pub fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }
}
