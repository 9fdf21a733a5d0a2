use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::{
        ConnectInfo, DefaultBodyLimit, Multipart, Path as Segment, Request, State,
        multipart::MultipartError,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade},
    },
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode},
    response::{
        IntoResponse, Redirect, Response, Sse,
        sse::{Event, KeepAlive},
    },
    routing::{any, get, post},
};
use futures_util::{Stream, StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::TokioIo;
use socketioxide::{
    SocketIo,
    extract::{AckSender, Data, SocketRef},
};
use tokio::{
    io::{AsyncWriteExt as _, copy, split},
    sync::broadcast,
};
use tower_http::{compression::CompressionLayer, services::ServeDir};

use crate::{Files, visitor::hash};

/// An application on axum, with what applications on axum are made of.
#[derive(Clone, Copy, Debug)]
pub struct Axum;

/// Who follows the events.
#[derive(Clone, Debug)]
struct Events {
    sender: broadcast::Sender<String>,
    watchers: Arc<AtomicUsize>,
}

/// One who follows, until it is dropped.
struct Watcher(Arc<AtomicUsize>);

impl Axum {
    /// The application. Its service wants the client's address, as by
    /// [`into_make_service_with_connect_info`](Router::into_make_service_with_connect_info).
    pub fn router(files: &Files) -> Router {
        let events = Events {
            sender: broadcast::channel(16).0,
            watchers: Arc::default(),
        };
        let (socket_io, io) = SocketIo::new_layer();
        io.ns("/", async |socket: SocketRef| {
            socket.on(
                "say",
                async |socket: SocketRef, Data(said): Data<String>| {
                    socket.emit("said", &said).expect("a client");
                },
            );
            socket.on(
                "show",
                async |socket: SocketRef, Data(shown): Data<Bytes>| {
                    socket.emit("shown", &shown).expect("a client");
                },
            );
            socket.on("ask", async |Data(asked): Data<String>, ack: AckSender| {
                ack.send(&format!("{asked}?")).expect("a client");
            });
        });
        Router::new()
            .route("/hello", get(async || "hello\n"))
            .route("/slow", get(slow))
            .route("/peer", get(peer))
            .route("/cookies", get(cookies))
            .route("/moved", get(async || Redirect::to("/hello?from=moved")))
            .route("/nothing", get(async || StatusCode::NO_CONTENT))
            .route("/status/{status}", get(status))
            .route("/headers/{count}", get(headers))
            .route("/echo", any(echo))
            .route("/echo/{*rest}", any(echo))
            .route("/trailers", post(trailers))
            .route(
                "/duplex",
                post(async |request: Request| request.into_body()),
            )
            .route(
                "/upload",
                post(upload).layer(DefaultBodyLimit::max(8_000_000)),
            )
            .route("/limited", post(async |body: Bytes| body.len().to_string()))
            .route("/long", get(async || "0123456789".repeat(2000)))
            .route("/events", get(follow))
            .route("/tell", post(tell))
            .route("/watchers", get(watchers))
            .route("/other", get(other))
            .route("/ws", any(websocket))
            .route(
                "/ws/denied",
                any(async || (StatusCode::FORBIDDEN, "who are you?\n")),
            )
            .nest_service("/files", ServeDir::new(files.public()))
            .layer(CompressionLayer::new())
            .layer(socket_io)
            .with_state(events)
    }
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(300)).await;
    "slow\n"
}

async fn peer(ConnectInfo(address): ConnectInfo<SocketAddr>, headers: HeaderMap) -> String {
    let told = headers.get("x-forwarded-for");
    let told = told.map_or(b"nothing".as_slice(), HeaderValue::as_bytes);
    format!("from {address}\ntold {}\n", told.escape_ascii())
}

async fn cookies() -> Response {
    let mut answer = "cookies\n".into_response();
    for cookie in ["a=1; Path=/", "b=2; HttpOnly; SameSite=Lax", "c=\"x, y\""] {
        let cookie = HeaderValue::from_static(cookie);
        answer.headers_mut().append("set-cookie", cookie);
    }
    answer
}

async fn status(Segment(status): Segment<u16>) -> (StatusCode, &'static str) {
    let status = StatusCode::from_u16(status);
    (status.expect("a status"), "as asked\n")
}

async fn headers(Segment(count): Segment<usize>) -> HeaderMap {
    let name = |n: usize| HeaderName::try_from(format!("x-{n:04}")).expect("a name");
    (0..count)
        .map(|n| (name(n), HeaderValue::from(n)))
        .collect()
}

