//! The way in: reads what the proxy says, refuses what may not pass, and calls the handler.

use std::{
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::SystemTime,
};

use actix_web::{
    Error, HttpMessage as _,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse},
    http::header::{AUTHORIZATION, COOKIE, HeaderValue},
};
use gripware_core::{Policy, header::is_conversation};

#[cfg(feature = "quick-ack")]
use crate::quick_ack;
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

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        #[cfg(feature = "quick-ack")]
        quick_ack::acknowledge(&mut request);
        let headers = convert::request_headers(request.headers());
        let is_there = |name| request.headers().contains_key(name);
        let has_login = is_there(COOKIE) || is_there(AUTHORIZATION);
        let cx = self.policy.admit(&headers, SystemTime::now);
        let cx = cx.with_login(has_login);
        if let Err(refusal) = self.policy.check_request(&cx, &headers) {
            return ResponseFuture::refused(request.into_parts().0, &cx, &refusal);
        }
        let forwarded_for = request.headers().get_all("x-forwarded-for").last();
        let forwarded_for = forwarded_for.map(HeaderValue::as_bytes);
        if let Some(ip) = self.policy.client_ip(&cx, forwarded_for) {
            // The port is known to the hub alone. Routing takes the request to be its only reference
            // as well.
            request.head_mut().peer_addr = Some(SocketAddr::new(ip, 0));
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

#[cfg(test)]
mod tests {
    use actix_web::{App, HttpRequest, test, web};
    use gripware_publish::Grip;

    use crate::GripMiddleware;

    async fn address(request: HttpRequest) -> String {
        let info = request.connection_info().clone();
        format!("{:?} {:?}", request.peer_addr(), info.realip_remote_addr())
    }

    #[actix_web::test]
    async fn the_peer_is_the_client_where_a_proxy_is_believed() {
        let believed = || {
            Grip::builder()
                .trust_unsigned_proxies()
                .trust_forwarded_for()
        };
        for (grip, is_proxied, peer) in [
            (believed(), true, "192.0.2.1:0"),
            (believed(), false, "10.0.0.1:5000"),
            (
                Grip::builder().trust_unsigned_proxies(),
                true,
                "10.0.0.1:5000",
            ),
        ] {
            let grip = grip.build().unwrap();
            let app = App::new().route("/", web::get().to(address));
            let app = test::init_service(app.wrap(GripMiddleware::new(&grip))).await;
            let mut request = test::TestRequest::get()
                .peer_addr("10.0.0.1:5000".parse().unwrap())
                .insert_header(("X-Forwarded-For", "192.0.2.1"));
            if is_proxied {
                request = request.insert_header(("Grip-Feature", "status"));
            }
            let seen = test::call_and_read_body(&app, request.to_request()).await;
            assert_eq!(seen, format!("Some({peer}) Some(\"192.0.2.1\")"));
        }
    }
}
