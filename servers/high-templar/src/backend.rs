//! The backend: an HTTP API that says what each user may hear.

use std::{
    error::Error,
    fmt,
    future::Future,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use tokio::time::timeout;
use tower_service::Service;

use crate::room::Room;

/// The longest answer of the backend, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// How long the backend may take for an answer, unless it is said.
const ANSWER_TIME: Duration = Duration::from_secs(30);

type BoxError = Box<dyn Error + Send + Sync>;
type Answering = Pin<Box<dyn Future<Output = Result<Response<Bytes>, BoxError>> + Send>>;

/// Where the backend is, and how it is asked: see [`Backend::url`], [`Backend::socket`] and
/// [`Backend::service`].
#[derive(Clone)]
pub struct Backend {
    base: Arc<str>,
    query: Arc<str>,
    timeout: Duration,
    call: Arc<dyn Fn(Request<Bytes>) -> Answering + Send + Sync>,
}

/// An address that no backend can have.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BackendAddressError {
    /// It is no absolute URL of `http` or `https`.
    #[error("the backend's address is no absolute http:// or https:// URL")]
    NotHttp,
    /// A unix socket speaks no TLS.
    #[error("a backend behind a unix socket has an http:// URL")]
    SocketWithTls,
    /// The system's certificates cannot be read.
    #[error("the system's certificates cannot be read")]
    Certificates(#[source] io::Error),
}

/// What the backend says of a user.
#[derive(Debug)]
pub(crate) struct Bootstrap {
    pub(crate) allowed: Vec<Room>,
    /// A text or a number.
    pub(crate) user_id: Option<Value>,
}

/// Why the backend has not said what a user may hear.
#[derive(Debug, Error)]
pub(crate) enum BackendError {
    #[error("the backend did not answer within {0:?}")]
    Late(Duration),
    #[error("the backend cannot be reached")]
    Unreachable(#[source] BoxError),
    /// Which is how a backend refuses a user.
    #[error("the backend answered {0}")]
    Status(StatusCode),
    #[error("the backend's answer is no JSON object")]
    NotJson(#[source] serde_json::Error),
    #[error("the backend's allowed_rooms is no list of rooms")]
    NotRooms(#[source] serde_json::Error),
}

impl Backend {
    /// A backend at an `http://` or `https://` URL, which paths are appended to, as high-templar's
    /// `API_URL`: `http://localhost:8000/api/`.
    ///
    /// # Errors
    /// [`BackendAddressError`] if there can be none.
    pub fn url(url: &str) -> Result<Self, BackendAddressError> {
        absolute(url)?;
        let connector = connector().map_err(BackendAddressError::Certificates)?;
        let client = Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self::new(url, move |request| {
            let client: Client<HttpsConnector<HttpConnector>, Full<Bytes>> = client.clone();
            Box::pin(async move {
                let response = client.request(request.map(Full::new)).await?;
                collect(response).await
            })
        }))
    }

    /// A backend behind a unix socket. The URL gives the `Host` and the path before each path.
    ///
    /// # Errors
    /// [`BackendAddressError`] if there can be none.
    pub fn socket(path: impl Into<PathBuf>, url: &str) -> Result<Self, BackendAddressError> {
        if absolute(url)?.scheme_str() != Some("http") {
            return Err(BackendAddressError::SocketWithTls);
        }
        let path: Arc<Path> = path.into().into();
        Ok(Self::new(url, move |request| {
            let path = Arc::clone(&path);
            Box::pin(async move { over_socket(&path, request).await })
        }))
    }

    /// A backend in this process, such as a router of axum. Its requests are for `http://backend/`
    /// and a path.
    pub fn service<S, B>(service: S) -> Self
    where
        S: Service<Request<Full<Bytes>>, Response = Response<B>> + Clone + Send + Sync + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        Self::new("http://backend/", move |request| {
            let mut service = service.clone();
            Box::pin(async move {
                std::future::poll_fn(|cx| service.poll_ready(cx))
                    .await
                    .map_err(Into::into)?;
                let response = service.call(request.map(Full::new)).await;
                collect(response.map_err(Into::into)?).await
            })
        })
    }

    fn new(base: &str, call: impl Fn(Request<Bytes>) -> Answering + Send + Sync + 'static) -> Self {
        Self {
            base: base.into(),
            query: "".into(),
            timeout: ANSWER_TIME,
            call: Arc::new(call),
        }
    }

    /// Sets how long the backend may take for an answer, from the connection to its last byte, as
    /// aiohttp's `timeout` in high-templar's `REQUEST_KWARGS`. Default: 30 s.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Adds a parameter to the query of each request, as aiohttp's `params` there. Default: none.
    #[must_use]
    pub fn param(mut self, name: &str, value: &str) -> Self {
        let mut query = form_urlencoded::Serializer::new(self.query.to_string());
        self.query = query.append_pair(name, value).finish().into();
        self
    }

    /// Asks what the user of a handshake may hear, and who it is, by the path to the id in the answer.
    pub(crate) async fn bootstrap(
        &self,
        headers: HeaderMap,
        user_id_path: &[String],
    ) -> Result<Bootstrap, BackendError> {
        #[derive(Deserialize)]
        struct Answer {
            allowed_rooms: Option<Box<serde_json::value::RawValue>>,
        }

        let answer = self.request(Method::GET, "bootstrap/", headers).await?;
        if answer.status() != StatusCode::OK {
            return Err(BackendError::Status(answer.status()));
        }
        let body = answer.body();
        let answer: Answer = serde_json::from_slice(body).map_err(BackendError::NotJson)?;
        let allowed = match answer.allowed_rooms {
            Some(rooms) => serde_json::from_str(rooms.get()).map_err(BackendError::NotRooms)?,
            None => Vec::new(),
        };
        let user_id = match user_id_path {
            [] => None,
            path => user_id(body, path).map_err(BackendError::NotJson)?,
        };
        Ok(Bootstrap { allowed, user_id })
    }

    /// Tells the backend something of a user.
    pub(crate) async fn post(&self, path: &str, headers: HeaderMap) -> Result<(), BackendError> {
        let answer = self.request(Method::POST, path, headers).await?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(BackendError::Status(status)),
        }
    }

    async fn request(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
    ) -> Result<Response<Bytes>, BackendError> {
        let mut request = Request::new(Bytes::new());
        *request.method_mut() = method;
        let mark = if self.query.is_empty() { "" } else { "?" };
        *request.uri_mut() = format!("{}{path}{mark}{}", self.base, self.query)
            .parse()
            .map_err(|error: http::uri::InvalidUri| BackendError::Unreachable(error.into()))?;
        *request.headers_mut() = headers;
        let answer = timeout(self.timeout, (self.call)(request)).await;
        let answer = answer.map_err(|_| BackendError::Late(self.timeout))?;
        let answer = answer.map_err(BackendError::Unreachable)?;
        Ok(answer)
    }
}

impl fmt::Debug for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backend").finish_non_exhaustive()
    }
}

