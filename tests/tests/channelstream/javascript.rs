//! The JavaScript client of PyPI's package, and the demo.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use axum::{Router, extract::Path as UrlPath, http::header, routing::get};
use gripware_interop::{Browser, Place, run};
use serde_json::json;
use tokio::net::TcpListener;

use crate::{
    SECRET,
    servers::{Server, Started},
    venv,
};

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
    for server in Server::OURS {
        let place = Place::new();
        let started = Started::new(&place, server).await;
        started.is_ready().await;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("node/channelstream.mjs");
        let mut command = Command::new("node");
        command
            .args(["--no-warnings", "--experimental-websocket"])
            .arg(script)
            .args([&started.address.to_string(), SECRET])
            .arg(client());
        let output = run(command).await;
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
            "{server:?}: {text}{errors}"
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
    let page = page_with_client().await;
    for server in Server::OURS {
        let place = Place::new();
        let started = Started::new(&place, server).await;
        started.is_ready().await;
        browses(page, started.address);
    }
}

/// A page with two clients, one of which polls.
fn browses(page: SocketAddr, server: SocketAddr) {
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
          const uuids = new Set();
          connection.listenMessageCallback = (frames) => frames.forEach((frame) => {{
            // Behind Pushpin one may come twice.
            if (uuids.has(frame.uuid)) return;
            uuids.add(frame.uuid);
            seen.push(username + " " + frame.channel + " " + JSON.stringify(frame.message));
          }});
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
    for server in Server::OURS {
        let place = Place::new();
        let started = Started::new(&place, server).await;
        started.is_ready().await;
        chat(&format!("http://{}/demo", started.address));
    }
}

fn chat(url: &str) {
    let mut windows = [Browser::open(url), Browser::open(url)];
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
