//! The way in: reads what the proxy says, refuses what may not pass, and calls the handler.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};

use axum_core::{BoxError, response::Response};
use bytes::Bytes;
use gripware_core::{Policy, header::is_conversation};
use http::{
    Request,
    header::{AUTHORIZATION, COOKIE},
};
use http_body::Body;
use tower_service::Service;

use crate::{future::ResponseFuture, socket::OpenSocket};

/// The middleware that [`GripLayer`](crate::GripLayer) puts around a service.
#[derive(Clone, Debug)]
pub struct GripService<S> {
    inner: S,
    policy: Arc<Policy>,
}

impl<S> GripService<S> {
    pub(crate) fn new(inner: S, policy: Arc<Policy>) -> Self {
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
        let headers = request.headers();
        let has_login = headers.contains_key(COOKIE) || headers.contains_key(AUTHORIZATION);
        let cx = self.policy.admit(headers, SystemTime::now);
        let cx = cx.with_login(has_login);
        if let Err(refusal) = self.policy.check_request(&cx, request.headers()) {
            return ResponseFuture::refused(&cx, &refusal, request.uri());
        }
        let (method, uri) = (request.method().clone(), request.uri().clone());
        let is_turn = cx.is_proxied() && is_conversation(&method, request.headers());
        let socket = is_turn.then(|| OpenSocket::from_head(request.headers()));
        if let Some(socket) = &socket {
            request.extensions_mut().insert(socket.clone());
        }
        let answered = cx.for_response();
        request.extensions_mut().insert(cx);
        ResponseFuture::new(self.inner.call(request), answered, method, uri, socket)
    }
}
