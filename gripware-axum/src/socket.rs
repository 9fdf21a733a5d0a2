use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use bytes::Bytes;
use gripware_core::ws::{Close, CloseCode, Reply, WebSocketContext};
use http::Response;

use crate::log;

/// Whether a request that carries WebSocket events is about a connection that is open. The
/// extractor finds out; the layer needs to know.
///
/// Once a connection is open, a proxy drops the client without a word at any answer but events. So
/// where a handler fails then, whatever its error looks like, the client is closed with 1011.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenSocket(Arc<AtomicBool>);

impl OpenSocket {
    pub(crate) fn note(&self, ws: &WebSocketContext) {
        self.0.store(!ws.is_opening(), Ordering::Relaxed);
    }

    /// What goes to the proxy in place of an answer that it could not read.
    pub(crate) fn rescue<B>(&self, response: &Response<B>) -> Option<Response<Bytes>> {
        if !self.0.load(Ordering::Relaxed)
            || Reply::is_events(response.status(), response.headers())
        {
            return None;
        }
        log::rescue(response.status());
        let reply = Reply::closing(&Close::new(CloseCode::INTERNAL_ERROR));
        let mut response = Response::new(reply.body);
        *response.status_mut() = reply.status;
        *response.headers_mut() = reply.headers;
        Some(response)
    }
}
