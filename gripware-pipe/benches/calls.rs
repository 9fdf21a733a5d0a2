//! What a call on a pipe costs, beside the same call over plain HTTP/2, in turns in one run.
//!
//! ```text
//! cargo bench -p gripware-pipe                    calls: p50, p99, calls per second
//! cargo bench -p gripware-pipe -- bulk            2 GB in each direction, with the size of the process
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "it is a benchmark"
)]

use std::{
    convert::Infallible,
    fs,
    future::IntoFuture,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use gripware_pipe::{Authority, Body, Identity, PipeClient, PipeServer};
use http::{Request, Response};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::{client::conn::http2::SendRequest, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig, crypto::aws_lc_rs::default_provider,
    pki_types::PrivateKeyDer,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};
use tower::ServiceExt;

/// Rounds in turns, so that what else the machine does hits all alike.
const ROUNDS: usize = 5;
const CALLS: usize = 4000;
const AT_ONCE: usize = 64;

/// A way to make a call.
trait Call: Clone + Send + 'static {
    fn call(&self) -> impl Future<Output = Bytes> + Send;
}

#[derive(Clone)]
struct Plain(SendRequest<Full<Bytes>>);

#[derive(Clone)]
struct Piped(gripware_pipe::Remote);

impl Call for Plain {
    async fn call(&self) -> Bytes {
        let request = Request::get("http://localhost/time")
            .body(Full::default())
            .unwrap();
        let response = self.0.clone().send_request(request).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    }
}

impl Call for Piped {
    async fn call(&self) -> Bytes {
        let request = Request::get("/time").body(Body::empty()).unwrap();
        let response = self.0.clone().oneshot(request).await.unwrap();
        response.into_body().collect().await.unwrap().to_bytes()
    }
}

const ANSWER: &[u8] = br#"{"time_from_server": 1402897823.882672}"#;

/// Two sockets that are connected, on loopback.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (near, far) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (near, (far, _)) = (near.unwrap(), far.unwrap());
    near.set_nodelay(true).unwrap();
    far.set_nodelay(true).unwrap();
    (near, far)
}

/// HTTP/2 without any of this crate.
async fn plain<S>(near: S, far: S) -> Plain
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let answer = |_| async { Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(ANSWER)))) };
    let builder = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
    tokio::spawn(builder.serve_connection(TokioIo::new(far), service_fn(answer)));
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = builder.handshake(TokioIo::new(near)).await.unwrap();
    tokio::spawn(connection);
    Plain(sender)
}

/// The same two sockets with TLS, without certificates of clients.
async fn with_tls() -> (TlsStream<TcpStream>, TlsStream<TcpStream>) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.der().clone();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let provider = Arc::new(default_provider());
    let config = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let (near, far) = sockets().await;
    let name = "localhost".try_into().unwrap();
    let (near, far) = tokio::join!(connector.connect(name, near), acceptor.accept(far));
    (near.unwrap().into(), far.unwrap().into())
}

/// A server and its only client, which answers, counts and sends.
async fn pipe() -> (PipeServer, PipeClient) {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::create(folder.path()).unwrap();
    authority.server("localhost", 1).unwrap();
    authority.client("app", 1).unwrap();
    let identity = |name: &str| {
        let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
        let (certificate, key) = (format!("{name}.crt.pem"), format!("{name}.key.pem"));
        Identity::from_pem(&read("ca.crt.pem"), &read(&certificate), &read(&key))
    };
    let server = PipeServer::builder(identity("localhost")).build().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(
        server
            .serve(listener, tower::service_fn(answer))
            .into_future(),
    );
    let client = PipeClient::builder(identity("app"));
    let client = client
        .server(address.to_string().parse().unwrap())
        .build()
        .unwrap();
    tokio::spawn(client.serve(tower::service_fn(answer)).into_future());
    client.connected().await;
    (server, client)
}

async fn answer(request: Request<Body>) -> Result<Response<Body>, Infallible> {
    let body = match request.uri().path() {
        "/count" => Body::from(count(request.into_body()).await.to_string()),
        "/bulk" => bulk(),
        _ => Body::from(ANSWER),
    };
    Ok(Response::new(body))
}

const BULK: usize = 2_000_000_000;

