//! One request to the origin about a WebSocket.

use bytes::Bytes;
use gripware_core::{
    header::CONTENT_BYTES_REPLAYED,
    ws::{Event, encode},
};
use http::{Method, Request};

use super::ConnectionMeta;

/// What a request to the origin has beside what is the same in all requests of its WebSocket (see
/// [`request::headers`](super::request::headers)).
#[derive(Clone, Debug)]
pub(crate) struct EventsRequest<'a> {
    pub(crate) meta: &'a ConnectionMeta,
    /// How many content bytes at the beginning were offered before.
    pub(crate) replayed: usize,
    /// Events, or empty if the origin is only to be asked.
    pub(crate) body: Bytes,
}

impl<'a> EventsRequest<'a> {
    /// A request with one event, of a WebSocket that has no session: not yet, or never.
    pub(crate) fn of(event: Event, meta: &'a ConnectionMeta) -> Self {
        Self {
            meta,
            replayed: 0,
            body: encode(&[event]),
        }
    }

    /// Makes this events request of the one that is the same in all of them.
    pub(crate) fn apply(self, request: &mut Request<Bytes>) {
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        self.meta.write(headers);
        if self.replayed > 0 {
            headers.insert(CONTENT_BYTES_REPLAYED, self.replayed.into());
        }
        *request.body_mut() = self.body;
    }
}
