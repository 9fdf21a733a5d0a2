//! The routes of [`gripware_behaviour::edges`].

#![allow(clippy::unwrap_used, reason = "it is a test")]

use std::{
    convert::Infallible,
    fmt,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use actix_web::{
    Error, HttpRequest, HttpResponse, Responder, ResponseError,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    error::ErrorUnauthorized,
    guard,
    http::StatusCode,
    middleware::{Next, from_fn},
    web::{self, Bytes, Path, ServiceConfig},
};
use futures_util::stream;
use gripware_actix::{
    Channel, Filter, GripContext, Held, Hold, HoldExt, KeepAlive, LastEventId, OnOpening,
    PrivateStream, Recovery, SseEvent, SseEvents, WebSocketContext, WebSocketError,
    WebSocketRejection, http,
};

pub(crate) fn app(config: &mut ServiceConfig) {
    let lost = from_fn(async |request, next: Next<BoxBody>| {
        let mut response = next.call(request).await?;
        response.response_mut().extensions_mut().clear();
        Ok(response)
    });
    let refused = from_fn(async |request: ServiceRequest, _: Next<BoxBody>| {
        Ok(request.into_response(HttpResponse::Unauthorized().finish()))
    });
    let own = async || HttpResponse::Ok().content_type("a/b").hold(sse()).body("1");
    let by_hand = async || {
        let mut response = HttpResponse::Ok();
        response.insert_header(("grip-hold", "stream"));
        response.insert_header(("grip-channel", "a")).finish()
    };
    let link_by_hand = async || {
        let link = ("grip-link", "</secret>; rel=next");
        HttpResponse::Ok().insert_header(link).finish()
    };
    config
        .route("/sse", get().to(async || sse()))
        .route("/sse/text", get().to(async || sse().with("data: 1\n\n")))
        .route(
            "/sse/bytes",
            get().to(async || sse().with(b"data: 1\n\n".to_vec())),
        )
        .route("/sse/own", get().to(own))
        .route("/news", get().to(news))
        .route("/private", get().to(private))
        .route("/private/{capability}", get().to(private_again))
        .route("/bad-event", get().to(bad_event))
        .route("/beside", get().to(beside))
        .route("/hostile", get().to(hostile))
        .route("/too-many", get().to(too_many))
        .route(
            "/long",
            get().to(async || Hold::response("a").with("x".repeat(100_001))),
        )
        .route(
            "/long/in-body",
            get().to(async || Hold::stream("a").in_body().with("x".repeat(100_001))),
        )
        .route("/chunks/{mode}/{count}", get().to(chunks))
        .route("/by-hand", get().to(by_hand))
        .route("/link-by-hand", get().to(link_by_hand))
        .route("/teapot", get().to(teapot))
        .service(
            web::resource("/lost")
                .wrap(lost)
                .route(get().to(async || sse())),
        )
        .route("/ws/failing", web::to(failing))
        .service(
            web::resource("/ws/refused")
                .wrap(refused)
                .route(web::to(undecided)),
        )
        .route("/ws/undecided", web::to(undecided))
        .app_data(web::Data::new(Gate::default()))
        .service(
            web::resource("/ws/login")
                .wrap(OnOpening::new(from_fn(authenticate)))
                .route(web::to(login)),
        )
        .route("/expire", web::post().to(expire))
        .route("/left", get().to(left));
}

fn get() -> actix_web::Route {
    web::route().guard(guard::Any(guard::Get()).or(guard::Head()))
}

fn sse() -> Hold {
    Hold::stream("news").keep_alive(KeepAlive::sse(Duration::from_secs(20)))
}

async fn news(cx: GripContext, cursor: LastEventId) -> impl Responder {
    let recovery = Recovery::new(cx.last(), "news").or_cursor(cursor.id());
    let seen = recovery.after().map_or(0, |id| id.parse().unwrap());
    let events = ["one", "two", "three"].iter().zip(1..).skip(seen);
    let event = |(text, id): (&&str, i32)| SseEvent::new().id(id.to_string()).data(*text);
    let missed: SseEvents = events.map(event).collect();
    Hold::stream_after(&recovery, "3", "/news").with(missed)
}

async fn private(request: HttpRequest, cx: GripContext) -> Result<impl Responder, Error> {
    let user = request.headers().get("x-user");
    let user = user.ok_or_else(|| ErrorUnauthorized(""))?.to_str().unwrap();
    Ok(stream_of(&cx, user, &format!("user-{user}")))
}

async fn private_again(stream: PrivateStream, cx: GripContext) -> impl Responder {
    stream_of(&cx, stream.user(), stream.channel())
}

fn stream_of(cx: &GripContext, user: &str, channel: &str) -> Held<String> {
    let recovery = Recovery::new(cx.last(), channel);
    let next = cx.private_link("/private", user, channel);
    let hold = Hold::stream_after(&recovery, "3", next);
    hold.with(format!("for {user}\n"))
}

async fn bad_event() -> impl Responder {
    Hold::sse("news").with(SseEvents::from(SseEvent::new().id("1\n")))
}

async fn beside() -> HttpResponse {
    HttpResponse::NotFound()
        .insert_header(("etag", "\"1\""))
        .hold(Hold::response("news"))
        .body("nothing\n")
}

async fn hostile() -> HttpResponse {
    let channel = Channel::new("a,b;\"c\"").unwrap();
    HttpResponse::Ok()
        .reason("Fine")
        .insert_header(("x-one", "1"))
        .content_type("text/x")
        .append_header(("x-two", "b"))
        .append_header(("x-two", "a"))
        .hold(Hold::stream(channel.with_filter(Filter::SkipSelf)))
        .body("first\n")
}

async fn too_many() -> Hold {
    (0..30).fold(Hold::stream("a"), |hold, n| hold.channel(n.to_string()))
}

async fn chunks(path: Path<(String, usize)>) -> HttpResponse {
    let (mode, count) = path.into_inner();
    let hold = match mode.as_str() {
        "response" => Hold::response("a"),
        _ => Hold::stream("a"),
    };
    let chunk = Ok::<_, Infallible>(Bytes::from(vec![b'x'; 1000]));
    let chunks = stream::iter(vec![chunk; count]);
    HttpResponse::Ok().hold(hold).streaming(chunks)
}

async fn teapot() -> HttpResponse {
    let hold = sse()
        .status(http::StatusCode::IM_A_TEAPOT)
        .expose_headers(["content-type"]);
    HttpResponse::Ok()
        .insert_header(("x-hidden", "1"))
        .hold(hold)
        .body("data: 1\n\n")
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

async fn authenticate<B: MessageBody>(
    gate: web::Data<Gate>,
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, Error> {
    let token = request.headers().get("authorization");
    let is_valid = token.is_some_and(|token| token == "Bearer valid");
    if !is_valid || gate.is_expired.load(Ordering::Relaxed) {
        return Err(ErrorUnauthorized(""));
    }
    next.call(request).await
}

async fn expire(gate: web::Data<Gate>) -> &'static str {
    gate.is_expired.store(true, Ordering::Relaxed);
    ""
}

async fn left(gate: web::Data<Gate>) -> String {
    gate.left.load(Ordering::Relaxed).to_string()
}

async fn login(
    gate: web::Data<Gate>,
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

#[derive(Debug)]
struct Failure;

impl From<WebSocketError> for Failure {
    fn from(_: WebSocketError) -> Self {
        Self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no tea\n")
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::IM_A_TEAPOT
    }
}
