//! Remembers whether a request is about an open WebSocket, which every answer but events would cut.

use std::{cell::RefCell, fmt, rc::Rc};

use actix_web::{Error, HttpResponse, ResponseError, body::BoxBody};
use bytes::Bytes;
use gripware_core::{
    ErrorChain,
    header::is_open_conversation,
    log,
    ws::{Close, CloseCode, Reply, WebSocketContext},
};
use http::{HeaderMap, StatusCode};

use crate::{WebSocketRejection, convert, respond::reply};

/// Whether a turn of a conversation is about a connection that is open. The head of the request
/// tells at first, and the extractor knows.
///
/// Once a connection is open, a proxy drops the client without a word at any answer but events. So
/// where a handler or a middleware fails then, whatever its error looks like, the client is closed
/// with 1011.
#[derive(Clone, Debug)]
pub(crate) struct OpenSocket(Rc<RefCell<Turn>>);

#[derive(Debug)]
enum Turn {
    Opening,
    Open,
    /// The request could not be read. No proxy sends such a one, so none is to be closed.
    Unreadable(Unreadable),
}

impl OpenSocket {
    pub(crate) fn from_head(headers: &HeaderMap) -> Self {
        let turn = if is_open_conversation(headers) {
            Turn::Open
        } else {
            Turn::Opening
        };
        Self(Rc::new(RefCell::new(turn)))
    }

    pub(crate) fn note(&self, ws: &WebSocketContext) {
        self.0.replace(if ws.is_opening() {
            Turn::Opening
        } else {
            Turn::Open
        });
    }

    /// actix-web gives a handler that asks for an `Option` nothing of a rejection, so that it would
    /// answer as if there were no events.
    pub(crate) fn note_unreadable(&self, rejection: &WebSocketRejection) {
        self.0.replace(Turn::Unreadable(Unreadable {
            causes: ErrorChain(rejection).to_string(),
            reply: rejection.to_reply(),
        }));
    }

    /// What goes to the proxy in place of an answer that it could not read.
    pub(crate) fn rescue<B>(&self, response: &HttpResponse<B>) -> Option<HttpResponse<Bytes>> {
        let status = convert::status(response.status());
        let rescue = Reply::rescue(status, &convert::response_headers(response.headers()))?;
        match &*self.0.borrow() {
            Turn::Open => {
                log::rescue(status);
                Some(reply(rescue))
            }
            Turn::Unreadable(unreadable) if !is_error(status) => {
                log::warning(unreadable);
                Some(reply(unreadable.reply.clone()))
            }
            Turn::Unreadable(_) | Turn::Opening => None,
        }
    }

    /// The same for an error that nobody made a response of.
    pub(crate) fn rescue_error(&self, error: Error) -> Error {
        if !matches!(*self.0.borrow(), Turn::Open) || is_events(&error) {
            return error;
        }
        log::rescue(convert::status(error.as_response_error().status_code()));
        Closed(error).into()
    }
}

fn is_error(status: StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

/// Whether an error becomes an answer of events. Of other errors than ours nobody can tell without
/// making a response of them, which some allow only once.
fn is_events(error: &Error) -> bool {
    let rejection = error.as_error::<WebSocketRejection>();
    let reply = rejection.map(WebSocketRejection::to_reply);
    reply.is_some_and(|reply| Reply::is_events(reply.status, &reply.headers))
        || error.as_error::<Closed>().is_some()
}

/// A rejection, kept for a handler that does not see it.
#[derive(Debug)]
struct Unreadable {
    causes: String,
    reply: Reply,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.causes)
    }
}

impl std::error::Error for Unreadable {}

/// Closes an open connection in place of the answer that an error would have been.
#[derive(Debug)]
struct Closed(Error);

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Closed {
    fn status_code(&self) -> actix_web::http::StatusCode {
        actix_web::http::StatusCode::OK
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        let closing = Reply::closing(&Close::new(CloseCode::INTERNAL_ERROR));
        reply(closing).map_into_boxed_body()
    }
}
