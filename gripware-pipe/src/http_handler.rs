use std::{
    convert::Infallible,
    fmt,
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    str::FromStr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use http::{
    HeaderName, HeaderValue, Request, Response, StatusCode, Uri, Version,
    uri::{Authority, PathAndQuery, Scheme},
};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection, HttpConnector},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use thiserror::Error;
use tokio::time::timeout;
use tower_service::Service;

use crate::{
    Body, BoxError, Exception, Peer, events::FAILED, message, settings::MAX_HEADERS, socket::Socket,
};

/// Who has made a request, for a handler that is an HTTP server: the name of a client, or the name
/// that the server was dialled under.
const PIPE_CALLER: HeaderName = HeaderName::from_static("pipe-caller");

/// How long a connection to the handler may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection is kept for a next request. Servers close theirs after 5 s (Node.js) or
/// more; closing first avoids most requests on a connection that has ended.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

/// A handler that is an HTTP server, in any language: it gets `<verb> /<noun>//<params>`.
///
/// Its address is `http://HOST:PORT`, with a path that is put before the noun where it has one, or
/// `unix:/PATH` of a socket. Who has made the request is in the header `Pipe-Caller`. Its response is
/// passed as it is; where it has none, the response is 500 with code 251, or 504 after a time.
///
/// ```
/// use gripware_pipe::HttpHandler;
///
/// assert!("http://127.0.0.1:3000".parse::<HttpHandler>().is_ok());
/// assert!("unix:/run/app.sock".parse::<HttpHandler>().is_ok());
/// assert!("127.0.0.1:3000".parse::<HttpHandler>().is_err());
/// ```
#[derive(Clone)]
pub struct HttpHandler {
    client: Client<Connector, Body>,
    authority: Authority,
    base: Arc<str>,
    limit: Duration,
}

/// Why a text is no address of a handler.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the handler is at {expected}, with a path where it has one")]
pub struct HttpHandlerError {
    expected: &'static str,
}

impl HttpHandler {
    /// How long the head of a response may take by default.
    const DEFAULT_LIMIT: Duration = Duration::from_secs(60);

    fn new(connector: Connector, authority: Authority, base: &str) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_idle_timeout(IDLE_TIMEOUT)
            .pool_timer(TokioTimer::new())
            .http1_max_headers(MAX_HEADERS)
            .build(connector);
        Self {
            client,
            authority,
            base: base.into(),
            limit: Self::DEFAULT_LIMIT,
        }
    }

    /// Sets how long the head of a response may take. Default: 60 s.
    #[must_use]
    pub fn response_timeout(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    fn target(&self, uri: &Uri) -> Result<Uri, http::Error> {
        let path = uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let path = if path.starts_with('/') { path } else { "/" };
        Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(self.authority.clone())
            .path_and_query(format!("{}{path}", self.base))
            .build()
    }

    async fn ask(self, mut request: Request<Body>) -> Response<Body> {
        let peer = request.extensions_mut().remove::<Peer>();
        let headers = request.headers_mut();
        headers.remove(PIPE_CALLER);
        let caller = peer.map(|peer| HeaderValue::from_str(peer.caller()));
        if let Some(Ok(caller)) = caller {
            headers.insert(PIPE_CALLER, caller);
        }
        let failed = |class: &str, what: String, status| {
            Exception::new(class, what).with_status(status, FAILED)
        };
        let error = StatusCode::INTERNAL_SERVER_ERROR;
        match self.target(request.uri()) {
            Ok(target) => *request.uri_mut() = target,
            Err(error) => {
                return failed("Target", error.to_string(), StatusCode::BAD_REQUEST);
            }
        }
        *request.version_mut() = Version::HTTP_11;
        match timeout(self.limit, self.client.request(request)).await {
            Ok(Ok(mut response)) => {
                message::strip(response.headers_mut());
                response.map(Body::incoming)
            }
            Ok(Err(cause)) if cause.is_connect() => {
                failed("Unreachable", "the handler cannot be reached".into(), error)
            }
            Ok(Err(_)) => failed("Failed", "the handler has not answered".into(), error),
            Err(_) => {
                let what = format!("the handler has not answered within {:?}", self.limit);
                failed("TimedOut", what, StatusCode::GATEWAY_TIMEOUT)
            }
        }
    }
}

