//! The way in: reads what the proxy says, refuses what may not pass, and calls the handler.

use std::{
    task::{Context, Poll},
    time::SystemTime,
};

use axum_core::{BoxError, response::Response};
use bytes::Bytes;
use gripware_core::{RequestMarks, SharedPolicy};
use http::Request;
use http_body::Body;
use tower_service::Service;

use crate::{asked::Asked, future::ResponseFuture, scope, socket::OpenSocket};

/// The middleware that [`GripLayer`](crate::GripLayer) puts around a service.
#[derive(Clone, Debug)]
pub struct GripService<S> {
    inner: S,
    policy: SharedPolicy,
}

impl<S> GripService<S> {
    pub(crate) fn new(inner: S, policy: SharedPolicy) -> Self {
        Self { inner, policy }
    }
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for GripService<S>
where
    S: Service<Request<ReqBody>, Response = http::Response<ResBody>>,
    ResBody: Body<Data = Bytes, Error: Into<BoxError>> + Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        let marks = RequestMarks::of(request.headers());
        let admission = self.policy.admit(&marks, SystemTime::now);
        if let Err(refusal) = admission.check_request(&marks) {
            return ResponseFuture::refused(&admission, &refusal, request.uri());
        }
        let is_turn = admission.is_proxied() && marks.is_conversation(request.method());
        let asked = Asked::of(&request, admission);
        scope::leave(&asked.admission, request.extensions_mut());
        let socket = is_turn.then(|| OpenSocket::from_head(request.headers()));
        if let Some(socket) = &socket {
            request.extensions_mut().insert(socket.clone());
        }
        let inner = &mut self.inner;
        let handler = scope::run(&asked.admission, || inner.call(request));
        ResponseFuture::new(handler, asked, socket)
    }
}