fn bulk() -> Body {
    let piece = Bytes::from(vec![b'x'; 64 * 1024]);
    let pieces = (0..BULK.div_ceil(piece.len()))
        .map(move |_| Ok::<_, Infallible>(http_body::Frame::data(piece.clone())));
    Body::new(StreamBody::new(futures_util::stream::iter(pieces)))
}

async fn count(mut body: Body) -> usize {
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        length += frame.unwrap().data_ref().map_or(0, Bytes::len);
    }
    length
}

/// One after the other: the times of each, in order of size.
async fn one_at_a_time(call: &impl Call) -> Vec<Duration> {
    let mut times = Vec::with_capacity(CALLS);
    for _ in 0..CALLS {
        let begun = Instant::now();
        assert_eq!(call.call().await, ANSWER);
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    times
}

/// Many at once: calls per second.
async fn many_at_once(call: &impl Call) -> f64 {
    let begun = Instant::now();
    let callers = (0..AT_ONCE).map(|_| {
        let call = call.clone();
        tokio::spawn(async move {
            for _ in 0..CALLS / AT_ONCE * 4 {
                assert_eq!(call.call().await, ANSWER);
            }
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.unwrap();
    }
    let calls = CALLS / AT_ONCE * 4 * AT_ONCE;
    f64::from(u32::try_from(calls).unwrap()) / begun.elapsed().as_secs_f64()
}

fn median<T: PartialOrd + Copy>(mut all: Vec<T>) -> T {
    all.sort_by(|a, b| a.partial_cmp(b).unwrap());
    all[all.len() / 2]
}

async fn calls() {
    let (near, far) = sockets().await;
    let bare = plain(near, far).await;
    let (near, far) = with_tls().await;
    let over_tls = plain(near, far).await;
    let (server, client) = pipe().await;
    let to_client = Piped(server.client(&"app".parse().unwrap()));
    let to_server = Piped(client.server());
    let mut rows = [(); 4].map(|()| (Vec::new(), Vec::new(), Vec::new()));
    for round in 0..=ROUNDS {
        let of = [
            (one_at_a_time(&bare).await, many_at_once(&bare).await),
            (
                one_at_a_time(&over_tls).await,
                many_at_once(&over_tls).await,
            ),
            (
                one_at_a_time(&to_client).await,
                many_at_once(&to_client).await,
            ),
            (
                one_at_a_time(&to_server).await,
                many_at_once(&to_server).await,
            ),
        ];
        // The first round warms up.
        if round > 0 {
            for (row, (times, rate)) in rows.iter_mut().zip(of) {
                row.0.push(times[times.len() / 2]);
                row.1.push(times[times.len() * 99 / 100]);
                row.2.push(rate);
            }
        }
    }
    println!("{:<28} {:>10} {:>10} {:>12}", "", "p50", "p99", "calls/s");
    let names = [
        "plain HTTP/2",
        "plain HTTP/2 over TLS",
        "pipe, server to client",
        "pipe, client to server",
    ];
    for (name, (p50, p99, rate)) in names.into_iter().zip(rows) {
        let (p50, p99, rate) = (median(p50), median(p99), median(rate));
        println!("{name:<28} {p50:>10.1?} {p99:>10.1?} {rate:>12.0}");
    }
}

/// A line of this process's status, in KiB.
fn memory(name: &str) -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    line.split_ascii_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap()
}

async fn bulks() {
    let (server, _client) = pipe().await;
    let app = server.client(&"app".parse().unwrap());
    let before = memory("VmRSS:");
    let begun = Instant::now();
    let request = Request::post("/count").body(bulk()).unwrap();
    let response = app.clone().oneshot(request).await.unwrap();
    let counted = response.into_body().collect().await.unwrap().to_bytes();
    let to = begun.elapsed();
    let begun = Instant::now();
    let request = Request::get("/bulk").body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    let received = count(response.into_body()).await;
    let from = begun.elapsed();
    let peak = memory("VmHWM:");
    println!("to the client:   {counted:?} bytes in {to:.1?}");
    println!("from the client: {received} bytes in {from:.1?}");
    println!("resident: {before} KiB before, {peak} KiB at most (both ends)");
}

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    if std::env::args().any(|argument| argument == "bulk") {
        runtime.block_on(bulks());
    } else {
        runtime.block_on(calls());
    }
}
