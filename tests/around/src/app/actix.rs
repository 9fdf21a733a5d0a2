use std::{
    fmt,
    net::TcpListener,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer, Responder,
    dev::{ConnectionInfo, ServerHandle},
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
    middleware::{Compress, Condition},
    web::{self, Bytes, Data, Path, Payload, ServiceConfig},
};
use actix_ws::{AggregatedMessage, CloseCode, CloseReason, MessageStream, Session};
use futures_util::stream;
use gripware_actix::{Grip, GripMiddleware};
use tokio::sync::broadcast;

use crate::visitor::hash;

/// A running application on actix-web, with what applications on it are made of.
pub struct Actix {
    server: ServerHandle,
    thread: Option<thread::JoinHandle<()>>,
}

impl Actix {
    /// Serves a listener; with a configuration, gripware's middleware is around the application.
    ///
    /// # Panics
    /// Where that is not possible.
    #[must_use]
    pub fn start(listener: TcpListener, grip: Option<Grip>) -> Self {
        let (started, handle) = mpsc::channel();
        let thread = thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let events = Data::new(Events::default());
                // Without the middleware it is not asked.
                let is_around = grip.is_some();
                let grip = grip.unwrap_or_else(|| Grip::from_vars(|_| None).expect("nothing"));
                let server = HttpServer::new(move || {
                    App::new()
                        .app_data(events.clone())
                        .configure(routes)
                        .wrap(Compress::default())
                        .wrap(Condition::new(is_around, GripMiddleware::new(&grip)))
                })
                .workers(2)
                .disable_signals()
                .listen(listener)
                .expect("a listener")
                .run();
                started.send(server.handle()).expect("a test that waits");
                server.await.expect("a server");
            });
        });
        Self {
            server: handle.recv().expect("a server that starts"),
            thread: Some(thread),
        }
    }
}

impl Drop for Actix {
    fn drop(&mut self) {
        // The message is sent with the call; the future only waits for the end.
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Actix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Actix")
    }
}

/// Who follows the events.
#[derive(Debug)]
struct Events {
    sender: broadcast::Sender<String>,
    watchers: Arc<AtomicUsize>,
}

/// One who follows, until it is dropped.
struct Watcher(Arc<AtomicUsize>);

impl Default for Events {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(16).0,
            watchers: Arc::default(),
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn routes(app: &mut ServiceConfig) {
    app.route("/hello", web::get().to(async || "hello\n"))
        .route("/hello", web::head().to(async || "hello\n"))
        .route("/slow", web::get().to(slow))
        .route("/peer", web::get().to(peer))
        .route("/cookies", web::get().to(cookies))
        .route("/moved", web::get().to(moved))
        .route("/nothing", web::get().to(HttpResponse::NoContent))
        .route("/status/{status}", web::get().to(status))
        .route("/headers/{count}", web::get().to(headers))
        .route("/echo", web::route().to(echo))
        .route("/echo/{rest:.*}", web::route().to(echo))
        .route("/duplex", web::post().to(duplex))
        .route("/limited", web::post().to(limited))
        .route("/long", web::get().to(async || "0123456789".repeat(2000)))
        .route("/events", web::get().to(follow))
        .route("/tell", web::post().to(tell))
        .route("/watchers", web::get().to(watchers))
        .route("/ws", web::get().to(websocket))
        .route("/ws/denied", web::route().to(denied));
}

async fn slow() -> &'static str {
    tokio::time::sleep(Duration::from_millis(300)).await;
    "slow\n"
}

async fn peer(request: HttpRequest, connection: ConnectionInfo) -> String {
    let address = request.peer_addr().expect("an address");
    let peer = connection.peer_addr().unwrap_or("nobody");
    let real = connection.realip_remote_addr().unwrap_or("nobody");
    let (scheme, host) = (connection.scheme(), connection.host());
    format!("from {address}\nby {peer}\nreally by {real}\nto {scheme} {host}\n")
}

async fn cookies() -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    for cookie in ["a=1; Path=/", "b=2; HttpOnly; SameSite=Lax", "c=\"x, y\""] {
        answer.append_header(("set-cookie", cookie));
    }
    answer.body("cookies\n")
}

