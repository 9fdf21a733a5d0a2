//! Feeds: lines under rising ids, which a client can follow without missing one.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// The most lines that all feeds together keep; beyond it a line is refused.
const MAX_LINES: usize = 100_000;

/// All feeds by their names. Ids count from 1.
#[derive(Debug, Default)]
pub struct Feeds(Mutex<HashMap<String, Vec<String>>>);

impl Feeds {
    /// Appends a line, and gives it the next id. `None` where there is no room left.
    pub fn append(&self, name: &str, line: &str) -> Option<usize> {
        let mut feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if feeds.values().map(Vec::len).sum::<usize>() >= MAX_LINES {
            return None;
        }
        let lines = feeds.entry(name.to_owned()).or_default();
        lines.push(line.to_owned());
        Some(lines.len())
    }

    /// The lines after an id, one a line, and the id of the last line there is.
    #[must_use]
    pub fn after(&self, name: &str, id: usize) -> (String, usize) {
        let feeds = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines = feeds.get(name).map(Vec::as_slice).unwrap_or_default();
        let text = lines
            .iter()
            .skip(id)
            .flat_map(|line| [line, "\n"])
            .collect();
        (text, lines.len())
    }
}
