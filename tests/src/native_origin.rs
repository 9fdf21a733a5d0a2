use std::{convert::Infallible, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Response, StatusCode, header::SEC_WEBSOCKET_KEY};
use http_body_util::Full;
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::mpsc, task::JoinHandle, time::timeout};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::{PATIENCE, Recorded, Socket};

/// An application that speaks WebSocket itself: its end of each is the test's.
#[derive(Debug)]
pub struct NativeOrigin {
    address: SocketAddr,
    opened: mpsc::UnboundedReceiver<(Recorded, Socket)>,
    task: JoinHandle<()>,
}

/// How a handshake is answered.
type Answer = dyn Fn(&Recorded) -> Response<Bytes> + Send + Sync;

impl NativeOrigin {
    /// Listens, and answers each handshake as `answer` says. A 101 becomes a WebSocket, and gets the
    /// headers that make it one.
    ///
    /// # Panics
    /// Where the address is taken.
    pub async fn start(
        address: SocketAddr,
        answer: impl Fn(&Recorded) -> Response<Bytes> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free address");
        let answer: Arc<Answer> = Arc::new(answer);
        let (sender, opened) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (answer, sender) = (Arc::clone(&answer), sender.clone());
                let service = service_fn(move |request| {
                    handshake(request, Arc::clone(&answer), sender.clone())
                });
                let connection = http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .with_upgrades();
                // A connection that breaks is the proxy's to notice.
                tokio::spawn(async move {
                    let _ = connection.await;
                });
            }
        });
        Self {
            address,
            opened,
            task,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The next WebSocket that it has accepted, with its handshake.
    ///
    /// # Panics
    /// Where none comes within [`PATIENCE`].
    pub async fn accepts(&mut self) -> (Recorded, Socket) {
        let opened = timeout(PATIENCE, self.opened.recv()).await;
        opened.ok().flatten().expect("a WebSocket in time")
    }
}

impl Drop for NativeOrigin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn handshake(
    mut request: http::Request<Incoming>,
    answer: Arc<Answer>,
    opened: mpsc::UnboundedSender<(Recorded, Socket)>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let upgrade = hyper::upgrade::on(&mut request);
    let request = Recorded::read(request).await.expect("a request");
    let mut response = answer(&request);
    if response.status() == StatusCode::SWITCHING_PROTOCOLS {
        let key = derive_accept_key(request.header(SEC_WEBSOCKET_KEY.as_str()).as_bytes());
        for (name, value) in [
            ("upgrade", "websocket"),
            ("connection", "Upgrade"),
            ("sec-websocket-accept", &key),
        ] {
            let value = value.parse().expect("a header's value");
            response.headers_mut().insert(name, value);
        }
        tokio::spawn(async move {
            if let Ok(upgraded) = upgrade.await {
                // Nobody waits for it where the test is over.
                let _ = opened.send((request, Socket::of_origin(upgraded).await));
            }
        });
    }
    Ok(response.map(Full::new))
}
