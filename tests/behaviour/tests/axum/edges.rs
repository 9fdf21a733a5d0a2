//! The routes of [`gripware_behaviour::edges`].

#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{Next, from_fn, from_fn_with_state, map_response},
    response::{AppendHeaders, IntoResponse, Response},
    routing::{any, get, post},
};
use futures_util::stream;
use gripware_axum::{
    Channel, Filter, Grip, GripContext, GripLayer, Hold, KeepAlive, LastEventId, OnOpening,
    PrivateStream, Recovery, SseEvent, SseEvents, WebSocketContext, WebSocketError,
    WebSocketRejection,
};

pub(crate) fn app(grip: &Grip) -> Router {
    let lost = map_response(async |mut response: Response| {
        response.extensions_mut().clear();
        response
    });
    let refused = from_fn(async |_: Request, _: Next| StatusCode::UNAUTHORIZED);
    let gate = Arc::new(Gate::default());
    let once = OnOpening::new(from_fn_with_state(Arc::clone(&gate), authenticate));
    let own = [("content-type", "a/b")];
    let by_hand = [("grip-hold", "stream"), ("grip-channel", "a")];
    let link_by_hand = [("grip-link", "</secret>; rel=next")];
    Router::new()
        .route("/sse", get(async || sse()))
        .route("/sse/text", get(async || (sse(), "data: 1\n\n")))
        .route("/sse/bytes", get(async || (sse(), b"data: 1\n\n".to_vec())))
        .route("/sse/own", get(async move || (own, sse(), "1")))
        .route("/news", get(news))
        .route("/private", get(private))
        .route("/private/{capability}", get(private_again))
        .route("/bad-event", get(bad_event))
        .route("/beside", get(beside))
        .route("/hostile", get(hostile))
        .route("/too-many", get(too_many))
        .route(
            "/long",
            get(async || (Hold::response("a"), vec![b'x'; 100_001])),
        )
        .route(
            "/long/in-body",
            get(async || (Hold::stream("a").in_body(), vec![b'x'; 100_001])),
        )
        .route("/chunks/{mode}/{count}", get(chunks))
        .route("/by-hand", get(async move || by_hand))
        .route("/link-by-hand", get(async move || link_by_hand))
        .route("/teapot", get(teapot))
        .route("/lost", get(async || sse()).layer(lost))
        .route("/ws/failing", any(failing))
        .route("/ws/refused", any(undecided).layer(refused))
        .route("/ws/undecided", any(undecided))
        .route("/ws/login", any(login).layer(once))
        .route("/expire", post(expire))
        .route("/left", get(left))
        .with_state(gate)
        .layer(GripLayer::new(grip))
}

fn sse() -> Hold {
    Hold::stream("news").keep_alive(KeepAlive::sse(Duration::from_secs(20)))
}

async fn news(cx: GripContext, cursor: LastEventId) -> impl IntoResponse {
    let recovery = Recovery::new(cx.last(), "news").or_cursor(cursor.id());
    let seen = recovery.after().map_or(0, |id| id.parse().unwrap());
    let events = ["one", "two", "three"].iter().zip(1..).skip(seen);
    let event = |(text, id): (&&str, i32)| SseEvent::new().id(id.to_string()).data(*text);
    let missed: SseEvents = events.map(event).collect();
    (Hold::stream_after(&recovery, "3", "/news"), missed)
}

async fn private(headers: HeaderMap, cx: GripContext) -> Result<impl IntoResponse, StatusCode> {
    let user = headers.get("x-user").ok_or(StatusCode::UNAUTHORIZED)?;
    let user = user.to_str().unwrap();
    Ok(stream_of(&cx, user, &format!("user-{user}")))
}

async fn private_again(stream: PrivateStream, cx: GripContext) -> impl IntoResponse {
    stream_of(&cx, stream.user(), stream.channel())
}

fn stream_of(cx: &GripContext, user: &str, channel: &str) -> (Hold, String) {
    let recovery = Recovery::new(cx.last(), channel);
    let next = cx.private_link("/private", user, channel);
    let hold = Hold::stream_after(&recovery, "3", next);
    (hold, format!("for {user}\n"))
}

async fn bad_event() -> impl IntoResponse {
    (
        Hold::sse("news"),
        SseEvents::from(SseEvent::new().id("1\n")),
    )
}

async fn beside() -> impl IntoResponse {
    let etag = [("etag", "\"1\"")];
    (
        StatusCode::NOT_FOUND,
        etag,
        Hold::response("news"),
        "nothing\n",
    )
}

async fn hostile() -> impl IntoResponse {
    let channel = Channel::new("a,b;\"c\"").unwrap();
    let headers = [
        ("content-type", "text/x"),
        ("x-one", "1"),
        ("x-two", "b"),
        ("x-two", "a"),
    ];
    let hold = Hold::stream(channel.with_filter(Filter::SkipSelf));
    // The content type of the text stands already, and would be appended to.
    (AppendHeaders(headers), hold, Body::from("first\n"))
}

async fn too_many() -> Hold {
    (0..30).fold(Hold::stream("a"), |hold, n| hold.channel(n.to_string()))
}

async fn chunks(Path((mode, count)): Path<(String, usize)>) -> impl IntoResponse {
    let hold = match mode.as_str() {
        "response" => Hold::response("a"),
        _ => Hold::stream("a"),
    };
    let chunk = Ok::<_, Infallible>(Bytes::from(vec![b'x'; 1000]));
    (hold, Body::from_stream(stream::iter(vec![chunk; count])))
}

async fn teapot() -> impl IntoResponse {
    let hold = sse()
        .status(StatusCode::IM_A_TEAPOT)
        .expose_headers(["content-type"]);
    ([("x-hidden", "1")], hold, "data: 1\n\n")
}

async fn failing(mut ws: WebSocketContext) -> Result<WebSocketContext, Failure> {
    ws.accept();
    if ws.is_opening() && ws.meta("fail").is_some() {
        return Err(Failure);
    }
    match ws.receive()? {
        Some(_) => Err(Failure),
        None => Ok(ws),
    }
}

async fn undecided(ws: WebSocketContext) -> WebSocketContext {
    ws
}

/// Who may enter, and how many have left.
#[derive(Default)]
struct Gate {
    is_expired: AtomicBool,
    left: AtomicUsize,
}

async fn authenticate(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    let token = request.headers().get("authorization");
    let is_valid = token.is_some_and(|token| token == "Bearer valid");
    if !is_valid || gate.is_expired.load(Ordering::Relaxed) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    next.run(request).await
}

async fn expire(State(gate): State<Arc<Gate>>) {
    gate.is_expired.store(true, Ordering::Relaxed);
}

async fn left(State(gate): State<Arc<Gate>>) -> String {
    gate.left.load(Ordering::Relaxed).to_string()
}

async fn login(
    State(gate): State<Arc<Gate>>,
    mut ws: WebSocketContext,
) -> Result<WebSocketContext, WebSocketRejection> {
    if ws.is_opening() {
        ws.accept();
        ws.insert_meta_json("user", &["zo\u{eb}"])?;
    }
    let [name]: [String; 1] = ws.meta_json("user")?.unwrap();
    while let Some(message) = ws.receive()? {
        ws.send_text(format!("{name}: {}", message.to_str()?))?;
    }
    if ws.close_received().is_some() || ws.is_disconnected() {
        gate.left.fetch_add(1, Ordering::Relaxed);
    }
    Ok(ws)
}

struct Failure;

impl From<WebSocketError> for Failure {
    fn from(_: WebSocketError) -> Self {
        Self
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (StatusCode::IM_A_TEAPOT, "no tea\n").into_response()
    }
}