impl FromStr for HttpHandler {
    type Err = HttpHandlerError;

    fn from_str(text: &str) -> Result<Self, HttpHandlerError> {
        if let Some(path) = text.strip_prefix("unix:") {
            if !path.starts_with('/') {
                let expected = "unix:/PATH";
                return Err(HttpHandlerError { expected });
            }
            // A name for the pool of connections: the connector does not look at it.
            let authority = Authority::from_static("localhost");
            let connector = Connector::Unix(PathBuf::from(path).into());
            return Ok(Self::new(connector, authority, ""));
        }
        let expected = "http://HOST:PORT or unix:/PATH";
        let wrong = || HttpHandlerError { expected };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let authority = uri.authority().filter(|it| {
            let has_port = it.as_str() != it.host();
            let is_port = !matches!(it.port_u16(), None | Some(0));
            !it.as_str().contains('@') && !it.host().is_empty() && (is_port || !has_port)
        });
        let is_plain = uri.scheme() == Some(&Scheme::HTTP) && uri.query().is_none();
        let authority = authority.filter(|_| is_plain).ok_or_else(wrong)?;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        let base = uri.path().trim_end_matches('/');
        Ok(Self::new(
            Connector::Tcp(connector),
            authority.clone(),
            base,
        ))
    }
}

impl Service<Request<Body>> for HttpHandler {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Asking;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Asking {
        Asking(Box::pin(self.clone().ask(request)))
    }
}

/// The response of a handler, once it is awaited.
pub struct Asking(Pin<Box<dyn Future<Output = Response<Body>> + Send>>);

impl Future for Asking {
    type Output = Result<Response<Body>, Infallible>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx).map(Ok)
    }
}

impl fmt::Debug for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asking").finish_non_exhaustive()
    }
}

impl fmt::Debug for HttpHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpHandler")
            .field("authority", &self.authority)
            .field("base", &self.base)
            .finish_non_exhaustive()
    }
}

/// Opens connections to a handler.
#[derive(Clone)]
enum Connector {
    Tcp(HttpConnector),
    Unix(Arc<Path>),
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Socket>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Socket>, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Tcp(connector) => connector.poll_ready(cx).map_err(Into::into),
            Self::Unix(_) => Poll::Ready(Ok(())),
        }
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        match self {
            Self::Tcp(connector) => {
                let connecting = connector.call(uri);
                Box::pin(async move {
                    let stream = connecting.await?.into_inner();
                    Ok(TokioIo::new(Socket::Tcp(stream)))
                })
            }
            Self::Unix(path) => {
                let path = Arc::clone(path);
                Box::pin(async move { Ok(TokioIo::new(unix(&path).await?)) })
            }
        }
    }
}

#[cfg(unix)]
async fn unix(path: &Path) -> io::Result<Socket> {
    tokio::net::UnixStream::connect(path)
        .await
        .map(Socket::Unix)
}

#[cfg(not(unix))]
async fn unix(_: &Path) -> io::Result<Socket> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Connection for Socket {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_address_of_a_handler_is_refused() {
        for right in [
            "http://127.0.0.1:1",
            "http://h/base/",
            "unix:/a",
            "http://[::1]:80",
        ] {
            assert!(right.parse::<HttpHandler>().is_ok(), "{right}");
        }
        for wrong in [
            "",
            "h:1",
            "https://h",
            "http://",
            "http://u@h",
            "http://h:0",
            "http://h:99999",
            "http://h/?q",
            "unix:a",
        ] {
            assert!(wrong.parse::<HttpHandler>().is_err(), "{wrong}");
        }
        let handler: HttpHandler = "http://h:1/base/".parse().unwrap();
        let target = handler.target(&"/cat//a%2Fb/?q".parse().unwrap()).unwrap();
        assert_eq!(target, "http://h:1/base/cat//a%2Fb/?q");
    }
}
