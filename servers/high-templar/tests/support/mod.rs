//! A backend, the rooms around it with the hub inside, and clients over real sockets.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    reason = "each test uses some of it, and one that cannot go on panics"
)]

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, Request, StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::{any, get},
};
use futures_util::{SinkExt as _, StreamExt as _};
use gripware_hub::Hub;
use gripware_templar::{Backend, Templar, TemplarBuilder};
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    time::timeout,
};
use tokio_tungstenite::{WebSocketStream, tungstenite::Message};
use tower::{ServiceExt as _, service_fn};

/// How long anything may take that happens.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How long to wait for what is not to happen.
const QUIET: Duration = Duration::from_millis(300);

pub(crate) const KEY: &str = "a key of the tests";

/// What the backend says and was asked. The user is the cookie `sessionid`.
#[derive(Clone, Default)]
pub(crate) struct Api(Arc<Mutex<Asked>>);

#[derive(Default)]
struct Asked {
    allowed: Option<Value>,
    user: Value,
    requests: Vec<(String, HeaderMap)>,
    queries: Vec<String>,
}

impl Api {
    pub(crate) fn router(&self) -> Router {
        Router::new()
            .route("/bootstrap/", get(bootstrap))
            .route("/{*path}", any(other))
            .with_state(self.clone())
    }

    /// The same below a path, which is in the paths that were asked for.
    pub(crate) fn router_below(&self, path: &str) -> Router {
        Router::new()
            .route(&format!("{path}/bootstrap/"), get(bootstrap))
            .with_state(self.clone())
    }

    /// What everybody may hear from now on; `Value::Null` refuses, and a number is a status.
    pub(crate) fn allow(&self, rooms: Value) {
        self.0.lock().unwrap().allowed = Some(rooms);
    }

    /// Who everybody is from now on who is let in as [`allow`](Self::allow) says.
    pub(crate) fn identify(&self, user: Value) {
        self.0.lock().unwrap().user = user;
    }

    /// The queries with which it was asked who may hear what.
    pub(crate) fn queries(&self) -> Vec<String> {
        self.0.lock().unwrap().queries.clone()
    }

