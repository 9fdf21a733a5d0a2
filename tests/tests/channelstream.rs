//! `gripware-channelstream` beside PyPI's channelstream 0.7.1: one script against both.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{Duration, Instant},
};

use axum::{Router, extract::Path as UrlPath, http::header, routing::get};
use gripware_interop::{
    Browser, Frame, HubProgram, ISSUER, KEY, PATIENCE, Place, Process, Pushpin, Socket, program,
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const SECRET: &str = "a secret of the tests";

/// What the two say differently, as the documentation has it: each line, or part of one, of the
/// original has to occur.
const DIFFERENCES: &[(&str, &str)] = &[
    // Answers that are no pages.
    (
        "without a token: 403 (no JSON)",
        r#"without a token: 403 {"request": "Forbidden"}"#,
    ),
    (
        "poll of an unknown connection: 401 (no JSON) at once",
        r#"poll of an unknown connection: 401 {"conn_id": ["Unknown connection"]} at once"#,
    ),
    (
        "poll of a connection that has ended: 401 (no JSON) at once",
        r#"poll of a connection that has ended: 401 {"conn_id": ["Unknown connection"]} at once"#,
    ),
    ("by GET: 404 (no JSON)", "by GET: 405 (no JSON)"),
    // 4xx where the original fails.
    (
        "connect with null: 500 (no JSON)",
        r#"connect with null: 422 {"_schema": ["Invalid input type."]}"#,
    ),
    (
        "connect with no JSON: 500 (no JSON)",
        r#"connect with no JSON: 400 {"request": "Not JSON"}"#,
    ),
    (
        "settings as a list: 500 (no JSON)",
        r#"settings as a list: 422 {"_schema": ["Invalid input type."]}"#,
    ),
    (
        "poll of none: 500 (no JSON)",
        r#"poll of none: 422 {"conn_id": ["Field may not be null."]}"#,
    ),
    // What 0.2 takes.
    (
        r#"connect with no UUID: 422 {"conn_id": ["Not a valid UUID."]}"#,
        "connect with no UUID: 200 (a connection)",
    ),
    (
        r#"a message that is no list: 422 {"_schema": ["Invalid input type."]}"#,
        "a message that is no list: 200 (a message)",
    ),
    (
        r#"info as 0.2 asks for it: 422 {"info": ["Missing data for required field."]}"#,
        "info as 0.2 asks for it: 200 (channels)",
    ),
    // An unknown connection is told of by itself.
    (
        r#"{"channels": ["Shorter than minimum length 1."], "conn_id": ["Unknown connection"]}"#,
        r#"{"channels": ["Shorter than minimum length 1."]}"#,
    ),
    // Private messages in histories.
    (r#""private": 1"#, r#""private": 0"#),
    // A token of the future.
    (
        r#"with a token of the future: 200 {"channels": {}, "users": []}"#,
        r#"with a token of the future: 401 {"request": "Bad Signature"}"#,
    ),
    // The socket that another one has replaced.
    (
        "alice's first socket hears nothing",
        "alice's first socket is closed with 1000",
    ),
    (
        "alice's second socket after the end of the first hears nothing",
        "alice's second socket after the end of the first hears a message",
    ),
];

#[derive(Clone, Copy, Debug)]
enum Server {
    /// PyPI's.
    Original,
    Ours,
    OursBehindPushpin,
    /// The program `gripware-hub`.
    OursBehindHub,
}

#[tokio::test]
async fn a_browser_and_a_backend_cannot_tell_the_two_apart() {
    let place = Place::new();
    let original = plays(&place, Server::Original).await;
    let mut expected = original.clone();
    for (theirs, ours) in DIFFERENCES {
        assert!(
            expected.contains(theirs),
            "no difference any more: {theirs}\n{expected}"
        );
        expected = expected.replace(theirs, ours);
    }
    for server in [
        Server::Ours,
        Server::OursBehindHub,
        Server::OursBehindPushpin,
    ] {
        let ours = plays(&place, server).await;
        for (ours, expected) in ours.lines().zip(expected.lines()) {
            assert_eq!(ours, expected, "{server:?}");
        }
        assert_eq!(ours.lines().count(), expected.lines().count(), "{server:?}");
    }
}

async fn plays(place: &Place, server: Server) -> String {
    let started = match server {
        Server::Original => original(place).await,
        Server::Ours => ours(place, None).await,
        Server::OursBehindPushpin => behind_pushpin(place).await,
        Server::OursBehindHub => behind_hub(place).await,
    };
    let output = play(started.address, "play.py").await;
    let transcript = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{server:?}: {transcript}{errors}");
    transcript
}

/// A server that runs for as long as this is kept.
struct Started {
    address: SocketAddr,
    _process: Process,
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

async fn original(place: &Place) -> Started {
    let address = place.free_address();
    let ini = place.directory().join("original.ini");
    let settings = format!(
        "[channelstream]\nsecret = {SECRET}\nadmin_secret = x\nhost = {}\nport = {}\n",
        address.ip(),
        address.port()
    );
    fs::write(&ini, settings).expect("a file");
    let mut command = Command::new(venv().join("python"));
    command
        .arg(scripts().join("serve.py"))
        .arg("-i")
        .arg(ini)
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let process = Process::start(command, place.directory(), "original");
    started(process, address, None).await
}

/// With the hub inside, or as the origin of a proxy, which asks it at the first address.
async fn ours(place: &Place, proxy: Option<(SocketAddr, Proxy)>) -> Started {
    ours_with(place, proxy, None).await
}

/// The same, with a Redis that processes share.
async fn ours_with(
    place: &Place,
    proxy: Option<(SocketAddr, Proxy)>,
    redis: Option<&str>,
) -> Started {
    let (listen, proxy) = match proxy {
        Some((origin, proxy)) => (origin, Some(proxy)),
        None => (place.free_address(), None),
    };
    let ini = place.directory().join(format!("{}.ini", listen.port()));
    // The proxy says whom it forwards for.
    let settings = format!(
        "[channelstream]\nsecret = {SECRET}\nadmin_secret = x\nhost = {}\nport = {}\njsonp = 1\ndemo = 1\n\
         allow_posting_from = 127.0.0.1,\n    127.0.0.2\n",
        listen.ip(),
        listen.port()
    );
    fs::write(&ini, settings).expect("a file");
    let mut command = Command::new(program("gripware-channelstream"));
    command
        .arg("-i")
        .arg(ini)
        .env_remove("GRIP_URL")
        .env_remove("GRIPWARE_RELAY")
        .env_remove("GRIPWARE_STATE");
    if let Some(proxy) = &proxy {
        let control = proxy.control();
        let url = format!("http://{control}/?verify-iss={ISSUER}&verify-key={KEY}");
        command.env("GRIP_URL", url);
    }
    if let Some(redis) = redis {
        command
            .env("GRIPWARE_STATE", redis)
            .env("GRIPWARE_RELAY", redis);
    }
    let name = format!("channelstream-{}", listen.port());
    let process = Process::start(command, place.directory(), &name);
    started(process, listen, proxy).await
}

async fn behind_pushpin(place: &Place) -> Started {
    let of_pushpin = Place::new();
    let [client, control, origin] = [(); 3].map(|()| of_pushpin.free_address());
    let pushpin = Pushpin::start(of_pushpin, client, control, origin, false);
    ours(place, Some((origin, Proxy::Pushpin(pushpin)))).await
}

async fn behind_hub(place: &Place) -> Started {
    let of_hub = Place::new();
    let [client, control, origin] = [(); 3].map(|()| of_hub.free_address());
    let further = ["--max-channels", "102"];
    let hub = HubProgram::start(of_hub, client, control, origin, &further).await;
    ours(place, Some((origin, Proxy::Hub(hub)))).await
}

/// Waits until a server takes clients.
async fn started(mut process: Process, listen: SocketAddr, proxy: Option<Proxy>) -> Started {
    listens(&mut process, listen).await;
    Started {
        address: proxy.as_ref().map_or(listen, Proxy::client),
        _process: process,
        _proxy: proxy,
    }
}

async fn listens(process: &mut Process, address: SocketAddr) {
    let start = Instant::now();
    while tokio::net::TcpStream::connect(address).await.is_err() {
        assert!(process.ended().is_none(), "{}", process.errors());
        assert!(start.elapsed() < PATIENCE, "it does not listen");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn play(address: SocketAddr, script: &str) -> Output {
    let mut command = Command::new(venv().join("python"));
    command
        .arg(scripts().join(script))
        .args([&address.to_string(), SECRET])
        .env("PYTHONDONTWRITEBYTECODE", "1");
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output.await.expect("no panic");
    output.expect("run tests/peers first")
}

fn venv() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.peers/channelstream/bin")
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers_py/channelstream")
}

/// The JavaScript client, as PyPI's package has it.
fn client() -> PathBuf {
    let libraries = venv().join("../lib");
    let python = fs::read_dir(libraries).expect("run tests/peers first");
    let mut clients = python.map(|python| {
        let packages = python.expect("a directory").path().join("site-packages");
        packages.join("channelstream/static/channelstream")
    });
    let client = clients.find(|client| client.join("channelstream.js").exists());
    client.expect("run tests/peers first")
}

#[tokio::test]
async fn the_javascript_client_works_in_node() {
    let place = Place::new();
    for server in [Server::Ours, Server::OursBehindHub] {
        let started = match server {
            Server::Ours => ours(&place, None).await,
            _ => behind_hub(&place).await,
        };
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("node/channelstream.mjs");
        let mut command = Command::new("node");
        command
            .args(["--no-warnings", "--experimental-websocket"])
            .arg(script)
            .args([&started.address.to_string(), SECRET])
            .arg(client());
        let output = tokio::task::spawn_blocking(move || command.output());
        let output = output.await.expect("no panic").expect("node runs");
        let text = String::from_utf8(output.stdout).expect("text");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}{errors}");
        // Bob's polls hear the same, whenever they come.
        // It closes its socket beside that, which may come first.
        assert!(text.contains(r#""alice" "disconnected""#), "{text}{errors}");
        let of_alice: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("\"alice") && !line.contains("disconnected"))
            .collect();
        assert_eq!(
            of_alice,
            [
                r#""alice" "connected" ["room"]"#,
                r#""alice" "message" "alice" "room" {"n":1}"#,
                r#""alice" "message:edit" null "room" {"n":2}"#,
                r#""alice" "message:delete" null "room" null"#,
                r#""alice" "subscribed" ["other","room"]"#,
                r#""alice" "message" "bob" "other" {"n":4}"#,
                r#""alice" "unsubscribed" ["other"]"#,
            ],
            "{text}{errors}"
        );
        assert!(
            text.contains(r#""bob" "message" "alice" null {"n":3}"#),
            "{text}"
        );
    }
}

/// A page with the client, as an application would serve it.
async fn page_with_client() -> SocketAddr {
    async fn script(
        UrlPath(name): UrlPath<String>,
    ) -> ([(header::HeaderName, &'static str); 1], String) {
        let text = fs::read_to_string(client().join(name)).expect("a script");
        ([(header::CONTENT_TYPE, "text/javascript")], text)
    }

    let app = Router::new()
        .route(
            "/",
            get(|| async { axum::response::Html("<title>page</title>") }),
        )
        .route("/client/{name}", get(script));
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(axum::serve(listener, app).into_future());
    address
}

// The browser is waited for without giving way to the page's server, which runs beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_javascript_client_works_in_a_browser() {
    let place = Place::new();
    let started = ours(&place, None).await;
    let (page, server) = (page_with_client().await, started.address);
    let mut browser = Browser::open(&format!("http://{page}/"));
    browser.run(&format!(
        r#"
        const {{ ChannelStreamConnection }} = await import("/client/channelstream.js");
        const {{ ChannelStreamSigner }} = await import("/client/signer.js");
        window.seen = [];
        window.open = (username, noWebsocket) => {{
          const connection = new ChannelStreamConnection();
          const url = (path) => "http://{server}/" + path + "?secret="
            + encodeURIComponent(new ChannelStreamSigner("{SECRET}").signRequest());
          Object.assign(connection, {{
            username, noWebsocket, channels: ["room"], shouldReconnect: false,
            websocketUrl: "ws://{server}/ws", longPollUrl: "http://{server}/listen",
            connectUrl: url("connect"), messageUrl: url("message"), subscribeUrl: url("subscribe"),
          }});
          connection.listenOpenedCallback = () => seen.push(username + " listens");
          connection.listenMessageCallback = (frames) => frames.forEach((frame) =>
            seen.push(username + " " + frame.channel + " " + JSON.stringify(frame.message)));
          connection.connect();
          return connection;
        }};
        window.alice = window.open("alice", false);
        "#
    ));
    browser.sees("seen", &json!(["alice listens"]));
    browser.run(
        "window.seen = [];
         alice.message([{user: 'alice', channel: 'room', message: {n: 1}}]);",
    );
    browser.sees("seen", &json!([r#"alice room {"n":1}"#]));
    browser.run(
        "window.seen = [];
         alice.subscribeCallback = () =>
           alice.message([{user: 'alice', channel: 'other', message: {n: 2}}]);
         alice.subscribe(['other']);",
    );
    browser.sees("seen", &json!([r#"alice other {"n":2}"#]));
    browser.run("window.seen = []; window.bob = window.open('bob', true);");
    browser.comes_to("seen.includes('bob listens')", &json!(true));
    browser.run("alice.message([{user: 'alice', pm_users: ['bob'], message: {n: 3}}]);");
    browser.comes_to(r#"seen.includes('bob null {"n":3}')"#, &json!(true));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_windows_chat_in_the_demo() {
    let place = Place::new();
    let started = ours(&place, None).await;
    let url = format!("http://{}/demo", started.address);
    let mut windows = [Browser::open(&url), Browser::open(&url)];
    for (window, name) in windows.iter_mut().zip(["anna", "bob"]) {
        window.run(&format!(
            "document.querySelector('#connect input').value = '{name}';
             document.querySelector('#connect').requestSubmit();"
        ));
        let status = "document.querySelector('#status').textContent";
        window.comes_to(status, &json!(format!("Connected as {name}")));
    }
    let users = "[...document.querySelectorAll('#users li')].map((line) => line.textContent)";
    let frames = "[...document.querySelectorAll('#frames li')].map((line) => line.textContent)";
    for window in &mut windows {
        window.comes_to(users, &json!(["anna (fine)", "bob (fine)"]));
    }
    let [anna, bob] = &mut windows;
    bob.run(
        "document.querySelector('#message [name=text]').value = 'hello';
         document.querySelector('#message').requestSubmit();",
    );
    let heard = json!(["bob has joined pub_chan", "[pub_chan] bob: hello"]);
    anna.comes_to(frames, &heard);
    bob.comes_to(frames, &json!(["[pub_chan] bob: hello"]));
    anna.run(
        "const mood = document.querySelector('#mood');
         mood.value = 'glad';
         mood.dispatchEvent(new Event('change'));
         const form = document.querySelector('#message');
         form.text.value = 'only you';
         form.to.value = 'bob';
         form.requestSubmit();",
    );
    bob.comes_to(users, &json!(["anna (glad)", "bob (fine)"]));
    bob.comes_to(frames, &json!(["[pub_chan] bob: hello", "anna: only you"]));
}

/// A Redis and its URL.
async fn redis(place: &Place, address: SocketAddr) -> Process {
    let mut command = Command::new("redis-server");
    command
        .args(["--bind", &address.ip().to_string()])
        .args(["--port", &address.port().to_string()])
        .args([
            "--save",
            "",
            "--appendonly",
            "yes",
            "--appendfsync",
            "always",
        ])
        .args(["--protected-mode", "no", "--dir"])
        .arg(place.directory());
    let mut process = Process::start(command, place.directory(), "redis");
    listens(&mut process, address).await;
    process
}

/// A call of the backend at a node.
async fn call(node: &Started, path: &str, body: Value) -> Result<Value, String> {
    let mut command = Command::new(venv().join("python"));
    command.arg(scripts().join("call.py")).args([
        &node.address.to_string(),
        SECRET,
        path,
        &body.to_string(),
    ]);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = output
        .await
        .expect("no panic")
        .expect("run tests/peers first");
    let text = String::from_utf8(output.stdout).expect("text");
    match output.status.success() {
        true => Ok(serde_json::from_str(&text).expect("JSON")),
        false => Err(text),
    }
}

/// Makes a connection known at one node and opens its socket at another.
async fn opens(connects: &Started, listens: &Started, user: &str) -> (String, Socket) {
    let body = json!({"username": user, "channels": ["room"]});
    let told = call(connects, "/connect", body)
        .await
        .expect("it is let in");
    let id = told["conn_id"].as_str().expect("an id").to_owned();
    let socket = Socket::open(listens.address, &format!("/ws?conn_id={id}")).await;
    (id, socket)
}

/// The next frame that is no heartbeat.
async fn frame(socket: &mut Socket) -> Value {
    loop {
        let Frame::Text(text) = socket.next().await else {
            panic!("the socket has ended");
        };
        let mut frames: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        if let Some(frame) = frames.pop() {
            return frame;
        }
    }
}

async fn hears(socket: &mut Socket, message: &Value) {
    assert_eq!(&frame(socket).await["message"], message);
}

#[tokio::test]
async fn two_nodes_are_one_and_a_killed_redis_loses_nothing() {
    let place = Place::new();
    let at = place.free_address();
    let url = format!("redis://{at}");
    let mut redis_process = redis(&place, at).await;
    let one = ours_with(&place, None, Some(&url)).await;
    let two = ours_with(&place, None, Some(&url)).await;
    let settings = json!({"room": {"notify_presence": true, "store_history": true}});
    call(&one, "/channel_config", settings)
        .await
        .expect("settings");

    let (anna_id, mut anna) = opens(&one, &two, "anna").await;
    let (_, mut bob) = opens(&two, &one, "bob").await;
    assert_eq!(
        frame(&mut anna).await["message"],
        json!({"action": "joined"})
    );
    let message = |n: u64| json!([{"user": "x", "channel": "room", "message": {"n": n}}]);
    for (n, node) in [(1, &one), (2, &two)] {
        call(node, "/message", message(n)).await.expect("a message");
        hears(&mut anna, &json!({"n": n})).await;
        hears(&mut bob, &json!({"n": n})).await;
    }
    let private = json!([{"user": "x", "pm_users": ["anna"], "message": {"n": 3}}]);
    call(&one, "/message", private).await.expect("a message");
    hears(&mut anna, &json!({"n": 3})).await;
    // Its socket is at the other node.
    let more = json!({"conn_id": anna_id, "channels": ["other"]});
    call(&one, "/subscribe", more).await.expect("a channel");
    let other = json!([{"user": "x", "channel": "other", "message": {"n": 4}}]);
    call(&two, "/message", other).await.expect("a message");
    hears(&mut anna, &json!({"n": 4})).await;

    redis_process.kill();
    let refused = call(&one, "/message", message(5)).await;
    assert!(refused.is_err(), "nobody has it: {refused:?}");
    redis_process = redis(&place, at).await;
    let start = Instant::now();
    while call(&two, "/message", message(6)).await.is_err() {
        assert!(
            start.elapsed() < 2 * PATIENCE,
            "the node does not come back"
        );
    }
    // What failed may have been kept, or not; what was accepted is heard.
    for socket in [&mut anna, &mut bob] {
        while frame(socket).await["message"] != json!({"n": 6}) {}
    }
    let told = call(&one, "/info", json!({"channels": ["room"]})).await;
    let told = told.expect("what there is");
    let history = told["channels"]["room"]["history"]
        .as_array()
        .expect("a list");
    for n in [1, 2, 6] {
        let has = |entry: &Value| entry["message"] == json!({"n": n});
        assert!(history.iter().any(has), "{n}: {told}");
    }
    assert_eq!(told["channels"]["room"]["users"], json!(["anna", "bob"]));

    // A connection that nobody opens ends once, although two nodes look for it.
    let idle = json!({"username": "carol", "channels": ["room"]});
    call(&one, "/connect", idle).await.expect("it is let in");
    for action in ["joined", "parted"] {
        let told = frame(&mut anna).await;
        assert_eq!(
            (&told["user"], &told["message"]["action"]),
            (&json!("carol"), &json!(action))
        );
    }
    bob.closes(1000, "").await;
    let told = frame(&mut anna).await;
    assert_eq!(
        (&told["user"], &told["message"]["action"]),
        (&json!("bob"), &json!("parted"))
    );
    redis_process.stop(PATIENCE).await;
}

/// What 0.2 says, of which `first.txt` was recorded, and ours beside it.
#[tokio::test]
async fn with_the_wire_of_0_2_it_says_what_0_2_said() {
    let place = Place::new();
    let address = place.free_address();
    let mut command = Command::new(program("gripware-channelstream"));
    command
        .args(["--listen", &address.to_string(), "--secret", SECRET])
        .args(["--wire", "0.2"])
        .env_remove("GRIP_URL")
        .env_remove("GRIPWARE_RELAY")
        .env_remove("GRIPWARE_STATE");
    let process = Process::start(command, place.directory(), "channelstream");
    let started = started(process, address, None).await;
    let output = play(started.address, "play_first.py").await;
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let ours = String::from_utf8(output.stdout).expect("text");
    let recorded = fs::read_to_string(scripts().join("first.txt")).expect("a record");
    let theirs = recorded.replace(
        "of an unknown one: 401 (no JSON)",
        r#"of an unknown one: 401 {"conn_id": ["Unknown connection"]}"#,
    );
    assert_ne!(theirs, recorded);
    // Its description promises `date`, and it has `timestamp`.
    let without_dates = without_dates(&ours);
    assert_ne!(without_dates, ours);
    for (ours, theirs) in without_dates.lines().zip(theirs.lines()) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(without_dates.lines().count(), theirs.lines().count());
}

/// Takes `"date": "…", ` out of a transcript.
fn without_dates(transcript: &str) -> String {
    let mut parts = transcript.split(r#""date": ""#);
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (_, rest) = part.split_once("\", ").expect("a value");
        text.push_str(rest);
    }
    text
}