/// Follows names of members, and numbers in lists, to the id of a user.
fn user_id(answer: &[u8], path: &[String]) -> serde_json::Result<Option<Value>> {
    let answer: Value = serde_json::from_slice(answer)?;
    let id = path.iter().try_fold(&answer, |value, name| match value {
        Value::Array(all) => all.get(name.parse::<usize>().ok()?),
        value => value.get(name),
    });
    Ok(id.filter(|id| id.is_string() || id.is_number()).cloned())
}

fn absolute(url: &str) -> Result<Uri, BackendAddressError> {
    let url: Uri = url.parse().map_err(|_| BackendAddressError::NotHttp)?;
    match url.scheme_str() {
        Some("http" | "https") if url.authority().is_some() => Ok(url),
        _ => Err(BackendAddressError::NotHttp),
    }
}

fn connector() -> io::Result<HttpsConnector<HttpConnector>> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    let tls = hyper_rustls::HttpsConnectorBuilder::new();
    Ok(tls
        .with_provider_and_native_roots(provider)?
        .https_or_http()
        .enable_http1()
        .wrap_connector(http))
}

#[cfg(unix)]
async fn over_socket(path: &Path, request: Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
    let stream = tokio::net::UnixStream::connect(path).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let mut request = request.map(Full::new);
    let host = request.uri().authority().map_or("", |it| it.as_str());
    let host = HeaderValue::try_from(host)?;
    request.headers_mut().insert(header::HOST, host);
    *request.uri_mut() = match request.uri().path_and_query() {
        Some(path) => Uri::from(path.clone()),
        None => Uri::default(),
    };
    let answer = async {
        let response = sender.send_request(request).await?;
        collect(response).await
    };
    tokio::pin!(answer, connection);
    tokio::select! {
        answer = &mut answer => answer,
        ended = &mut connection => {
            ended?;
            answer.await
        }
    }
}