    /// Waits until a path was asked for `times` times, and returns the headers of the last.
    pub(crate) async fn asked(&self, path: &str, times: usize) -> HeaderMap {
        let seen = async {
            loop {
                {
                    let asked = self.0.lock().unwrap();
                    let mut fitting = asked.requests.iter().filter(|(one, _)| one == path);
                    if let Some((_, headers)) = fitting.nth(times - 1) {
                        return headers.clone();
                    }
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, seen).await.unwrap()
    }
}

async fn bootstrap(State(api): State<Api>, uri: Uri, headers: HeaderMap) -> Response {
    let mut asked = api.0.lock().unwrap();
    asked.requests.push((uri.path().to_owned(), headers));
    asked.queries.extend(uri.query().map(ToOwned::to_owned));
    match &asked.allowed {
        Some(Value::Null) => StatusCode::FORBIDDEN.into_response(),
        Some(Value::Number(status)) => {
            let status = u16::try_from(status.as_u64().unwrap()).unwrap();
            StatusCode::from_u16(status).unwrap().into_response()
        }
        Some(Value::String(text)) => text.clone().into_response(),
        Some(rooms) => Json(json!({ "allowed_rooms": rooms, "user": asked.user })).into_response(),
        None => Json(json!({"allowed_rooms": [{"target": "m", "customer": "*"}]})).into_response(),
    }
}

async fn other(State(api): State<Api>, request: axum::extract::Request) -> StatusCode {
    let seen = (request.uri().path().to_owned(), request.headers().clone());
    api.0.lock().unwrap().requests.push(seen);
    StatusCode::OK
}

/// Rooms with the hub inside.
pub(crate) struct Site {
    pub(crate) api: Api,
    pub(crate) templar: Templar,
    /// All of them, with that one.
    pub(crate) templars: Vec<Templar>,
    pub(crate) address: SocketAddr,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(|templar| templar).await
    }

    pub(crate) async fn with(set: impl Fn(TemplarBuilder) -> TemplarBuilder) -> Self {
        Self::of(1, set).await
    }

    /// As many of them as that behind one proxy, which take turns at its requests.
    pub(crate) async fn of(
        processes: usize,
        set: impl Fn(TemplarBuilder) -> TemplarBuilder,
    ) -> Self {
        let api = Api::default();
        let hub = Hub::builder()
            .min_keep_alive_interval(Duration::from_secs(1))
            .max_channels(1001)
            .max_meta(1000)
            .build()
            .unwrap();
        let templar = || {
            let backend = Backend::service(api.router());
            let templar = Templar::builder(&hub.grip(), backend);
            set(templar.trigger_key(KEY).unwrap()).build().unwrap()
        };
        let templars: Vec<_> = (0..processes).map(|_| templar()).collect();
        let routers: Arc<[Router]> = templars.iter().map(Templar::router).collect();
        let turn = AtomicUsize::new(0);
        let turn = Arc::new(turn);
        let app = service_fn(move |request: Request<gripware_hub::Body>| {
            let next = turn.fetch_add(1, Ordering::Relaxed) % routers.len();
            routers[next].clone().oneshot(request)
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(hub.serve(listener, app).into_future());
        Self {
            api,
            templar: templars[0].clone(),
            templars,
            address,
        }
    }

    pub(crate) async fn connect(&self, cookie: &str) -> Client {
        Client::connect(self.address, cookie).await.unwrap()
    }

    /// Connects, and reads the first frame.
    pub(crate) async fn welcome(&self) -> Client {
        let mut client = self.connect("sessionid=me").await;
        assert_eq!(client.reads().await["is_authorized"], true);
        client
    }

    /// Sends a trigger in this process.
    pub(crate) async fn triggers(&self, rooms: Value, data: Value) {
        let body = json!({"rooms": rooms, "data": data}).to_string();
        let trigger = gripware_templar::Trigger::parse(body.as_bytes()).unwrap();
        self.templar.trigger(&trigger).await.unwrap();
    }

    /// Sends a trigger in each process, and returns how often that is.
    pub(crate) async fn all_trigger(&self, rooms: &Value, data: &Value) -> usize {
        let body = json!({"rooms": rooms, "data": data}).to_string();
        let trigger = gripware_templar::Trigger::parse(body.as_bytes()).unwrap();
        for templar in &self.templars {
            templar.trigger(&trigger).await.unwrap();
        }
        self.templars.len()
    }

    /// Posts to `/trigger/`: the status and the text.
    pub(crate) async fn posts(&self, headers: &[(&str, &str)], body: &str) -> (u16, String) {
        post(self.address, headers, body).await
    }
}

/// Posts to `/trigger/` of an address: the status and the text.
pub(crate) async fn post(
    address: SocketAddr,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    let headers: String = headers
        .iter()
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect();
    let request = format!(
        "POST /trigger/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    let reading = stream.read_to_string(&mut answer);
    timeout(PATIENCE, reading).await.unwrap().unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head[9..12].parse().unwrap(), body.to_owned())
}

pub(crate) struct Client(WebSocketStream<TcpStream>);

impl Client {
    /// Opens `/ws/`, or returns the status of the refusal.
    pub(crate) async fn connect(address: SocketAddr, cookie: &str) -> Result<Self, u16> {
        use tokio_tungstenite::tungstenite::{Error, client::IntoClientRequest as _};

        let url = format!("ws://{address}/ws/?token=t");
        let mut request = url.into_client_request().unwrap();
        request
            .headers_mut()
            .insert("cookie", cookie.parse().unwrap());
        let stream = TcpStream::connect(address).await.unwrap();
        let opening = tokio_tungstenite::client_async(request, stream);
        match timeout(PATIENCE, opening).await.unwrap() {
            Ok((socket, _)) => Ok(Self(socket)),
            Err(Error::Http(refusal)) => Err(refusal.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    pub(crate) async fn says(&mut self, text: &str) {
        self.0.send(Message::text(text)).await.unwrap();
    }

    /// Says something, and returns the answer.
    pub(crate) async fn asks(&mut self, frame: Value) -> Value {
        self.says(&frame.to_string()).await;
        self.reads().await
    }

    pub(crate) async fn subscribes(&mut self, room: Value, request_id: &str) {
        let frame = json!({"type": "subscribe", "room": room, "requestId": request_id});
        assert_eq!(self.asks(frame).await, json!({"code": "success"}));
    }

    /// The next frame, or the code of the close.
    pub(crate) async fn reads(&mut self) -> Value {
        loop {
            match timeout(PATIENCE, self.0.next()).await.unwrap() {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(&text).unwrap_or_else(|_| json!(text.as_str()));
                }
                Some(Ok(Message::Close(close))) => {
                    return json!({"closed": close.map(|close| u16::from(close.code))});
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => panic!("{error}"),
                None => return json!("end"),
            }
        }
    }

    pub(crate) async fn hears_nothing(&mut self) {
        if let Ok(frame) = timeout(QUIET, self.reads()).await {
            panic!("{frame}");
        }
    }

    pub(crate) async fn leaves(mut self) {
        self.0.close(None).await.unwrap();
        while let Ok(Some(Ok(_))) = timeout(PATIENCE, self.0.next()).await {}
    }
}
