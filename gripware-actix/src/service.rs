//! The way in: reads what the proxy says, refuses what may not pass, and calls the handler.

use std::{
    net::SocketAddr,
    task::{Context, Poll},
    time::SystemTime,
};

use actix_web::{
    Error, HttpMessage as _,
    body::MessageBody,
    dev::{Service, ServiceRequest, ServiceResponse},
    http::header::HeaderValue,
};
use gripware_core::SharedPolicy;

#[cfg(feature = "quick-ack")]
use crate::quick_ack;
use crate::{
    admission, asked::Asked, body::ResponseBody, convert, future::ResponseFuture,
    socket::OpenSocket,
};

/// The service that [`GripMiddleware`](crate::GripMiddleware) puts around another.
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
        let marks = convert::marks(request.headers());
        let admission = self.policy.admit(&marks, SystemTime::now);
        if let Err(refusal) = admission.check_request(&marks) {
            return ResponseFuture::refused(request.into_parts().0, &admission, &refusal);
        }
        let is_turn = admission.is_proxied() && convert::is_conversation(request.method(), &marks);
        let asked = Asked::of(request.head(), admission);
        let admission = &asked.admission;
        let forwarded_for = || {
            let last = request.headers().get_all("x-forwarded-for").last();
            last.map(HeaderValue::as_bytes)
        };
        if let Some(ip) = admission.client_ip(forwarded_for) {
            // The port is known to the hub alone. Routing takes the request to be its only reference
            // as well.
            request.head_mut().peer_addr = Some(SocketAddr::new(ip, 0));
        }
        let socket =
            is_turn.then(|| OpenSocket::from_head(&convert::request_headers(request.headers())));
        let mut extensions = request.extensions_mut();
        if let Some(socket) = &socket {
            extensions.insert(socket.clone());
        }
        admission::leave(admission, &mut extensions);
        drop(extensions);
        ResponseFuture::new(self.inner.call(request), asked, socket)
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
