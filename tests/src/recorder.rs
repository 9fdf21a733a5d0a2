use std::{
    fmt,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{ConnectionError, Request, until};

/// What a test answers by itself, in place of the origin: a whole response, or nothing where the
/// origin is to answer.
pub type Script = dyn Fn(&Recorded) -> Option<Response<Bytes>> + Send + Sync;

/// Stands between a proxy and the origin, and keeps what the proxy asks.
#[derive(Debug)]
pub struct Recorder {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Recorded>>>,
    task: JoinHandle<()>,
}

/// A request as an origin gets it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// The method.
    pub method: String,
    /// The path and the query.
    pub path: String,
    /// The headers, in the order of their arrival.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
}

impl Recorded {
    /// A header's value, empty where it is absent.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("a header of ASCII"))
    }
}

impl Recorded {
    /// Reads a whole request.
    pub(crate) async fn read(request: http::Request<Incoming>) -> Result<Self, ConnectionError> {
        let (head, body) = request.into_parts();
        Ok(Self {
            method: head.method.to_string(),
            path: head.uri.to_string(),
            headers: head.headers,
            body: body.collect().await?.to_bytes(),
        })
    }

    /// Sends it on as it is, and reads the whole answer.
    pub(crate) async fn sent_to(
        self,
        address: SocketAddr,
    ) -> Result<Response<Full<Bytes>>, ConnectionError> {
        let mut forward = Request::bare(&self.method, address, &self.path).body(self.body);
        for (name, value) in &self.headers {
            if !["content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
                forward = forward.header(name.as_str(), value.as_bytes());
            }
        }
        let (mut head, body) = forward.exchange().await?.into_parts();
        head.headers.remove("transfer-encoding");
        let body = body.collect().await?.to_bytes();
        Ok(Response::from_parts(head, Full::new(body)))
    }
}

impl Recorder {
    /// Listens at `address`, asks `script`, and then the origin.
    pub(crate) async fn start(
        address: SocketAddr,
        origin: SocketAddr,
        script: Arc<Script>,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let recorded = Arc::clone(&recorded);
                let script = Arc::clone(&script);
                let service = service_fn(move |request| {
                    answer(request, origin, Arc::clone(&recorded), Arc::clone(&script))
                });
                let connection = http1::Builder::new()
                    .preserve_header_case(true)
                    .serve_connection(TokioIo::new(stream), service);
                // A connection that breaks is the proxy's to notice.
                tokio::spawn(async move {
                    let _ = connection.await;
                });
            }
        });
        Self {
            address,
            requests,
            task,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.lock().clone()
    }

    /// Waits until it was asked with a body that begins like this.
    ///
    /// # Panics
    /// Where it is not within [`PATIENCE`](crate::PATIENCE).
    pub async fn is_told(&self, beginning: &[u8]) {
        until("the origin to be told", async || {
            let requests = self.lock();
            requests
                .iter()
                .any(|request| request.body.starts_with(beginning))
        })
        .await;
    }

    /// Forgets what was asked so far.
    pub fn forgets(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Recorded>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(
    request: http::Request<Incoming>,
    origin: SocketAddr,
    recorded: Arc<Mutex<Vec<Recorded>>>,
    script: Arc<Script>,
) -> Result<Response<Full<Bytes>>, ConnectionError> {
    let request = Recorded::read(request).await?;
    recorded
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(request.clone());
    if let Some(response) = script(&request) {
        return Ok(response.map(Full::new));
    }
    request.sent_to(origin).await
}

/// A script that answers nothing by itself.
pub(crate) fn no_script() -> Arc<Script> {
    Arc::new(|_| None)
}

pub(crate) struct Scripted(pub(crate) Arc<Script>);

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scripted")
    }
}
