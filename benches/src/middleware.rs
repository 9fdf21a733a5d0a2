//! What the layer adds to a request that a router answers in this process.
//!
//! Sockets hide it: with them a request takes about 9 µs.

use std::{
    pin::pin,
    sync::OnceLock,
    task::{Context, Poll, Waker},
    time::{Duration, SystemTime},
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::Request,
    response::Response,
    routing::{get, post},
};
use gripware_axum::{
    Grip, GripContext, GripLayer, Hold, KeepAlive, WebSocketContext, WebSocketRejection,
};
use gripware_core::sig::{Key, Signer};
use http::{HeaderName, HeaderValue, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::{Case, Error, Operation, Target};

const URL: &str = "http://localhost:5561/?verify-iss=pushpin&verify-key=changeme";
const EVENTS: &str = "TEXT 5\r\nhello\r\n";

/// The cases.
///
/// # Errors
/// Where a router answers with anything but 200.
pub fn cases() -> Result<Vec<Case>, Error> {
    let grip = grip()?;
    let routes = Router::new()
        .route("/", get(|| async {}))
        .route("/context", get(context))
        .route("/hold", get(hold))
        .route("/echo", post(echo));
    let base = routes.clone().layer(Nothing);
    let ours = routes.layer(GripLayer::new(&grip));
    let headers = proxied()?;

    let plain = |path| move || request("GET", path, "", &[]);
    let signed = |path| move || request("GET", path, "", headers);
    let events = {
        let mut headers = headers.to_vec();
        for (name, value) in [
            ("connection-id", "5c384ad4-7a67-4d0c-a8c6-4e1c5f1a4e0e"),
            ("content-type", "application/websocket-events"),
            ("sec-websocket-extensions", "grip"),
        ] {
            let name = HeaderName::from_static(name);
            headers.push((name, HeaderValue::from_static(value)));
        }
        move || request("POST", "/echo", EVENTS, &headers)
    };
    let noop = "a layer that does nothing";
    Ok(vec![
        Case::new("not proxied", call(&ours, plain("/"))?)
            .beside(noop, call(&base, plain("/"))?)
            .target(Target::Above(30.0))
            .allocations(0),
        Case::new("proxied, token seen before", call(&ours, signed("/"))?)
            .beside(noop, call(&base, signed("/"))?)
            .target(Target::Above(60.0))
            .allocations(1),
        Case::new(
            "proxied, with its context",
            call(&ours, signed("/context"))?,
        )
        .beside(noop, call(&base, signed("/"))?),
        Case::new("proxied, and held", call(&ours, signed("/hold"))?)
            .beside(noop, call(&base, signed("/"))?),
        Case::new("a WebSocket message echoed", call(&ours, events)?),
    ])
}

/// The one configuration of this process, as applications have it.
pub(crate) fn grip() -> Result<Grip, Error> {
    static GRIP: OnceLock<Grip> = OnceLock::new();
    let grip = Grip::from_vars(|name| (name == "GRIP_URL").then(|| URL.to_owned()))?;
    Ok(GRIP.get_or_init(|| grip).clone())
}

/// Does what every layer does, and nothing else.
#[derive(Clone)]
struct Nothing;

impl<S> Layer<S> for Nothing {
    type Service = NothingService<S>;

    fn layer(&self, inner: S) -> NothingService<S> {
        NothingService(inner)
    }
}

#[derive(Clone)]
struct NothingService<S>(S);

impl<S: Service<Request<Body>>> Service<Request<Body>> for NothingService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> S::Future {
        self.0.call(request)
    }
}

async fn context(cx: GripContext) -> StatusCode {
    if cx.is_proxied() {
        StatusCode::OK
    } else {
        StatusCode::NOT_IMPLEMENTED
    }
}

async fn hold() -> Hold {
    Hold::stream("news").keep_alive(KeepAlive::sse(Duration::from_secs(20)))
}

async fn echo(mut ws: WebSocketContext) -> Result<WebSocketContext, WebSocketRejection> {
    while let Some(message) = ws.receive()? {
        ws.send_text(message.to_str()?)?;
    }
    Ok(ws)
}

pub(crate) type Headers = [(HeaderName, HeaderValue)];

/// What Pushpin adds to a request: the same each time, since it signs once a second.
pub(crate) fn proxied() -> Result<&'static Headers, Error> {
    static HEADERS: OnceLock<Vec<(HeaderName, HeaderValue)>> = OnceLock::new();
    if let Some(headers) = HEADERS.get() {
        return Ok(headers);
    }
    let signer = Signer::new(Key::parse("changeme")?)?.with_issuer("pushpin");
    let token = signer.sign(SystemTime::now())?;
    let features = "status, session, link:next, filter:skip-self, filter:skip-users";
    let headers = [("grip-sig", token.as_str()), ("grip-feature", features)];
    let headers = headers
        .into_iter()
        .map(|(name, value)| Ok((HeaderName::from_static(name), HeaderValue::from_str(value)?)));
    let headers = headers.collect::<Result<_, Error>>()?;
    Ok(HEADERS.get_or_init(|| headers))
}

fn request(
    method: &str,
    path: &str,
    body: &'static str,
    headers: &Headers,
) -> Result<Request<Body>, http::Error> {
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header("host", "localhost")
        .header("user-agent", "Mozilla/5.0")
        .header("accept", "*/*")
        .header("accept-language", "en")
        .body(Body::from(Bytes::from_static(body.as_bytes())))?;
    request.headers_mut().extend(headers.iter().cloned());
    Ok(request)
}

/// Calls a router over and over. Its handlers never wait, so one look at each answer is enough.
fn call<S>(router: &Router, setup: S) -> Result<Operation, Error>
where
    S: FnMut() -> Result<Request<Body>, http::Error> + 'static,
{
    // As a server does first: handlers become services, which they else do at every request.
    let mut router = router.clone().with_state(());
    let mut setup = setup;
    let mut answer = move |request: Request<Body>| -> Option<Response> {
        let answer = pin!(router.call(request));
        match answer.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(response)) => Some(response),
            Poll::Ready(Err(never)) => match never {},
            Poll::Pending => None,
        }
    };
    match answer(setup()?) {
        Some(response) if response.status() == StatusCode::OK => {}
        other => return Err(format!("not an answer: {other:?}").into()),
    }
    Ok(Operation::with_input(setup, move |request| {
        request.ok().and_then(&mut answer)
    }))
}
