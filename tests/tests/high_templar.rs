//! `gripware-templar` beside PyPI's high-templar 3.1.0: one RabbitMQ, one backend, one script.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use gripware_interop::{Frame, PATIENCE, Place, Process, RabbitMq, Socket, program};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// What the two say differently, as their documentation has it.
const DIFFERENCES: &[(&str, &str)] = &[
    (
        r#""is_authorized": true}"#,
        r#""is_authenticated": true, "is_authorized": true}"#,
    ),
    (
        r#"{"is_authorized": false}"#,
        r#"{"is_authenticated": false, "is_authorized": false}"#,
    ),
];

/// Which headers of the handshake both have to pass on.
const HEADERS: [&str; 4] = ["cookie", "user-agent", "x-csrftoken", "authorization"];

#[tokio::test]
async fn a_client_and_a_backend_cannot_tell_the_two_apart() {
    let place = Place::new();
    let rabbitmq = RabbitMq::start().await;
    let mut transcripts = Vec::new();
    for is_ours in [false, true] {
        let backend = Backend::start().await;
        let (backend_at, broker) = (backend.address, rabbitmq.address());
        let (address, _process) = if is_ours {
            ours(&place, backend_at, broker).await
        } else {
            original(&place, backend_at, broker).await
        };
        let output = python(
            "client.py",
            &[
                &address.to_string(),
                &rabbitmq.address().ip().to_string(),
                &rabbitmq.address().port().to_string(),
            ],
        )
        .await;
        let transcript = String::from_utf8(output.stdout).expect("text");
        assert!(
            output.status.success(),
            "{transcript}{}",
            String::from_utf8_lossy(&output.stderr)
        );
        transcripts.push((transcript, backend.shown("me").await));
    }
    let (ours, original) = (transcripts.pop().unwrap(), transcripts.pop().unwrap());
    let mut expected = original.0;
    // It shows its counts to everybody.
    expected = expected
        .lines()
        .map(|line| match line.contains("open_connections") {
            true => r#"answer {"code": "error", "message": "message-type-not-allowed", "requestId": "(the id of the connection)"}"#,
            false => line,
        })
        .fold(String::new(), |text, line| text + line + "\n");
    for (theirs, ours) in DIFFERENCES {
        assert!(
            expected.contains(theirs),
            "no difference any more: {theirs}"
        );
        expected = expected.replace(theirs, ours);
    }
    assert_eq!(ours.0, expected);
    assert_eq!(ours.1, original.1, "what the backend was shown");
}

#[tokio::test]
async fn clients_stay_while_the_broker_is_away() {
    let place = Place::new();
    let mut rabbitmq = RabbitMq::start().await;
    let backend = Backend::start().await;
    let (address, _process) = ours(&place, backend.address, rabbitmq.address()).await;
    let mut client = Socket::open(address, "/ws/").await;
    assert_eq!(json(client.next().await)["is_authorized"], true);
    let room = json!({"target": "m", "customer": "1"});
    let subscribe = json!({"type": "subscribe", "room": room, "requestId": "a"});
    client.sends(&subscribe.to_string()).await;
    assert_eq!(json(client.next().await)["code"], "success");
    hears_a_trigger(&mut client, &rabbitmq, &room).await;
    rabbitmq.restart().await;
    client.sends("ping").await;
    client.receives("pong").await;
    hears_a_trigger(&mut client, &rabbitmq, &room).await;
}

/// Sends triggers until one arrives: what is sent while nobody has a queue is lost.
async fn hears_a_trigger(client: &mut Socket, rabbitmq: &RabbitMq, room: &Value) {
    let body = json!({"rooms": [room], "data": "x"}).to_string();
    let start = Instant::now();
    loop {
        let address = rabbitmq.address();
        let (host, port) = (address.ip().to_string(), address.port().to_string());
        // Before the exchange is there this fails.
        let _ = python("trigger.py", &[&host, &port, &body]).await;
        let next = tokio::time::timeout(Duration::from_secs(1), client.next()).await;
        if let Ok(frame) = next {
            assert_eq!(
                json(frame),
                json!({"type": "publish", "data": "x", "requestId": "a"})
            );
            return;
        }
        assert!(start.elapsed() < 3 * PATIENCE, "no trigger arrives");
    }
}

/// PyPI's.
async fn original(place: &Place, backend: SocketAddr, broker: SocketAddr) -> (SocketAddr, Process) {
    let address = place.free_address();
    let mut command = Command::new(venv().join("hypercorn"));
    command
        .args(["-b", &address.to_string(), "serve:app"])
        .current_dir(scripts())
        .env("API_URL", format!("http://{backend}/"))
        .env("BROKER", broker.to_string())
        .env("PYTHONDONTWRITEBYTECODE", "1");
    started(
        Process::start(command, place.directory(), "high-templar"),
        address,
        broker,
    )
    .await
}

