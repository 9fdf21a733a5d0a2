//! Whom to tell of missed messages, as records.

use base64::{Engine, engine::general_purpose::STANDARD};
use gripware_topics::{Address, Topic};
use serde::{Deserialize, Serialize};

use super::lists::digest;
use crate::store::Missed;

/// Whom to tell of missed messages.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct MissedRecord {
    url: String,
    recovery: String,
    /// In base64.
    topic: String,
    attempts: u32,
    since: u64,
    due: u64,
}

impl MissedRecord {
    /// The kind of its records, of which those that have expired are due.
    pub(super) const KIND: &str = "topics-missed";

    pub(super) fn new(missed: &Missed) -> Self {
        Self {
            url: missed.url.as_str().to_owned(),
            recovery: missed.recovery.as_str().to_owned(),
            topic: STANDARD.encode(missed.topic.as_bytes()),
            attempts: missed.attempts,
            since: missed.since,
            due: missed.due,
        }
    }

    pub(super) fn key(missed: &Missed) -> String {
        let (url, recovery) = (missed.url.as_str(), missed.recovery.as_str());
        let mut bytes = format!("{}:{url}{}:{recovery}", url.len(), recovery.len()).into_bytes();
        bytes.extend_from_slice(missed.topic.as_bytes());
        format!("{}:{}", Self::KIND, digest(&bytes))
    }

    /// Reads one that has expired; `None` if it is none.
    pub(super) fn read(json: &[u8]) -> Option<Missed> {
        let read: Self = serde_json::from_slice(json).ok()?;
        Some(Missed {
            url: Address::new(read.url).ok()?,
            recovery: Address::new(read.recovery).ok()?,
            topic: Topic::new(STANDARD.decode(read.topic).ok()?).ok()?,
            attempts: read.attempts,
            since: read.since,
            due: read.due,
        })
    }
}
