use std::{cell::RefCell, fmt, rc::Rc};

use actix_web::{HttpResponse, ResponseError, body::BoxBody, http as actix};
use bytes::Bytes;
use gripware_core::ws::{Close, CloseCode, Reply, WebSocketContext};

use crate::{WebSocketRejection, answer, convert, log};

/// What became of a request that carries WebSocket events. The extractor finds out; the
/// middleware needs to know.
///
/// Once a connection is open, a proxy drops the client without a word at any answer but events. So
/// where a handler fails then, whatever its error looks like, the client is closed with 1011.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenSocket(Rc<RefCell<Turn>>);

#[derive(Debug, Default)]
enum Turn {
    /// Nobody has read the events, or they open the connection.
    #[default]
    Other,
    /// The connection is open.
    Open,
    /// The events could not be read: what the answer is, unless the handler has another error.
    Rejected(actix::StatusCode, String),
}

impl OpenSocket {
    pub(crate) fn note(&self, ws: &WebSocketContext) {
        if !ws.is_opening() {
            self.0.replace(Turn::Open);
        }
    }

    /// actix-web gives a handler that asks for an `Option` nothing of a rejection, so that it would
    /// answer as if there were no events.
    pub(crate) fn reject(&self, rejection: &WebSocketRejection) {
        self.0
            .replace(Turn::Rejected(rejection.status(), format!("{rejection}\n")));
    }

    /// What goes to the proxy in place of an answer that it could not read.
    pub(crate) fn rescue<B>(&self, response: &HttpResponse<B>) -> Option<HttpResponse<Bytes>> {
        let status = convert::status(response.status());
        if Reply::is_events(status, &convert::response_headers(response.headers())) {
            return None;
        }
        match &*self.0.borrow() {
            Turn::Open => Some(closed(response.status())),
            Turn::Rejected(status, text) if !is_error(response.status()) => {
                Some(answer::text(convert::status(*status), text.clone()))
            }
            Turn::Rejected(..) | Turn::Other => None,
        }
    }

    /// The same for an error that no handler made a response of.
    pub(crate) fn rescue_error(&self, error: actix_web::Error) -> actix_web::Error {
        match &*self.0.borrow() {
            Turn::Open => Closed(error.as_response_error().status_code()).into(),
            Turn::Rejected(..) | Turn::Other => error,
        }
    }
}

fn is_error(status: actix::StatusCode) -> bool {
    status.is_client_error() || status.is_server_error()
}

fn closed(status: actix::StatusCode) -> HttpResponse<Bytes> {
    log::rescue(convert::status(status));
    answer::reply(Reply::closing(&Close::new(CloseCode::INTERNAL_ERROR)))
}

/// Stands for an error that would have had this status.
#[derive(Debug)]
struct Closed(actix::StatusCode);

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an open WebSocket was answered with status {}", self.0)
    }
}

impl ResponseError for Closed {
    fn status_code(&self) -> actix::StatusCode {
        actix::StatusCode::OK
    }

    fn error_response(&self) -> HttpResponse<BoxBody> {
        closed(self.0).map_into_boxed_body()
    }
}