async fn ours(place: &Place, backend: SocketAddr, broker: SocketAddr) -> (SocketAddr, Process) {
    let address = place.free_address();
    let mut command = Command::new(program("gripware-templar"));
    command
        .args(["--listen", &address.to_string()])
        .args(["--api-url", &format!("http://{backend}/")])
        .args(["--amqp", &format!("amqp://guest:guest@{broker}/%2f")])
        .args(["--notify-online", "true"])
        .env_remove("GRIP_URL");
    started(
        Process::start(command, place.directory(), "templar"),
        address,
        broker,
    )
    .await
}

/// Waits until a server takes clients, and triggers reach them.
async fn started(
    mut process: Process,
    address: SocketAddr,
    broker: SocketAddr,
) -> (SocketAddr, Process) {
    let start = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(process.ended().is_none(), "it has ended");
        assert!(start.elapsed() < PATIENCE, "it does not listen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut client = Socket::open(address, "/ws/").await;
    client.next().await;
    let room = json!({"target": "m", "customer": "ready"});
    let subscribe = json!({"type": "subscribe", "room": room, "requestId": "ready"});
    client.sends(&subscribe.to_string()).await;
    client.next().await;
    let body = json!({"rooms": [room], "data": "ready"}).to_string();
    let (host, port) = (broker.ip().to_string(), broker.port().to_string());
    loop {
        let _ = python("trigger.py", &[&host, &port, &body]).await;
        let next = tokio::time::timeout(Duration::from_secs(1), client.next()).await;
        if next.is_ok() {
            break;
        }
        assert!(start.elapsed() < 3 * PATIENCE, "no trigger arrives");
    }
    client.closes(1000, "").await;
    (address, process)
}

/// The API. The cookie `who` says what it answers.
struct Backend {
    address: SocketAddr,
    seen: Seen,
}

type Seen = Arc<Mutex<Vec<(String, HeaderMap)>>>;

impl Backend {
    async fn start() -> Self {
        let seen = Seen::default();
        let router = Router::new()
            .route("/bootstrap/", get(bootstrap))
            .route("/{*path}", any(noted))
            .with_state(Arc::clone(&seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { address, seen }
    }

    /// The requests in the name of a user, with the headers that matter. They come from several
    /// connections at once, so their order is not the servers'.
    async fn shown(&self, who: &str) -> Vec<String> {
        let start = Instant::now();
        loop {
            let mut shown: Vec<String> = self
                .seen
                .lock()
                .unwrap()
                .iter()
                .filter(|(_, headers)| cookie(headers).contains(&format!("who={who}")))
                .map(|(path, headers)| {
                    let values = HEADERS.map(|name| format!("{name}: {:?}", headers.get(name)));
                    format!("{path} {}", values.join(", "))
                })
                .collect();
            if shown
                .iter()
                .any(|request| request.contains("notify_offline"))
            {
                shown.sort();
                return shown;
            }
            assert!(start.elapsed() < PATIENCE, "{shown:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn cookie(headers: &HeaderMap) -> String {
    let cookie = headers.get("cookie").and_then(|it| it.to_str().ok());
    cookie.unwrap_or_default().to_owned()
}

async fn bootstrap(State(seen): State<Seen>, headers: HeaderMap) -> Response {
    let who = cookie(&headers);
    seen.lock()
        .unwrap()
        .push(("/bootstrap/".to_owned(), headers));
    let json = |body: Value| ([("content-type", "application/json")], body.to_string());
    if who.contains("who=nobody") {
        StatusCode::FORBIDDEN.into_response()
    } else if who.contains("who=text") {
        "hello".into_response()
    } else if who.contains("who=strange") {
        json(json!({"allowed_rooms": "x"})).into_response()
    } else {
        let any = json!({"target": "m", "customer": "*"});
        json(json!({"allowed_rooms": [any, {"target": "one", "customer": 1}]})).into_response()
    }
}

async fn noted(State(seen): State<Seen>, request: Request) -> &'static str {
    let noted = (request.uri().path().to_owned(), request.headers().clone());
    seen.lock().unwrap().push(noted);
    "ok"
}

fn json(frame: Frame) -> Value {
    match frame {
        Frame::Text(text) => serde_json::from_str(&text).expect("JSON"),
        frame => panic!("{frame:?}"),
    }
}

/// Runs a script to its end.
async fn python(script: &str, arguments: &[&str]) -> Output {
    let mut command = Command::new(venv().join("python"));
    command.arg(scripts().join(script)).args(arguments);
    tokio::task::spawn_blocking(move || command.output().expect("run tests/peers first"))
        .await
        .expect("no panic")
}

fn venv() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.peers/venv/bin")
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers_py/high_templar")
}
