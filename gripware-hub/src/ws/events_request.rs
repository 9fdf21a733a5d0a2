//! One request to the origin about a WebSocket.

use bytes::Bytes;
use gripware_core::ws::{Event, encode};
use http::{HeaderMap, Method, Request};

use super::ConnectionMeta;

/// A request to the origin, without what is the same in all requests of its WebSocket (see
/// [`request::headers`](super::request::headers)).
#[derive(Clone, Debug)]
pub(crate) struct EventsRequest {
    /// `Meta-*` and `Content-Bytes-Replayed`.
    pub(crate) headers: HeaderMap,
    /// Events, or empty if the origin is only to be asked.
    pub(crate) body: Bytes,
}

impl EventsRequest {
    /// A request with one event, of a WebSocket that has no session: not yet, or never.
    pub(crate) fn of(event: Event, meta: &ConnectionMeta) -> Self {
        let mut headers = HeaderMap::new();
        meta.write(&mut headers);
        Self {
            headers,
            body: encode(&[event]),
        }
    }

    /// Makes this events request of the one that is the same in all of them.
    pub(crate) fn apply(self, request: &mut Request<Bytes>) {
        *request.method_mut() = Method::POST;
        request.headers_mut().extend(self.headers);
        *request.body_mut() = self.body;
    }
}
