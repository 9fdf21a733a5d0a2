//! What the connections of `/ws/log` went through.

use std::sync::{Mutex, PoisonError};

use gripware_core::ws::WebSocketContext;
use serde::Serialize;

/// The most entries that are kept; the oldest go first.
const MAX_ENTRIES: usize = 10_000;

#[derive(Clone, Debug, Serialize)]
struct Entry {
    connection: String,
    event: &'static str,
    code: Option<u16>,
    reason: Option<String>,
}

/// A list of openings and endings, in their order.
#[derive(Debug, Default)]
pub struct SocketLog(Mutex<Vec<Entry>>);

impl SocketLog {
    /// Notes what a request says about its connection, once its messages were read.
    pub fn note(&self, ws: &WebSocketContext) {
        if ws.is_opening() {
            self.push(ws, "open", None, None);
        }
        if let Some(close) = ws.close_received() {
            // A close with a code has a reason too, if an empty one.
            let reason = close.code().map(|_| close.reason().to_owned());
            self.push(ws, "close", close.code(), reason);
        }
        if ws.is_disconnected() {
            self.push(ws, "disconnect", None, None);
        }
    }

    fn push(
        &self,
        ws: &WebSocketContext,
        event: &'static str,
        code: Option<u16>,
        reason: Option<String>,
    ) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= MAX_ENTRIES {
            entries.remove(0);
        }
        entries.push(Entry {
            connection: ws.connection_id().to_string(),
            event,
            code,
            reason,
        });
    }

    /// The list as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_string(&*entries).unwrap_or_default()
    }
}
