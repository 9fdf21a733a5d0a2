//! Origins that answer with bytes as they stand, for a proxy that is to be tested.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "it runs in tests alone")]

use std::{
    cell::RefCell,
    future::{Ready, ready},
    rc::Rc,
};

use bytes::Bytes;
use gripware_publish::Publisher;
use gripware_test::{Proxy, ProxyBuilder};
use http::{Request, Response, response::Builder};

/// The requests that an origin has seen.
#[derive(Clone, Default)]
pub(crate) struct Seen(Rc<RefCell<Vec<Request<Bytes>>>>);

impl Seen {
    /// The path of each request with what it has of a header.
    pub(crate) fn with(&self, header: &str) -> Vec<String> {
        let seen = self.0.borrow();
        let line = |request: &Request<Bytes>| {
            let values = request.headers().get_all(header).iter();
            let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
            format!("{} {}", request.uri(), values.join(", "))
        };
        seen.iter().map(line).collect()
    }

    /// The body of each request.
    pub(crate) fn bodies(&self) -> Vec<String> {
        let seen = self.0.borrow();
        let body = |request: &Request<Bytes>| request.body().escape_ascii().to_string();
        seen.iter().map(body).collect()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.borrow().len()
    }
}

/// A proxy in front of an origin that answers with what `answer` makes of a request and of how many
/// came before it.
pub(crate) fn proxy_with(
    builder: ProxyBuilder,
    answer: impl Fn(&Request<Bytes>, usize) -> Response<Bytes> + 'static,
) -> (Proxy, Publisher, Seen) {
    let (publisher, seen) = (builder.publisher(), Seen::default());
    let noted = seen.clone();
    let proxy = builder.origin(move |request: Request<Bytes>| -> Ready<Response<Bytes>> {
        let response = answer(&request, noted.count());
        noted.0.borrow_mut().push(request);
        ready(response)
    });
    (proxy, publisher, seen)
}

pub(crate) fn proxy(
    answer: impl Fn(&Request<Bytes>, usize) -> Response<Bytes> + 'static,
) -> (Proxy, Publisher, Seen) {
    proxy_with(Proxy::builder(), answer)
}

/// A response with these headers.
pub(crate) fn answer<const N: usize>(
    headers: [(&str, &str); N],
    body: impl Into<Bytes>,
) -> Response<Bytes> {
    let add = |response: Builder, (name, value): (&str, &str)| response.header(name, value);
    let response = headers.into_iter().fold(Response::builder(), add);
    response.body(body.into()).unwrap()
}

/// An answer with WebSocket events.
pub(crate) fn events(body: impl Into<Bytes>) -> Response<Bytes> {
    let headers = [
        ("content-type", "application/websocket-events"),
        ("sec-websocket-extensions", "grip"),
    ];
    answer(headers, body)
}

/// What an assertion says that fails.
pub(crate) fn failure(run: impl FnOnce()) -> String {
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    *result.unwrap_err().downcast::<String>().unwrap()
}

/// The same of something that is awaited.
pub(crate) async fn async_failure(run: impl Future) -> String {
    let mut run = std::pin::pin!(run);
    let result = std::future::poll_fn(|cx| {
        let poll = std::panic::AssertUnwindSafe(|| run.as_mut().poll(cx).map(|_| ()));
        match std::panic::catch_unwind(poll) {
            Ok(poll) => poll.map(|()| None),
            Err(panic) => std::task::Poll::Ready(Some(panic)),
        }
    });
    *result.await.unwrap().downcast::<String>().unwrap()
}
