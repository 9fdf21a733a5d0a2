//! Ends of pipes in this process, on loopback, with certificates of their own.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

pub mod relay;

use std::{
    future::IntoFuture,
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use gripware_pipe::{
    Authority, Body, CallError, Failure, Hooks, Identity, Lost, Name, Peer, PipeClient,
    PipeClientBuilder, PipeServer, PipeServerBuilder, Remote, Settings, events::Events,
};
use http::{Request, Response};
use http_body_util::BodyExt;
use tempfile::TempDir;
use tokio::{
    net::TcpListener,
    sync::mpsc,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

/// Longer than anything takes, on a machine that does much else.
pub const LONG: Duration = Duration::from_secs(30);

/// An authority with the certificates of `localhost` as a server.
pub struct Site {
    pub folder: TempDir,
    pub authority: Authority,
}

/// One end at work.
pub struct Running {
    stop: CancellationToken,
    task: JoinHandle<std::io::Result<()>>,
}

impl Site {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::create(folder.path()).unwrap();
        authority.server("localhost", 1).unwrap();
        Self { folder, authority }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn identity(&self, name: &str) -> Identity {
        let (certificate, key) = (format!("{name}.crt.pem"), format!("{name}.key.pem"));
        Identity::from_files(
            self.path("ca.crt.pem"),
            self.path(&certificate),
            self.path(&key),
        )
    }

    pub fn server_builder(&self) -> PipeServerBuilder {
        let identity = self
            .identity("localhost")
            .with_revoked_file(self.path("revoked"));
        PipeServer::builder(identity).settings(quick())
    }

    /// A client whose certificate is made here.
    pub fn client_builder(&self, name: &str, server: SocketAddr) -> PipeClientBuilder {
        if !self.path(&format!("{name}.crt.pem")).exists() {
            self.authority.client(name, 1).unwrap();
        }
        PipeClient::builder(self.identity(name))
            .server(server.to_string().parse().unwrap())
            .settings(quick())
            .retry(Duration::from_millis(20), Duration::from_millis(200))
    }

    /// A server with the handlers that are built in.
    pub async fn server(&self) -> (PipeServer, SocketAddr, Running) {
        let server = self.server_builder().build().unwrap();
        let (address, running) = serve(&server).await;
        (server, address, running)
    }

    /// A client with the handlers that are built in, once it is connected.
    pub async fn client(&self, name: &str, server: SocketAddr) -> (PipeClient, Running) {
        let client = self.client_builder(name, server).build().unwrap();
        let running = Running::client(&client, Events::built_in("client"));
        within(client.connected()).await;
        (client, running)
    }
}

pub async fn serve(server: &PipeServer) -> (SocketAddr, Running) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let running = Running::start(|stop| {
        server
            .serve(listener, Events::built_in("server"))
            .with_graceful_shutdown(stop.cancelled_owned())
            .into_future()
    });
    (address, running)
}

impl Running {
    pub fn start<F>(make: impl FnOnce(CancellationToken) -> F) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let stop = CancellationToken::new();
        let task = tokio::spawn(make(stop.clone()));
        Self { stop, task }
    }

    pub fn client<S, B>(client: &PipeClient, handler: S) -> Self
    where
        S: tower::Service<Request<Body>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send + 'static,
        S::Error: Into<gripware_pipe::BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<gripware_pipe::BoxError>,
    {
        let serve = client.serve(handler);
        Self::start(|stop| {
            serve
                .with_graceful_shutdown(stop.cancelled_owned())
                .into_future()
        })
    }

    /// Ends it, with a time for what is under way.
    pub async fn stop(self) {
        self.stop.cancel();
        within(self.task).await.unwrap().unwrap();
    }

    /// Ends it as a power cut does.
    pub async fn kill(self) {
        self.task.abort();
        assert!(within(self.task).await.unwrap_err().is_cancelled());
    }
}

/// Settings with which tests do not wait for long.
pub fn quick() -> Settings {
    Settings::new()
        .refresh(Duration::from_millis(50))
        .drain(Duration::from_secs(3))
}

pub async fn within<F: IntoFuture>(future: F) -> F::Output {
    timeout(LONG, future).await.expect("it takes too long")
}

/// Waits until something is so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let waiting = async {
        while !is_so() {
            sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(timeout(LONG, waiting).await.is_ok(), "never: {what}");
}

pub fn name(name: &str) -> Name {
    name.parse().unwrap()
}

pub async fn get(remote: &Remote, uri: &str) -> Result<(u16, String), CallError> {
    let request = Request::get(uri).body(Body::empty()).unwrap();
    let response = within(remote.clone().oneshot(request)).await?;
    let status = response.status().as_u16();
    let body = within(response.into_body().collect())
        .await
        .unwrap()
        .to_bytes();
    Ok((status, String::from_utf8(body.to_vec()).unwrap()))
}

/// Hooks that write down what they are told.
#[derive(Clone, Debug, Default)]
pub struct Diary(Arc<Mutex<Vec<String>>>);

impl Diary {
    pub fn entries(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    pub fn has(&self, part: &str) -> bool {
        self.entries().iter().any(|entry| entry.contains(part))
    }

    fn write(&self, entry: String) {
        self.0.lock().unwrap().push(entry);
    }
}

impl Hooks for Diary {
    fn connected(&self, peer: &Peer) {
        self.write(format!("connected {}", peer.name()));
    }

    fn lost(&self, peer: &Peer, why: Lost) {
        self.write(format!("lost {}: {why:?}", peer.name()));
    }

    fn failed(&self, failure: &Failure<'_>) {
        let mut text = format!("failed: {}", failure.error);
        let mut cause = failure.error.source();
        while let Some(error) = cause {
            text += &format!(": {error}");
            cause = error.source();
        }
        self.write(text);
    }
}

/// A handler that says when it has begun, and answers when it is told to.
pub fn slow() -> (
    Events,
    mpsc::UnboundedReceiver<()>,
    Arc<tokio::sync::Semaphore>,
) {
    let (began, begun) = mpsc::unbounded_channel();
    let go = Arc::new(tokio::sync::Semaphore::new(0));
    let gate = Arc::clone(&go);
    let handler = move |_: gripware_pipe::events::Event| {
        let _ = began.send(());
        let gate = Arc::clone(&gate);
        async move {
            gate.acquire_owned().await.unwrap().forget();
            ("text/plain", 0, "at last")
        }
    };
    let events = Events::new()
        .on(http::Method::GET, "slow", handler.clone())
        .on(http::Method::POST, "slow", handler);
    (events, begun, go)
}