async fn moved() -> HttpResponse {
    let mut answer = HttpResponse::SeeOther();
    answer
        .insert_header(("location", "/hello?from=moved"))
        .finish()
}

async fn status(status: Path<u16>) -> HttpResponse {
    let status = StatusCode::from_u16(*status).expect("a status");
    HttpResponse::build(status).body("as asked\n")
}

async fn headers(count: Path<usize>) -> HttpResponse {
    let mut answer = HttpResponse::Ok();
    for n in 0..*count {
        answer.append_header((format!("x-{n:04}"), n));
    }
    answer.finish()
}

/// Tells what has arrived.
async fn echo(request: HttpRequest, body: Bytes) -> String {
    let mut lines = vec![format!(
        "{} {} {:?}",
        request.method(),
        request.uri(),
        request.version()
    )];
    let headers = request.headers().iter();
    let mut headers: Vec<_> = headers.map(|(name, value)| shown(name, value)).collect();
    headers.sort();
    lines.extend(headers);
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

async fn duplex(body: Payload) -> HttpResponse {
    HttpResponse::Ok().streaming(body)
}

async fn limited(body: Bytes) -> String {
    body.len().to_string()
}

async fn follow(events: Data<Events>) -> HttpResponse {
    events.watchers.fetch_add(1, Ordering::SeqCst);
    let watcher = Watcher(Arc::clone(&events.watchers));
    let state = Some((None, events.sender.subscribe(), watcher));
    let told = stream::unfold(state, async |state| {
        let (opened, mut receiver, watcher) = state?;
        let Some(()) = opened else {
            let first = "event: open\ndata: you are here\n\n".to_owned();
            return Some((first, Some((Some(()), receiver, watcher))));
        };
        let event = receiver.recv().await.ok()?;
        let goes_on = (event != "end").then_some((opened, receiver, watcher));
        Some((format!("id: 1\ndata: {event}\n\n"), goes_on))
    });
    let told =
        futures_util::StreamExt::map(told, |text| Ok::<_, actix_web::Error>(Bytes::from(text)));
    // A compressor would keep the events to itself.
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("cache-control", "no-cache"))
        .insert_header(("content-encoding", "identity"))
        .streaming(told)
}

async fn tell(events: Data<Events>, event: String) -> &'static str {
    events.sender.send(event).expect("somebody who follows");
    ""
}

async fn watchers(events: Data<Events>) -> String {
    events.watchers.load(Ordering::SeqCst).to_string()
}

async fn denied() -> impl Responder {
    ("who are you?\n", StatusCode::FORBIDDEN)
}

async fn websocket(request: HttpRequest, body: Payload) -> actix_web::Result<HttpResponse> {
    let protocols = ["v2.chat", "v3.chat"];
    let (mut answer, session, messages) =
        actix_ws::handle_with_protocols(&request, body, &protocols)?;
    let said = HeaderValue::from_static("of the application");
    let name = HeaderName::from_static("x-handshake");
    answer.headers_mut().insert(name, said);
    actix_web::rt::spawn(talk(session, messages));
    Ok(answer)
}

/// Says everything back.
async fn talk(mut session: Session, messages: MessageStream) {
    let mut messages = messages.max_frame_size(1 << 20).aggregate_continuations();
    while let Some(Ok(message)) = messages.recv().await {
        let said = match message {
            AggregatedMessage::Text(text) if text == "bye" => {
                let reason = CloseReason {
                    code: CloseCode::Other(4000),
                    description: Some("so long".to_owned()),
                };
                let _ = session.close(Some(reason)).await;
                return;
            }
            AggregatedMessage::Text(text) if text == "drop" => return,
            AggregatedMessage::Text(text) => session.text(text).await,
            AggregatedMessage::Binary(content) => session.binary(content).await,
            AggregatedMessage::Ping(content) => session.pong(&content).await,
            AggregatedMessage::Pong(_) => Ok(()),
            AggregatedMessage::Close(reason) => {
                let _ = session.close(reason).await;
                return;
            }
        };
        if said.is_err() {
            return;
        }
    }
}
