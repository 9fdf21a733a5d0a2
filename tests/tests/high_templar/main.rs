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
    routing::{any, get, post},
};
use gripware_interop::{
    Frame, HubProgram, ISSUER, KEY, PATIENCE, Peer, Place, Process, Pushpin, RabbitMq, Request,
    Socket, program, until,
};
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

/// What is answered to a `status` without the key.
const REFUSED_STATUS: &str = r#"answer {"code": "error", "message": "message-type-not-allowed", "requestId": "(the id of the connection)"}"#;

/// Which headers of the handshake both have to pass on.
const HEADERS: [&str; 4] = ["cookie", "user-agent", "x-csrftoken", "authorization"];

#[tokio::test]
async fn a_client_and_a_backend_cannot_tell_the_two_apart() {
    let place = Place::new();
    let rabbitmq = RabbitMq::start().await;
    let original = plays(&place, Server::Original, &rabbitmq).await;
    let mut expected: String = original
        .transcript
        .lines()
        .map(|line| match line.contains("open_connections") {
            // It shows its counts to everybody.
            true => REFUSED_STATUS,
            false => line,
        })
        .flat_map(|line| [line, "\n"])
        .collect();
    for (theirs, ours) in DIFFERENCES {
        assert!(
            expected.contains(theirs),
            "no difference any more: {theirs}"
        );
        expected = expected.replace(theirs, ours);
    }
    for server in [
        Server::Ours,
        Server::OursBehindPushpin,
        Server::OursBehindHub,
    ] {
        let ours = plays(&place, server, &rabbitmq).await;
        assert_eq!(ours.transcript, expected, "{server:?}");
        assert_eq!(ours.shown, original.shown, "{server:?}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Server {
    /// PyPI's.
    Original,
    Ours,
    OursBehindPushpin,
    /// The program `gripware-hub`.
    OursBehindHub,
}

/// What a client and the backend saw.
struct Played {
    transcript: String,
    shown: Vec<String>,
}

async fn plays(place: &Place, server: Server, rabbitmq: &RabbitMq) -> Played {
    let backend = Backend::start().await;
    let broker = rabbitmq.address();
    let started = match server {
        Server::Original => original(place, backend.address, broker).await,
        Server::Ours => ours(place, backend.address, broker, None, None).await,
        Server::OursBehindPushpin => behind_pushpin(place, backend.address, broker).await,
        Server::OursBehindHub => behind_hub(place, backend.address, broker, None).await,
    };
    let (host, port) = (broker.ip().to_string(), broker.port().to_string());
    let address = started.address.to_string();
    let output = python("client.py", &[&address, &host, &port]).await;
    let transcript = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{server:?}: {transcript}{errors}");
    Played {
        transcript,
        shown: backend.shown("me").await,
    }
}

#[tokio::test]
async fn clients_stay_while_the_broker_is_away() {
    let place = Place::new();
    let mut rabbitmq = RabbitMq::start().await;
    let backend = Backend::start().await;
    let server = ours(&place, backend.address, rabbitmq.address(), None, None).await;
    let mut client = Socket::open(server.address, "/ws/").await;
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

// The browser is waited for without giving way to the API, which runs beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_of_a_browser_hears_its_rooms_and_one_of_another_site_does_not() {
    let place = Place::new();
    let backend = Backend::start().await;
    let page = format!("http://{}", backend.address);
    for (allowed, heard) in [("", "refused"), (page.as_str(), "publish")] {
        let listen = place.free_address();
        let mut command = Command::new(program("gripware-templar"));
        command
            .args(["--listen", &listen.to_string()])
            .args(["--api-url", &format!("{page}/")])
            .args(["--trigger-key", "key"])
            .args(["--allowed-origins", allowed])
            .env_remove("GRIP_URL");
        let mut process = Process::start(command, place.directory(), "templar");
        listens(&mut process, listen).await;
        let mut browser = Peer::browser();
        let visited = browser.ask("visit", &json!({"url": format!("{page}/page/")}));
        assert_eq!(visited, Ok(json!(200)));
        let script = format!(
            r#"
            const socket = new WebSocket("ws://{listen}/ws/");
            const room = {{target: "m", customer: "1"}};
            return await new Promise((resolve) => {{
              socket.onerror = () => resolve("refused");
              socket.onmessage = (message) => {{
                const frame = JSON.parse(message.data);
                if (frame.is_authorized) {{
                  socket.send(JSON.stringify({{type: "subscribe", room, requestId: "a"}}));
                }} else if (frame.code) {{
                  fetch("/trigger/?templar={listen}", {{method: "POST"}});
                }} else {{
                  resolve(frame.type);
                }}
              }};
            }});
            "#
        );
        let answer = browser.ask("evaluate", &json!({"script": script}));
        assert_eq!(answer, Ok(json!(heard)), "{allowed:?}");
    }
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

#[tokio::test]
async fn a_process_that_is_started_again_knows_the_connections_that_another_had() {
    let place = Place::new();
    let (rabbitmq, backend) = (RabbitMq::start().await, Backend::start().await);
    let (redis, _redis) = redis(&place).await;
    let broker = rabbitmq.address();
    let mut server = behind_hub(&place, backend.address, broker, Some(&redis)).await;

    let mut client = Socket::open(server.address, "/ws/").await;
    assert_eq!(json(client.next().await)["is_authorized"], true);
    for customer in ["1", "2"] {
        let room = json!({"target": "m", "customer": customer});
        let subscribe = json!({"type": "subscribe", "room": room, "requestId": customer});
        client.sends(&subscribe.to_string()).await;
        assert_eq!(json(client.next().await)["code"], "success");
    }
    let body = |customer: &str| {
        json!({"rooms": [{"target": "m", "customer": customer}], "data": customer}).to_string()
    };
    let (host, port) = (broker.ip().to_string(), broker.port().to_string());
    assert!(server.process.stop(PATIENCE).await.success());
    // It waits in the queue that processes share.
    assert!(
        python("trigger.py", &[&host, &port, &body("1")])
            .await
            .status
            .success()
    );
    server.process = Process::start((server.command)(), place.directory(), "templar-2");
    listens(&mut server.process, server.listen).await;
    let heard =
        |customer: &str| json!({"type": "publish", "data": customer, "requestId": customer});
    assert_eq!(json(client.next().await), heard("1"));

    let unsubscribe = json!({"type": "unsubscribe", "requestId": "1"});
    client.sends(&unsubscribe.to_string()).await;
    assert_eq!(json(client.next().await)["code"], "success");
    for customer in ["1", "2"] {
        let published = python("trigger.py", &[&host, &port, &body(customer)]).await;
        assert!(published.status.success());
    }
    assert_eq!(json(client.next().await), heard("2"));
}

#[tokio::test]
async fn each_trigger_reaches_the_clients_of_all_processes_once() {
    const TRIGGERS: usize = 20;
    let place = Place::new();
    let (rabbitmq, backend) = (RabbitMq::start().await, Backend::start().await);
    let (redis, _redis) = redis(&place).await;
    let broker = rabbitmq.address();
    let mut servers = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..2 {
        let server = ours(&place, backend.address, broker, None, Some(&redis)).await;
        let mut client = Socket::open(server.address, "/ws/").await;
        assert_eq!(json(client.next().await)["is_authorized"], true);
        let room = json!({"target": "m", "customer": "1"});
        let subscribe = json!({"type": "subscribe", "room": room, "requestId": "a"});
        client.sends(&subscribe.to_string()).await;
        assert_eq!(json(client.next().await)["code"], "success");
        servers.push(server);
        clients.push(client);
    }
    let (host, port) = (broker.ip().to_string(), broker.port().to_string());
    let triggers: Vec<_> = (0..TRIGGERS)
        .map(|n| json!({"rooms": [{"target": "m", "customer": "1"}], "data": n}).to_string())
        .collect();
    let mut arguments = vec![host.as_str(), &port];
    arguments.extend(triggers.iter().map(String::as_str));
    assert!(python("trigger.py", &arguments).await.status.success());
    for client in &mut clients {
        // Which process has which of them, and so in which order they come, is up to the broker.
        let mut heard = Vec::new();
        while heard.len() < TRIGGERS {
            heard.push(json(client.next().await)["data"].as_u64());
        }
        heard.sort_unstable();
        let all: Vec<_> = (0..TRIGGERS as u64).map(Some).collect();
        assert_eq!(heard, all);
        client.sends("ping").await;
        client.receives("pong").await;
    }
}

/// A Redis and its URL.
async fn redis(place: &Place) -> (String, Process) {
    let address = place.free_address();
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", &address.ip().to_string()])
        .args(["--port", &address.port().to_string()])
        .args(["--save", "", "--protected-mode", "no"]);
    let mut process = Process::start(command, place.directory(), "redis");
    listens(&mut process, address).await;
    (format!("redis://{address}"), process)
}

/// A server that runs for as long as this is kept.
struct Started {
    address: SocketAddr,
    /// Where the process itself listens, and how it is started again.
    listen: SocketAddr,
    command: Box<dyn Fn() -> Command>,
    process: Process,
    _proxy: Option<Proxy>,
}

/// What is in front of a process.
enum Proxy {
    Pushpin(Pushpin),
    Hub(HubProgram),
}

impl Proxy {
    fn client(&self) -> SocketAddr {
        match self {
            Self::Pushpin(pushpin) => pushpin.client(),
            Self::Hub(hub) => hub.client(),
        }
    }

    fn control(&self) -> SocketAddr {
        match self {
            Self::Pushpin(pushpin) => pushpin.control(),
            Self::Hub(hub) => hub.control(),
        }
    }
}

async fn original(place: &Place, backend: SocketAddr, broker: SocketAddr) -> Started {
    let address = place.free_address();
    let command = move || {
        let mut command = Command::new(venv().join("hypercorn"));
        command
            .args(["-b", &address.to_string(), "serve:app"])
            .current_dir(scripts())
            .env("API_URL", format!("http://{backend}/"))
            .env("BROKER", broker.to_string())
            .env("PYTHONDONTWRITEBYTECODE", "1");
        command
    };
    let process = Process::start(command(), place.directory(), "high-templar");
    started(process, Box::new(command), address, None, broker).await
}

/// With the hub inside, or as the origin of a proxy, which asks it at the first address.
///
/// Processes share what is known of connections in a Redis, and those with the hub inside have their
/// relay there.
async fn ours(
    place: &Place,
    backend: SocketAddr,
    broker: SocketAddr,
    proxy: Option<(SocketAddr, Proxy)>,
    redis: Option<&str>,
) -> Started {
    let (listen, proxy) = match proxy {
        Some((origin, proxy)) => (origin, Some(proxy)),
        None => (place.free_address(), None),
    };
    let control = proxy.as_ref().map(Proxy::control);
    let redis = redis.map(str::to_owned);
    let command = move || {
        let mut command = Command::new(program("gripware-templar"));
        command
            .args(["--listen", &listen.to_string()])
            .args(["--api-url", &format!("http://{backend}/")])
            .args(["--amqp", &format!("amqp://guest:guest@{broker}/%2f")])
            .arg("--notify-online")
            .env_remove("GRIP_URL")
            .env_remove("GRIPWARE_RELAY")
            .env_remove("GRIPWARE_STATE");
        if let Some(control) = control {
            let url = format!("http://{control}/?verify-iss={ISSUER}&verify-key={KEY}");
            command.env("GRIP_URL", url);
        }
        if let Some(redis) = &redis {
            command.env("GRIPWARE_STATE", redis);
            if control.is_none() {
                command.env("GRIPWARE_RELAY", redis);
            }
        }
        command
    };
    let process = Process::start(command(), place.directory(), "templar");
    started(process, Box::new(command), listen, proxy, broker).await
}

async fn behind_pushpin(place: &Place, backend: SocketAddr, broker: SocketAddr) -> Started {
    let of_pushpin = Place::new();
    let [client, control, origin] = [(); 3].map(|()| of_pushpin.free_address());
    let pushpin = Pushpin::start(of_pushpin, client, control, origin, false);
    let proxy = Some((origin, Proxy::Pushpin(pushpin)));
    ours(place, backend, broker, proxy, None).await
}

async fn behind_hub(
    place: &Place,
    backend: SocketAddr,
    broker: SocketAddr,
    redis: Option<&str>,
) -> Started {
    let of_hub = Place::new();
    let [client, control, origin] = [(); 3].map(|()| of_hub.free_address());
    let further = ["--max-channels", "1001", "--max-meta", "1000"];
    let hub = HubProgram::start(of_hub, client, control, origin, &further).await;
    ours(
        place,
        backend,
        broker,
        Some((origin, Proxy::Hub(hub))),
        redis,
    )
    .await
}

/// Waits until a server takes clients, and triggers reach them.
async fn started(
    mut process: Process,
    command: Box<dyn Fn() -> Command>,
    listen: SocketAddr,
    proxy: Option<Proxy>,
    broker: SocketAddr,
) -> Started {
    let address = proxy.as_ref().map_or(listen, Proxy::client);
    listens(&mut process, listen).await;
    // Pushpin may need a moment more.
    until("an answer", async || {
        let answer = Request::new("GET", address, "/").try_send().await;
        answer.is_ok_and(|answer| answer.status() != 502)
    })
    .await;
    let start = Instant::now();
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
    Started {
        address,
        listen,
        command,
        process,
        _proxy: proxy,
    }
}

async fn listens(process: &mut Process, address: SocketAddr) {
    let start = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(process.ended().is_none(), "it has ended");
        assert!(start.elapsed() < PATIENCE, "it does not listen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
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
            .route("/page/", get(|| async { "a page" }))
            .route("/trigger/", post(trigger))
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

/// Has the API send a trigger, with its key, to the rooms at the address in the query.
async fn trigger(request: Request) {
    let query = request.uri().query().unwrap_or_default();
    let address = query.strip_prefix("templar=").expect("an address");
    let rooms = json!([{"target": "m", "customer": "1"}]);
    let body = json!({"rooms": rooms, "data": "x"}).to_string();
    let answer = gripware_interop::Request::new("POST", address.parse().unwrap(), "/trigger/")
        .header("authorization", "Bearer key")
        .body(body)
        .send()
        .await;
    assert_eq!(answer.status(), 200);
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
