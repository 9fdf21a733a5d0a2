//! Feeds: lines under rising ids, which a client can follow without missing one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// The most bytes that all feeds together keep, with what a line costs beside its text; beyond it
/// a line is refused.
const MAX_BYTES: usize = 16 << 20;

/// What a line is taken to cost beside its text.
const LINE: usize = 100;

/// All feeds by their names. Ids count from 1.
#[derive(Debug, Default)]
pub struct Feeds(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    feeds: HashMap<String, Vec<String>>,
    bytes: usize,
}

impl Feeds {
    /// Appends a line, and gives it the next id. `None` where there is no room left.
    pub fn append(&self, name: &str, line: &str) -> Option<usize> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = inner.bytes + name.len() + line.len() + LINE;
        if bytes > MAX_BYTES {
            return None;
        }
        inner.bytes = bytes;
        let lines = inner.feeds.entry(name.to_owned()).or_default();
        lines.push(line.to_owned());
        Some(lines.len())
    }

    /// The lines after an id, one a line, and the id of the last line there is.
    #[must_use]
    pub fn after(&self, name: &str, id: usize) -> (String, usize) {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = inner.feeds.get(name).map(Vec::as_slice).unwrap_or_default();
        let text = lines
            .iter()
            .skip(id)
            .flat_map(|line| [line, "\n"])
            .collect();
        (text, lines.len())
    }
}