/// Tells what has arrived.
async fn echo(request: Request) -> String {
    let (head, body) = request.into_parts();
    let mut lines = vec![format!("{} {} {:?}", head.method, head.uri, head.version)];
    let mut headers: Vec<_> = head
        .headers
        .iter()
        .map(|(name, value)| shown(name, value))
        .collect();
    headers.sort();
    lines.extend(headers);
    let body = body.collect().await.expect("a body").to_bytes();
    lines.push(format!("{} bytes, {}", body.len(), hash(&body)));
    lines.join("\n") + "\n"
}

/// A header, of which a signature is another each time.
fn shown(name: &HeaderName, value: &HeaderValue) -> String {
    if name == "grip-sig" {
        return "grip-sig: ...".to_owned();
    }
    format!("{name}: {}", value.as_bytes().escape_ascii())
}

async fn trailers(request: Request) -> Response {
    let (head, body) = request.into_parts();
    let te = head.headers.get("te").cloned();
    let collected = body.collect().await.expect("a body");
    let got = collected.trailers().cloned().unwrap_or_default();
    let text = format!(
        "te {te:?}, trailers {got:?}, body {:?}\n",
        collected.to_bytes()
    );
    let mut sent = HeaderMap::new();
    sent.insert("x-after", HeaderValue::from_static("all"));
    let frames = [Frame::data(Bytes::from(text)), Frame::trailers(sent)];
    let body = StreamBody::new(stream::iter(frames.map(Ok::<_, std::io::Error>)));
    ([("trailer", "x-after")], Body::new(body)).into_response()
}

async fn upload(mut form: Multipart) -> Result<String, MultipartError> {
    let mut lines = String::new();
    while let Some(field) = form.next_field().await? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().unwrap_or_default().to_owned();
        let kind = field.content_type().unwrap_or_default().to_owned();
        let bytes = field.bytes().await?;
        let (length, hash) = (bytes.len(), hash(&bytes));
        lines += &format!("{name} {file:?} {kind:?} {length} bytes, {hash}\n");
    }
    Ok(lines)
}

async fn follow(
    State(events): State<Events>,
) -> Sse<impl Stream<Item = Result<Event, std::convert::Infallible>>> {
    events.watchers.fetch_add(1, Ordering::SeqCst);
    let watcher = Watcher(Arc::clone(&events.watchers));
    let state = Some((events.sender.subscribe(), watcher));
    let told = stream::unfold(state, async |state| {
        let (mut receiver, watcher) = state?;
        let event = receiver.recv().await.ok()?;
        let goes_on = (event != "end").then_some((receiver, watcher));
        Some((event, goes_on))
    });
    let first = stream::iter([Event::default().event("open").data("you are here")]);
    let told = told.map(|event| Event::default().id("1").data(event));
    let keep_alive = KeepAlive::new().interval(Duration::from_secs(3600));
    Sse::new(first.chain(told).map(Ok)).keep_alive(keep_alive)
}

async fn tell(State(events): State<Events>, event: String) {
    events.sender.send(event).expect("somebody who follows");
}

async fn watchers(State(events): State<Events>) -> String {
    events.watchers.load(Ordering::SeqCst).to_string()
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Leaves HTTP for a protocol that says everything back.
async fn other(mut request: Request) -> impl IntoResponse {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        let upgraded = upgrade.await.expect("an upgrade");
        let (mut reader, mut writer) = split(TokioIo::new(upgraded));
        copy(&mut reader, &mut writer).await.expect("a client");
        writer.shutdown().await.expect("a client");
    });
    let said = [("upgrade", "echo/1"), ("connection", "upgrade")];
    (StatusCode::SWITCHING_PROTOCOLS, said)
}

async fn websocket(upgrade: WebSocketUpgrade) -> Response {
    let protocols = ["v2.chat", "v3.chat"];
    let mut answer = upgrade.protocols(protocols).on_upgrade(talk);
    let said = HeaderValue::from_static("of the application");
    answer.headers_mut().insert("x-handshake", said);
    answer
}

/// Says everything back.
async fn talk(mut socket: WebSocket) {
    while let Some(Ok(message)) = socket.recv().await {
        let answer = match message {
            Message::Text(text) if text == "bye" => {
                let frame = CloseFrame {
                    code: 4000,
                    reason: "so long".into(),
                };
                let _ = socket.send(Message::Close(Some(frame))).await;
                continue;
            }
            Message::Text(text) if text == "drop" => return,
            Message::Text(_) | Message::Binary(_) => message,
            // The library answers these.
            Message::Ping(_) | Message::Pong(_) | Message::Close(_) => continue,
        };
        if socket.send(answer).await.is_err() {
            return;
        }
    }
}
