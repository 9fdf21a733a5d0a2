//! The API that the servers ask.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{any, get, post},
};
use gripware_interop::PATIENCE;
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// Which headers of the handshake both have to pass on.
const HEADERS: [&str; 4] = ["cookie", "user-agent", "x-csrftoken", "authorization"];

/// The API. The cookie `who` says what it answers.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    seen: Seen,
}

type Seen = Arc<Mutex<Vec<(String, HeaderMap)>>>;

impl Backend {
    pub(crate) async fn start() -> Self {
        let seen = Seen::default();
        let router = Router::new()
            .route("/bootstrap/", get(bootstrap))
            .route("/page/", get(|| async { "a page" }))
            .route("/trigger/", post(trigger))
            .route("/{*path}", any(noted))
            .with_state(Arc::clone(&seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { address, seen }
    }

    /// Waits until a path was asked for `times` times.
    pub(crate) async fn asked(&self, path: &str, times: usize) {
        let start = Instant::now();
        while self.times(path) < times {
            assert!(start.elapsed() < PATIENCE, "{path}: {}", self.times(path));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// How often a path was asked for.
    pub(crate) fn times(&self, path: &str) -> usize {
        let seen = self.seen.lock().unwrap();
        seen.iter().filter(|(one, _)| one == path).count()
    }

    /// The requests in the name of a user, with the headers that matter. They come from several
    /// connections at once, so their order is not the servers'.
    pub(crate) async fn shown(&self, who: &str) -> Vec<String> {
        let start = Instant::now();
        loop {
            let mut shown: Vec<String> = self
                .seen
                .lock()
                .unwrap()
                .iter()
                .filter(|(_, headers)| cookie(headers).contains(&format!("who={who}")))
                .map(|(path, headers)| {
                    let values = HEADERS.map(|name| format!("{name}: {:?}", headers.get(name)));
                    format!("{path} {}", values.join(", "))
                })
                .collect();
            if shown
                .iter()
                .any(|request| request.contains("notify_offline"))
            {
                shown.sort();
                return shown;
            }
            assert!(start.elapsed() < PATIENCE, "{shown:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn cookie(headers: &HeaderMap) -> String {
    let cookie = headers.get("cookie").and_then(|it| it.to_str().ok());
    cookie.unwrap_or_default().to_owned()
}

async fn bootstrap(State(seen): State<Seen>, headers: HeaderMap) -> Response {
    let who = cookie(&headers);
    let is_again = {
        let mut seen = seen.lock().unwrap();
        let is_again = seen.iter().any(|(_, headers)| cookie(headers) == who);
        seen.push(("/bootstrap/".to_owned(), headers));
        is_again
    };
    let json = |body: Value| ([("content-type", "application/json")], body.to_string());
    if who.contains("who=nobody") {
        StatusCode::FORBIDDEN.into_response()
    } else if who.contains("who=text") {
        "hello".into_response()
    } else if who.contains("who=strange") {
        json(json!({"allowed_rooms": "x"})).into_response()
    } else if who.contains("who=leaving") && is_again {
        json(json!({"allowed_rooms": [{"target": "m", "customer": "2"}]})).into_response()
    } else {
        let any = json!({"target": "m", "customer": "*"});
        json(json!({"allowed_rooms": [any, {"target": "one", "customer": 1}]})).into_response()
    }
}

/// Has the API send a trigger, with its key, to the rooms at the address in the query.
async fn trigger(request: Request) {
    let query = request.uri().query().unwrap_or_default();
    let address = query.strip_prefix("templar=").expect("an address");
    let rooms = json!([{"target": "m", "customer": "1"}]);
    let body = json!({"rooms": rooms, "data": "x"}).to_string();
    let answer = gripware_interop::Request::new("POST", address.parse().unwrap(), "/trigger/")
        .header("authorization", "Bearer key")
        .body(body)
        .send()
        .await;
    assert_eq!(answer.status(), 200);
}

async fn noted(State(seen): State<Seen>, request: Request) -> &'static str {
    let noted = (request.uri().path().to_owned(), request.headers().clone());
    seen.lock().unwrap().push(noted);
    "ok"
}
