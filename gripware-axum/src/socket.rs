//! Remembers whether a request is about an open WebSocket, which every answer but events would cut.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum_core::{body::Body, response::Response};
use gripware_core::{
    header::is_open_conversation,
    log,
    ws::{Reply, WebSocketContext},
};
use http::HeaderMap;

use crate::respond::reply;

/// Whether a turn of a conversation is about a connection that is open. The head of the request
/// tells at first, and the extractor knows.
///
/// Once a connection is open, a proxy drops the client without a word at any answer but events. So
/// where a handler or a layer fails then, whatever its error looks like, the client is closed with
/// 1011.
#[derive(Clone, Debug)]
pub(crate) struct OpenSocket(Arc<AtomicBool>);

impl OpenSocket {
    pub(crate) fn from_head(headers: &HeaderMap) -> Self {
        Self(Arc::new(is_open_conversation(headers).into()))
    }

    pub(crate) fn note(&self, ws: &WebSocketContext) {
        self.set(!ws.is_opening());
    }

    /// The request could not be read. No proxy sends such a one, so none is to be answered.
    pub(crate) fn note_unreadable(&self) {
        self.set(false);
    }

    fn set(&self, is_open: bool) {
        self.0.store(is_open, Ordering::Relaxed);
    }

    /// What goes to the proxy in place of an answer that it could not read.
    pub(crate) fn rescue(&self, response: &Response<Body>) -> Option<Response> {
        if !self.0.load(Ordering::Relaxed) {
            return None;
        }
        let rescue = Reply::rescue(response.status(), response.headers())?;
        log::rescue(response.status());
        Some(reply(rescue))
    }
}