#[cfg(not(unix))]
async fn over_socket(_: &Path, _: Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
    Err(io::Error::from(io::ErrorKind::Unsupported).into())
}

async fn collect<B>(response: Response<B>) -> Result<Response<Bytes>, BoxError>
where
    B: http_body::Body<Data = Bytes>,
    B::Error: Into<BoxError>,
{
    let (head, body) = response.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await?;
    Ok(Response::from_parts(head, body.to_bytes()))
}

#[cfg(test)]
mod tests {
    use std::{io, time::Duration};

    use http::{HeaderMap, Request, Response};
    use http_body_util::Full;
    use serde_json::{Value, json};
    use tokio::time::Instant;
    use tower::service_fn;

    use super::{Backend, BackendError, user_id};

    #[test]
    fn a_user_is_found_where_the_path_leads() {
        let answer = json!({"user": {"data": [{"id": 7, "name": "anna", "list": []}]}, "id": true});
        let answer = answer.to_string();
        let id = |path: &[&str]| {
            let path: Vec<_> = path.iter().map(|name| (*name).to_owned()).collect();
            user_id(answer.as_bytes(), &path).unwrap()
        };
        assert_eq!(id(&["user", "data", "0", "id"]), Some(json!(7)));
        assert_eq!(id(&["user", "data", "0", "name"]), Some(json!("anna")));
        for path in [
            &["user", "data", "1", "id"][..],
            &["user", "data", "id"],
            &["user", "data", "0", "list"],
            &["user", "none"],
            &["id"],
            &["id", "id"],
        ] {
            assert_eq!(id(path), None::<Value>, "{path:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_backend_has_as_long_as_is_said() {
        let silent = service_fn(|_: Request<Full<bytes::Bytes>>| async {
            std::future::pending::<Result<Response<Full<bytes::Bytes>>, io::Error>>().await
        });
        let backend = Backend::service(silent);
        for (backend, limit) in [
            (backend.clone(), 30),
            (backend.timeout(Duration::from_secs(2)), 2),
        ] {
            let start = Instant::now();
            let answer = backend.bootstrap(HeaderMap::new(), &[]).await;
            assert!(matches!(answer, Err(BackendError::Late(_))), "{answer:?}");
            assert_eq!(start.elapsed().as_secs(), limit);
        }
    }

    #[tokio::test]
    async fn parameters_are_in_the_query_of_each_request() {
        let shown = service_fn(|request: Request<Full<bytes::Bytes>>| async move {
            let rooms = json!({"allowed_rooms": [{"uri": request.uri().to_string()}]});
            Ok::<_, io::Error>(Response::new(Full::<bytes::Bytes>::from(rooms.to_string())))
        });
        let backend = Backend::service(shown).param("a b", "1&2").param("c", "d");
        let answer = backend.bootstrap(HeaderMap::new(), &[]).await.unwrap();
        let shown = serde_json::to_value(&answer.allowed).unwrap();
        assert_eq!(
            shown,
            json!([{"uri": "http://backend/bootstrap/?a+b=1%262&c=d"}])
        );
    }
}
