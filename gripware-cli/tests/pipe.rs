//! The program in front of an application that dials in.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it is a test")]

use std::{
    fs::File,
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use axum::{Router, http::Request, routing::get};
use gripware_pipe::{Authority, Body, Identity, PipeClient};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tower::ServiceExt;

const LONG: Duration = Duration::from_secs(60);

/// The program, with an authority of its own.
struct Hub {
    child: Child,
    front: SocketAddr,
    pipe: SocketAddr,
    folder: TempDir,
}

impl Hub {
    fn start() -> Self {
        Self::with(&["--origin", "pipe:app"])
    }

    fn with(flags: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create(folder.path()).unwrap();
        authority.server("localhost", 1).unwrap();
        for client in ["app", "other"] {
            authority.client(client, 1).unwrap();
        }
        let errors = File::create(folder.path().join("errors")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_gripware-hub"))
            .env_clear()
            .current_dir(folder.path())
            .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
            .args(["--pipe", "127.0.0.1:0"])
            .args(flags)
            .args(["--pipe-ca", "ca.crt.pem", "--pipe-revoked", "revoked"])
            .args(["--pipe-cert", "localhost.crt.pem"])
            .args(["--pipe-key", "localhost.key.pem"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |before: &str| -> SocketAddr {
            let line = lines.next().unwrap().unwrap();
            let address = line.strip_prefix(before);
            address.unwrap_or_else(|| panic!("{line}")).parse().unwrap()
        };
        let front = address("listening on ");
        address("control on ");
        let pipe = address("pipe on ");
        Self {
            child,
            front,
            pipe,
            folder,
        }
    }

    fn client(&self, name: &str) -> PipeClient {
        let path = |name: &str| self.folder.path().join(name);
        let identity = Identity::from_files(
            path("ca.crt.pem"),
            path(&format!("{name}.crt.pem")),
            path(&format!("{name}.key.pem")),
        );
        let address = format!("localhost:{}", self.pipe.port());
        let builder = PipeClient::builder(identity).server(address.parse().unwrap());
        builder.build().unwrap()
    }

    async fn asks(&self, path: &str) -> Client {
        self.asks_of("example.org", path).await
    }

    async fn asks_of(&self, host: &str, path: &str) -> Client {
        let mut stream = TcpStream::connect(self.front).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        Client(stream)
    }

    fn errors(&self) -> String {
        let path: &Path = self.folder.path();
        std::fs::read_to_string(path.join("errors")).unwrap()
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("{}", self.errors());
        }
    }
}

struct Client(TcpStream);

impl Client {
    /// Reads until it has read this.
    async fn sees(&mut self, what: &str) -> String {
        let mut seen = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&seen).into_owned();
            if text.contains(what) {
                return text;
            }
            let read = timeout(LONG, self.0.read_buf(&mut seen)).await;
            assert_ne!(read.unwrap().unwrap(), 0, "{text}");
        }
    }
}

fn app() -> Router {
    let hold = [
        ("content-type", "text/plain"),
        ("grip-hold", "stream"),
        ("grip-channel", "news"),
    ];
    Router::new().route("/news", get(move || async move { (hold, "[open]\n") }))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_dials_in_serves_held_clients_and_publishes() {
    let mut hub = Hub::start();
    hub.asks("/news").await.sees("HTTP/1.1 502").await;

    let client = hub.client("app");
    tokio::spawn(client.serve(app()).into_future());
    timeout(LONG, client.connected()).await.unwrap();
    let mut held = hub.asks("/news").await;
    held.sees("[open]\n").await;

    let item = r#"{"items":[{"channel":"news","formats":{"http-stream":{"content":"hi\n"}}}]}"#;
    let publish = Request::post("/publish/")
        .header("host", "localhost")
        .body(Body::from(item))
        .unwrap();
    let response = client.server().oneshot(publish).await.unwrap();
    assert_eq!(response.status(), 200);
    held.sees("hi\n").await;

    kill_process(Pid::from_child(&hub.child), Signal::TERM).unwrap();
    held.sees("0\r\n\r\n").await;
    let ended = tokio::task::block_in_place(|| hub.child.wait()).unwrap();
    assert_eq!(ended.code(), Some(0), "{}", hub.errors());
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_is_the_application() {
    let hub = Hub::start();
    let other = hub.client("other");
    tokio::spawn(other.serve(app()).into_future());
    let client = hub.client("app");
    tokio::spawn(client.serve(app()).into_future());
    timeout(LONG, client.connected()).await.unwrap();
    assert!(!other.is_connected());
    hub.asks("/news").await.sees("[open]\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_that_dial_in_stand_beside_one_at_an_address() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let elsewhere = Router::new().fallback(async || "elsewhere\n");
    tokio::spawn(axum::serve(listener, elsewhere).into_future());
    let hub = Hub::with(&[
        "--route",
        "app.example pipe:app,timeout=30",
        "--route",
        "other.example,path_beg=/news pipe:other",
        "--origin",
        &format!("http://{address}"),
    ]);
    let mut clients = Vec::new();
    for name in ["app", "other"] {
        let client = hub.client(name);
        let app = app().route("/name", get(move || async move { format!("{name}\n") }));
        tokio::spawn(client.serve(app).into_future());
        timeout(LONG, client.connected()).await.unwrap();
        clients.push(client);
    }
    for (host, path, what) in [
        ("app.example", "/name", "app\n"),
        ("other.example", "/news", "[open]\n"),
        ("other.example", "/name", "elsewhere\n"),
        ("example", "/", "elsewhere\n"),
    ] {
        hub.asks_of(host, path).await.sees(what).await;
    }
}

#[test]
fn what_the_pipe_needs_is_said() {
    for (flags, what) in [
        (&["--origin=pipe:app"][..], "--pipe is required"),
        (
            &["--origin=pipe:app", "--pipe=127.0.0.1:0"],
            "--pipe-ca is required",
        ),
        (&["--origin=pipe:"], "--origin: it is no name of a client"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_gripware-hub"))
            .env_clear()
            .args([
                "--listen=127.0.0.1:0",
                "--control=127.0.0.1:0",
                "--log=error",
            ])
            .args(flags)
            .output()
            .unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(
            errors.starts_with(&format!("gripware-hub: {what}")),
            "{errors}"
        );
    }
}
