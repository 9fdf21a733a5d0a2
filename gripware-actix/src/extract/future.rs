//! Reads the events of a WebSocket request: bounded, then decoded by `gripware-core`.

use std::{
    fmt,
    future::Future,
    mem,
    pin::Pin,
    task::{Context, Poll, ready},
};

use actix_web::{
    HttpMessage as _, HttpRequest, body::BodyStream, dev::Payload, error::PayloadError,
    http::Method,
};
use gripware_core::{
    Admission, Policy,
    ws::{Guard, WebSocketError, WebSocketErrorKind},
};
use http::HeaderMap;
use pin_project::pin_project;

use super::{MiddlewareMissing, WebSocketContext, WebSocketRejection};
use crate::{
    admission, convert,
    read::{ReadError, poll_read},
    socket::OpenSocket,
};

/// A [`WebSocketContext`], while its events are read.
#[pin_project]
pub struct WebSocketFuture(#[pin] State);

#[pin_project(project = StateProjection)]
enum State {
    Rejected(Option<WebSocketRejection>),
    Reading {
        #[pin]
        body: BodyStream<Payload>,
        read: Vec<u8>,
        headers: HeaderMap,
        guard: Option<Guard>,
        admission: Admission,
        socket: Option<OpenSocket>,
    },
}

impl WebSocketFuture {
    pub(super) fn new(request: &HttpRequest, payload: &mut Payload) -> Self {
        Self(match State::new(request, payload) {
            Ok(reading) => reading,
            Err(rejection) => State::Rejected(Some(rejection)),
        })
    }
}

impl State {
    fn new(request: &HttpRequest, payload: &mut Payload) -> Result<Self, WebSocketRejection> {
        let admission = admission::admission(request).ok_or(MiddlewareMissing)?;
        let marks = convert::marks(request.headers());
        if !convert::is_conversation(request.method(), &marks) {
            return Err(WebSocketRejection::NotWebSocket);
        }
        if !admission.is_proxied() {
            return Err(WebSocketRejection::Unsigned);
        }
        // What follows the head of a handshake is the socket's, and has no end.
        let payload = match *request.method() {
            Method::GET => Payload::None,
            _ => payload.take(),
        };
        Ok(Self::Reading {
            body: BodyStream::new(payload),
            read: Vec::new(),
            headers: convert::socket_headers(request.head()),
            guard: request.extensions().get().copied(),
            admission,
            socket: request.extensions().get().cloned(),
        })
    }
}

impl Future for WebSocketFuture {
    type Output = Result<WebSocketContext, WebSocketRejection>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().0.project() {
            StateProjection::Rejected(rejection) => match rejection.take() {
                Some(rejection) => Poll::Ready(Err(rejection)),
                None => Poll::Pending,
            },
            StateProjection::Reading {
                body,
                read,
                headers,
                guard,
                admission,
                socket,
            } => {
                let limit = admission.policy().limits().websocket_body;
                let body = ready!(poll_read(body, read, limit, task));
                let ws = body
                    .map_err(rejection)
                    .and_then(|()| context(headers, mem::take(read), admission.policy(), *guard));
                if let Some(socket) = socket {
                    match &ws {
                        Ok(ws) => socket.note(ws),
                        Err(rejection) => socket.note_unreadable(rejection),
                    }
                }
                Poll::Ready(ws)
            }
        }
    }
}

impl fmt::Debug for WebSocketFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocketFuture").finish_non_exhaustive()
    }
}

fn context(
    headers: &HeaderMap,
    body: Vec<u8>,
    policy: &Policy,
    guard: Option<Guard>,
) -> Result<WebSocketContext, WebSocketRejection> {
    let mut ws = gripware_core::ws::WebSocketContext::from_request(
        headers,
        body.into(),
        policy.prefix(),
        policy.limits(),
    )?;
    ws.check_origin(policy.allowed_origins())?;
    if let Some(guard) = guard {
        ws.check_guard(guard)?;
    }
    Ok(WebSocketContext(Box::new(ws)))
}

/// A body may be cut at a limit that a middleware of the application set, too.
fn rejection(error: ReadError<PayloadError>) -> WebSocketRejection {
    match error {
        ReadError::TooLong(_) | ReadError::Broken(PayloadError::Overflow) => {
            WebSocketError::from(WebSocketErrorKind::RequestTooLarge).into()
        }
        ReadError::Broken(error) => WebSocketRejection::Body(error),
    }
}
