use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::{ConnectionError, Recorded};

/// Stands before a control endpoint and passes requests on, or says that it did.
///
/// A proxy accepts an item before it sends it, so an accepted item can be lost on the way to a
/// client. This is where a test loses some.
#[derive(Debug)]
pub struct Valve {
    address: SocketAddr,
    to_lose: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Valve {
    /// Listens at `address`, and passes everything on to `control`.
    pub(crate) async fn start(address: SocketAddr, control: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free address");
        let to_lose = Arc::new(AtomicUsize::new(0));
        let losing = Arc::clone(&to_lose);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let losing = Arc::clone(&losing);
                tokio::spawn(serve(stream, control, losing));
            }
        });
        Self {
            address,
            to_lose,
            task,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many are to be lost, to share with another way to the proxy.
    pub(crate) fn to_lose(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.to_lose)
    }

    /// Accepts the next so many requests without passing them on.
    pub fn loses_next(&self, requests: usize) {
        self.to_lose.store(requests, Ordering::SeqCst);
    }

    /// How many of these have not come yet.
    #[must_use]
    pub fn still_to_lose(&self) -> usize {
        self.to_lose.load(Ordering::SeqCst)
    }
}

impl Drop for Valve {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether the next one is to be lost, which is then one less.
pub(crate) fn is_lost(to_lose: &AtomicUsize) -> bool {
    let one_less = |left: usize| left.checked_sub(1);
    to_lose
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
        .is_ok()
}

/// Passes requests on, each by itself: a publisher may use a connection many times.
async fn serve(stream: TcpStream, control: SocketAddr, losing: Arc<AtomicUsize>) {
    let service = service_fn(move |request| answer(request, control, Arc::clone(&losing)));
    // A connection that breaks is the publisher's to notice.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(
    request: http::Request<Incoming>,
    control: SocketAddr,
    losing: Arc<AtomicUsize>,
) -> Result<Response<Full<Bytes>>, ConnectionError> {
    let request = Recorded::read(request).await?;
    if is_lost(&losing) {
        let answer = Response::builder().header("content-type", "text/plain");
        return Ok(answer
            .body(Full::from("Published\n"))
            .expect("a valid answer"));
    }
    request.sent_to(control).await
}
