//! Connections to subscribers: the name is resolved, each address is checked, and only one that was
//! checked is dialled.

use std::{
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use bytes::{Bytes, buf::Chain};
use gripware_topics::tls::{Tls, TlsError};
use http::Uri;
use http_body_util::Full;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::{
    net::TcpStream,
    time::{Instant, timeout, timeout_at},
};
use tower_service::Service;

use crate::Targets;

/// How long a connection may take until it is there. Within the time of a delivery. Of several addresses
/// each has its part of it.
const CONNECT: Duration = Duration::from_secs(5);

/// How long an idle connection is kept. Servers of Python close after five seconds, and one that
/// closes as a message is sent has it missed. There are no more of them than there were deliveries at
/// a time.
const IDLE: Duration = Duration::from_secs(4);

/// A head and a message behind it, without being copied together.
pub(crate) type Body = Full<Chain<Bytes, Bytes>>;

pub(crate) type Sender = Client<HttpsConnector<Dialler>, Body>;

/// Makes what POSTs to subscribers: over HTTP/1.1, and TLS. It follows no redirect and asks no proxy.
pub(crate) fn sender(targets: Targets, tls: Tls) -> Result<Sender, TlsError> {
    Ok(Client::builder(TokioExecutor::new())
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .build(tls.wrap(Dialler(targets))?))
}

/// Dials what is permitted.
#[derive(Clone, Debug)]
pub(crate) struct Dialler(Targets);

impl Service<Uri> for Dialler {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<TcpStream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let targets = self.0.clone();
        let until = Instant::now() + CONNECT;
        Box::pin(async move {
            let dialled = timeout_at(until, dial(&targets, &uri, until)).await;
            dialled.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        })
    }
}

async fn dial(targets: &Targets, uri: &Uri, until: Instant) -> io::Result<TokioIo<TcpStream>> {
    let host = uri.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let default = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    let port = uri.port_u16().unwrap_or(default);
    let addresses = tokio::net::lookup_host((host, port)).await?;
    let stream = first(targets, addresses.collect(), until, TcpStream::connect).await?;
    // Whatever is sent is sent whole.
    stream.set_nodelay(true)?;
    Ok(TokioIo::new(stream))
}

/// Connects to the first of the addresses that may be dialled and answers. What is left of the time is
/// shared out.
async fn first<T, F>(
    targets: &Targets,
    addresses: Vec<SocketAddr>,
    until: Instant,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    let mut left = addresses.len();
    for address in addresses {
        if targets.permit(address.ip()) {
            let part = until.saturating_duration_since(Instant::now())
                / u32::try_from(left).unwrap_or(u32::MAX);
            match timeout(part, connect(address)).await {
                Ok(Ok(connected)) => return Ok(connected),
                Ok(Err(error)) => failed = error,
                Err(_) => failed = io::ErrorKind::TimedOut.into(),
            }
        } else {
            let text = format!("{} is no address that may be dialled", address.ip());
            failed = io::Error::new(io::ErrorKind::PermissionDenied, text);
        }
        left -= 1;
    }
    Err(failed)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_name_is_refused_by_what_it_resolves_to() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let until = Instant::now() + CONNECT;
        for host in ["localhost", "127.0.0.1", "[::ffff:127.0.0.1]"] {
            let uri: Uri = format!("http://{host}:{port}/").parse().unwrap();
            let refused = dial(&Targets::public(), &uri, until).await.unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::PermissionDenied, "{host}");
        }
        let targets = Targets::public().allow("127.0.0.1".parse().unwrap());
        let uri = format!("http://localhost:{port}/").parse().unwrap();
        assert!(dial(&targets, &uri, until).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_does_not_answer_leaves_time_for_the_next() {
        let addresses: Vec<SocketAddr> = ["[2001:db8::1]:80", "198.51.100.1:80", "203.0.113.1:80"]
            .map(|address| address.parse().unwrap())
            .into();
        let good = addresses[2];
        let targets = ["2001:db8::/32", "198.51.100.0/24", "203.0.113.0/24"]
            .into_iter()
            .fold(Targets::public(), |targets, network| {
                targets.allow(network.parse().unwrap())
            });
        let connect = |address| async move {
            if address != good {
                std::future::pending::<()>().await;
            }
            Ok(address)
        };
        let until = Instant::now() + CONNECT;
        // The name took the most of it.
        tokio::time::advance(CONNECT * 3 / 4).await;
        let connected = first(&targets, addresses, until, connect).await;
        assert_eq!(connected.unwrap(), good);
        assert!(Instant::now() < until);
    }
}
