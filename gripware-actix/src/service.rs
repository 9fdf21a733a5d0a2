//! The way in: reads what the proxy says, refuses what may not pass, and calls the handler.

use std::{
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};

use actix_web::{
    Error, HttpMessage as _,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse},
    http::header::{AUTHORIZATION, COOKIE},
};
use gripware_core::{Policy, header::is_conversation};

use crate::{body::ResponseBody, convert, future::ResponseFuture, socket::OpenSocket};

/// The service that [`GripMiddleware`](crate::GripMiddleware) puts around another.
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

impl<S, B> Service<ServiceRequest> for GripService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    type Response = ServiceResponse<ResponseBody<B>>;
    type Error = Error;
    type Future = ResponseFuture<S::Future, B>;

    fn poll_ready(&self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&self, request: ServiceRequest) -> Self::Future {
        let headers = convert::request_headers(request.headers());
        let is_there = |name| request.headers().contains_key(name);
        let has_login = is_there(COOKIE) || is_there(AUTHORIZATION);
        let cx = self.policy.admit(&headers, SystemTime::now);
        let cx = cx.with_login(has_login);
        if let Err(refusal) = self.policy.check_request(&cx, &headers) {
            return ResponseFuture::refused(request.into_parts().0, &cx, &refusal);
        }
        let method = convert::method(request.method());
        let is_turn = cx.is_proxied() && is_conversation(&method, &headers);
        let socket = is_turn.then(|| OpenSocket::from_head(&headers));
        if let Some(socket) = &socket {
            request.extensions_mut().insert(socket.clone());
        }
        let answered = cx.for_response();
        request.extensions_mut().insert(cx);
        ResponseFuture::new(self.inner.call(request), answered, method, socket)
    }
}
