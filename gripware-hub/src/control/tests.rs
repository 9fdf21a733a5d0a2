use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gripware_core::{Channel, GripUrl, Item, WsMessage};
use gripware_publish::Publisher;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

use super::{ControlKey, ControlOptions, serve, target::Target};
use crate::{
    cluster::RelayError,
    connection_id::Id,
    inspect::{ChannelInfo, ConnectionInfo, ConnectionKind, NodeInfo, Subscribers},
    metrics::{Gauges, Metrics},
    nodes::{Found, Gathered, Nodes},
    page::{CursorError, Page},
    settings::Settings,
};

/// So that a body may have a million.
const MAX_ITEM: usize = 1_000_000 - 64;

/// What one node of two says.
const PARTIAL: Nodes = Nodes {
    asked: 2,
    answered: 1,
};

/// A connection that the other one may have.
const LOST: &str = "6f1ed002-5ab8-4a3b-9f5e-0d1c6e8a3b11";

const LONG: Duration = Duration::from_secs(20);

/// Notes what is asked of it. It has one connection, and two subscribers of `room`.
#[derive(Debug)]
struct Noting {
    id: Id,
    notes: Mutex<Vec<String>>,
    metrics: Metrics,
    /// Waited for before an item of the channel `full` is taken.
    room: Notify,
    /// Told when such an item has come.
    is_full: Notify,
    is_ending: AtomicBool,
}

impl Noting {
    fn note(&self, note: String) {
        self.notes.lock().unwrap().push(note);
    }

    fn find(&self, id: Id) -> Found {
        if id == Id::parse(LOST).unwrap() {
            return Found::Partial(PARTIAL);
        }
        Found::of(id == self.id, Nodes::ALONE)
    }

    fn notes(&self) -> Vec<String> {
        std::mem::take(&mut self.notes.lock().unwrap())
    }
}

impl Target for Noting {
    async fn publish(&self, items: &[(Channel, Item)]) -> Result<Vec<Subscribers>, RelayError> {
        let mut each = Vec::new();
        for (channel, item) in items {
            each.push(Subscribers {
                stream: if channel.name() == "room" { 2 } else { 0 },
                ..Subscribers::default()
            });
            if channel.name() == "full" {
                self.is_full.notify_one();
                self.room.notified().await;
            }
            self.note(format!("publish {} {}", channel.name(), id(item)));
        }
        Ok(each)
    }

    async fn subscribers(&self, channels: &[&str]) -> Gathered<Vec<Subscribers>> {
        self.note(format!("subscribers {}", channels.join(" ")));
        let everywhere = Subscribers {
            response: 1,
            stream: 10,
            websocket: 0,
        };
        Gathered::new(vec![everywhere; channels.len()], PARTIAL)
    }

    async fn publish_to(&self, id: Id, item: &Item) -> Result<Found, RelayError> {
        self.note(format!("publish_to {}", self::id(item)));
        Ok(self.find(id))
    }

    async fn nodes(&self) -> Gathered<Vec<NodeInfo>> {
        Gathered::new(
            vec![NodeInfo {
                name: "a".to_owned(),
                is_this: true,
                connections: Subscribers::default(),
                channels: 5,
            }],
            PARTIAL,
        )
    }

    async fn recover(&self) {
        self.note("recover".to_owned());
    }

    async fn channels(
        &self,
        cursor: Option<&str>,
    ) -> Result<Gathered<Page<ChannelInfo>>, CursorError> {
        self.note(format!("channels {cursor:?}"));
        let channel = ChannelInfo {
            name: "room \"a\"".to_owned(),
            subscribers: Subscribers {
                response: 1,
                stream: 2,
                websocket: 3,
            },
        };
        Ok(Gathered::alone(Page {
            entries: vec![channel],
            next: cursor.is_none().then(|| "next".to_owned()),
        }))
    }

    async fn connections(
        &self,
        channel: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Gathered<Page<ConnectionInfo>>, CursorError> {
        if cursor.is_some() {
            return Err(CursorError);
        }
        if let Some(channel) = channel {
            let page = Page {
                entries: Vec::new(),
                next: Some(format!("after-{}", channel.len())),
            };
            return Ok(Gathered::new(page, PARTIAL));
        }
        let connection = ConnectionInfo {
            id: self.id.to_string(),
            kind: ConnectionKind::WebSocket,
            channels: vec!["room \"a\"".to_owned()],
            age: Duration::from_millis(1500),
            peer: Some("127.0.0.1:9".parse().unwrap()),
            queued: 7,
            node: None,
        };
        Ok(Gathered::alone(Page {
            entries: vec![connection],
            next: None,
        }))
    }

    async fn close(&self, id: Id) -> Found {
        self.note(format!("close {}", id == self.id));
        self.find(id)
    }

    fn metrics(&self) -> String {
        self.metrics.exposition(&Gauges {
            channels: 1,
            ..Gauges::default()
        })
    }

    fn is_ready(&self) -> bool {
        !self.is_ending.load(Ordering::Relaxed)
    }
}

fn id(item: &Item) -> String {
    item.parts().unwrap().id.clone().unwrap_or_default()
}

struct Site {
    address: SocketAddr,
    target: Arc<Noting>,
    stop: CancellationToken,
    server: Option<JoinHandle<()>>,
}

impl Site {
    async fn start(key: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let target = Arc::new(Noting {
            id: Id::random(),
            notes: Mutex::default(),
            metrics: Metrics::default(),
            room: Notify::new(),
            is_full: Notify::new(),
            is_ending: AtomicBool::new(false),
        });
        let stop = CancellationToken::new();
        let key = key.map(|key| ControlKey::new(key).unwrap());
        let settings = Settings {
            max_item: MAX_ITEM,
            ..Settings::default()
        };
        let (served, stopped) = (Arc::clone(&target), stop.clone());
        let server = tokio::spawn(async move {
            let options = ControlOptions {
                key,
                ..ControlOptions::default()
            };
            serve(listener.into(), served, options, &settings, stopped).await;
        });
        Self {
            address,
            target,
            stop,
            server: Some(server),
        }
    }

    /// Sends a request, and reads to the end of the connection.
    async fn exchange(&self, request: impl AsRef<[u8]>) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(request.as_ref()).await.unwrap();
        let mut answer = Vec::new();
        timeout(LONG, stream.read_to_end(&mut answer))
            .await
            .unwrap()
            .unwrap();
        String::from_utf8(answer).unwrap()
    }

    async fn request(&self, line: &str, headers: &str, body: &str) -> Response {
        let length = body.len();
        let request = format!(
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {length}\r\n{headers}\r\n{body}"
        );
        Response::read(&self.exchange(request).await)
    }

    async fn get(&self, path: &str) -> Response {
        self.request(&format!("GET {path}"), "", "").await
    }

    async fn publish(&self, body: &Value) -> Response {
        self.request("POST /publish/", "", &body.to_string()).await
    }
}

#[derive(Debug)]
struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Response {
    fn read(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((text, ""));
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut body = body.to_owned();
        if head.contains("transfer-encoding: chunked") {
            body = unchunked(&body);
        }
        Self {
            status: status.unwrap_or_default(),
            head: head.to_owned(),
            body,
        }
    }

    fn is(&self, status: u16, body: &str) -> bool {
        (self.status, self.body.as_str()) == (status, body)
    }

    fn has(&self, header: &str) -> bool {
        self.head.lines().any(|line| line == header)
    }
}

fn unchunked(mut rest: &str) -> String {
    let mut body = String::new();
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        body.push_str(&after[..length]);
        rest = &after[length + 2..];
    }
    body
}

fn message(channel: &str, id: &str) -> Value {
    json!({"channel": channel, "id": id, "formats": {"ws-message": {"content": "hi"}}})
}

#[tokio::test]
async fn an_item_may_have_so_many_bytes_and_no_more() {
    let site = Site::start(None).await;
    let item = |content: usize| {
        let item =
            json!({"channel": "room", "formats": {"ws-message": {"content": "x".repeat(content)}}});
        (item.to_string().len(), json!({"items": [item]}).to_string())
    };
    let (envelope, _) = item(0);
    let id = site.target.id;
    for path in [
        "/publish/".to_owned(),
        format!("/connections/{id}/publish/"),
    ] {
        let line = format!("POST {path}");
        let (length, body) = item(MAX_ITEM - envelope);
        assert_eq!(length, MAX_ITEM);
        let answer = site.request(&line, "", &body).await;
        assert!(answer.is(200, "Published\n"), "{answer:?}");
        let (length, body) = item(MAX_ITEM - envelope + 1);
        let answer = site.request(&line, "", &body).await;
        let refusal =
            format!("an item of {length} bytes as JSON is over the limit of {MAX_ITEM}\n");
        assert!(answer.is(400, &refusal), "{answer:?}");
    }
    assert_eq!(site.target.notes().len(), 2);
}

#[tokio::test]
async fn what_pushpin_answers_is_answered_in_the_same_words() {
    let site = Site::start(None).await;
    let items = json!({"items": [message("room", "1")]}).to_string();
    for (line, headers, body, status, answer) in [
        ("GET /", "", "", 200, "Pushpin API\n"),
        ("POST /publish/", "", &*items, 200, "Published\n"),
        ("POST /publish", "", &*items, 200, "Published\n"),
        ("POST /publish/", "", "{\"items\":[]}", 200, "Published\n"),
        (
            "POST /publish/",
            "Accept: application/json\r\n",
            &*items,
            200,
            "{\"message\":\"Published\"}\n",
        ),
        (
            "POST /publish/",
            "Accept: image/png\r\n",
            &*items,
            406,
            "Not Acceptable. Supported formats are text/plain and application/json.\n",
        ),
        ("GET /publish/", "", "", 405, "Method not allowed: GET.\n"),
        ("POST /recover/", "", "", 200, "Updated\n"),
        (
            "POST /recover/",
            "Accept: application/json\r\n",
            "",
            200,
            "{\"message\":\"Updated\"}\n",
        ),
        ("GET /recover/", "", "", 405, "Method not allowed: GET.\n"),
        ("GET /x", "", "", 404, "Not Found\n"),
        ("POST /publish/", "", "x", 400, "Body is not valid JSON.\n"),
        (
            "POST /publish/",
            "Accept: application/json\r\n",
            "x",
            400,
            "Body is not valid JSON.\n",
        ),
        ("POST /publish/", "", "[]", 400, "Invalid format.\n"),
        (
            "POST /publish/",
            "",
            "{}",
            400,
            "Invalid format: object does not contain 'items'\n",
        ),
    ] {
        let response = site.request(line, headers, body).await;
        assert!(
            response.is(status, answer),
            "{line} {headers} {body}: {response:?}"
        );
        let json = answer.starts_with('{');
        let kind = if json {
            "application/json"
        } else {
            "text/plain"
        };
        assert!(
            response.has(&format!("content-type: {kind}")),
            "{response:?}"
        );
        if status == 405 {
            assert!(response.has("allow: POST"), "{response:?}");
        }
    }
    assert_eq!(
        site.target.notes(),
        [
            "publish room 1",
            "publish room 1",
            "publish room 1",
            "recover",
            "recover"
        ]
    );
}

#[tokio::test]
async fn a_publish_says_how_many_subscribers_it_was_for() {
    let site = Site::start(None).await;
    let batch = [
        message("room", "1"),
        message("other", "2"),
        message("room", "3"),
    ];
    let response = site.publish(&json!({"items": batch})).await;
    assert!(response.is(200, "Published\n"), "{response:?}");
    assert!(response.has("grip-subscribers: 4"), "{response:?}");
    assert!(
        response.has("grip-subscribers-each: 2, 0, 2"),
        "{response:?}"
    );
    assert_eq!(
        site.target.notes(),
        ["publish room 1", "publish other 2", "publish room 3"]
    );

    let batch = vec![message("room", "1"); 101];
    let response = site.publish(&json!({"items": batch})).await;
    assert!(response.has("grip-subscribers: 202"), "{response:?}");
    assert!(
        !response.head.contains("grip-subscribers-each"),
        "{response:?}"
    );

    let response = site.publish(&json!({"items": []})).await;
    assert!(response.has("grip-subscribers: 0"), "{response:?}");
    assert!(
        !response.head.contains("grip-subscribers-each"),
        "{response:?}"
    );
}

#[tokio::test]
async fn a_publish_says_how_many_subscribers_of_all_nodes_it_was_for_where_that_is_asked_for() {
    let site = Site::start(None).await;
    let publish = async |query: &str, items: usize| {
        let item = |n| match n % 3 {
            1 => json!({"channel": "other", "http-stream": {"content": "hi"}}),
            _ => json!({"channel": "room", "http-response": {"body": "hi"}}),
        };
        let body = json!({"items": (0..items).map(item).collect::<Vec<_>>()});
        site.request(&format!("POST /publish/{query}"), "", &body.to_string())
            .await
    };
    let counted = publish("?count=all", 3).await;
    assert!(counted.is(200, "Published\n"), "{counted:?}");
    for header in [
        "grip-subscribers: 12",
        "grip-subscribers-each: 1, 10, 1",
        "grip-nodes: 1/2",
    ] {
        assert!(counted.has(header), "{counted:?}");
    }
    // Before they are published, and each channel once.
    assert_eq!(
        site.target.notes(),
        [
            "subscribers other room",
            "publish room ",
            "publish other ",
            "publish room "
        ]
    );
    let here = publish("", 3).await;
    assert!(!here.head.contains("grip-nodes"), "{here:?}");
    let largest = publish("?count=all", 1000).await;
    assert!(largest.has("grip-subscribers: 3997"), "{largest:?}");

    for (query, items, line) in [
        ("?count=some", 1, "Invalid count.\n"),
        ("?count=all", 1001, "Too many items to count.\n"),
    ] {
        let refused = publish(query, items).await;
        assert!(refused.is(400, line), "{refused:?}");
    }
    let line = "DELETE /connections?channel=room&count=all";
    let closed = site.request(line, "", "").await;
    assert!(closed.is(204, ""), "{closed:?}");
    assert!(closed.has("grip-subscribers: 11"), "{closed:?}");
    assert!(closed.has("grip-nodes: 1/2"), "{closed:?}");
}

#[tokio::test]
async fn one_bad_item_refuses_the_whole_batch() {
    let site = Site::start(None).await;
    let batch = [message("room", "1"), json!({"channel": "room"})];
    let response = site.publish(&json!({"items": batch})).await;
    assert_eq!(response.status, 400, "{response:?}");
    assert!(site.target.notes().is_empty());
}

#[tokio::test]
async fn every_bad_item_is_refused_in_pushpins_words() {
    let site = Site::start(None).await;
    for (item, answer) in [
        (
            json!({"channel": "a", "formats": {}}),
            "Invalid format: no formats specified\n",
        ),
        (
            json!({"channel": "a", "formats": {"http-stream": {}}}),
            "Invalid format: 'http-stream' does not contain 'content' or 'content-bin'\n",
        ),
        (
            json!({"formats": {"http-stream": {"content": "a"}}}),
            "Invalid format: publish item object does not contain 'channel'\n",
        ),
        (
            json!({"channel": "a", "formats": {"http-stream": {"action": "x"}}}),
            "Invalid format: \n",
        ),
    ] {
        let response = site.publish(&json!({"items": [item]})).await;
        assert!(response.is(400, answer), "{item}: {response:?}");
    }
    assert!(site.target.notes().is_empty());
}

#[tokio::test]
async fn a_publish_is_answered_once_there_is_room() {
    let site = Site::start(None).await;
    let items = json!({"items": [message("full", "1")]});
    let publish = site.publish(&items);
    tokio::pin!(publish);
    assert!(
        timeout(Duration::from_millis(200), &mut publish)
            .await
            .is_err(),
        "it was answered before"
    );
    site.target.room.notify_one();
    assert!(publish.await.is(200, "Published\n"));
}

#[tokio::test]
async fn a_body_may_have_so_many_bytes_and_no_more() {
    const TOO_LARGE: &str = "Request body too large: 1000001 bytes, and the limit is 1000000.\n";
    let site = Site::start(None).await;
    let items = json!({"items": [message("room", "1")]}).to_string();
    let fitting = format!("{items}{}", " ".repeat(1_000_000 - items.len()));
    let response = site.request("POST /publish/", "", &fitting).await;
    assert!(response.is(200, "Published\n"), "{response:?}");

    let response = site
        .request("POST /publish/", "", &format!("{fitting} "))
        .await;
    assert!(response.is(400, TOO_LARGE), "{response:?}");

    let chunks = format!(
        "POST /publish/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
         Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{fitting}\r\n1\r\n \r\n0\r\n\r\n",
        fitting.len()
    );
    let response = Response::read(&site.exchange(chunks).await);
    assert!(response.is(400, TOO_LARGE), "{response:?}");

    // Nothing of it has to be sent, where the client asks first.
    let expecting = "POST /publish/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
                     Content-Length: 1000001\r\nExpect: 100-continue\r\n\r\n";
    let response = Response::read(&site.exchange(expecting).await);
    assert!(response.is(400, TOO_LARGE), "{response:?}");
    assert_eq!(site.target.notes(), ["publish room 1"]);
}

#[tokio::test]
async fn a_connection_is_kept_and_bodies_may_come_in_chunks() {
    let site = Site::start(None).await;
    let items = json!({"items": [message("room", "1")]}).to_string();
    let (first, second) = items.split_at(10);
    let chunked = format!(
        "POST /publish/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    let last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answers = site.exchange(format!("{chunked}{chunked}{last}")).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 3, "{answers}");
    assert_eq!(answers.matches("Published\n").count(), 2, "{answers}");
    assert!(answers.ends_with("Pushpin API\n"), "{answers}");
    assert_eq!(site.target.notes(), ["publish room 1", "publish room 1"]);
}

#[tokio::test]
async fn one_can_look_into_the_hub() {
    let site = Site::start(None).await;
    let id = site.target.id.to_string();

    let channels = site.get("/channels").await;
    assert!(
        channels.has("content-type: application/json"),
        "{channels:?}"
    );
    assert_eq!(
        serde_json::from_str::<Value>(&channels.body).unwrap(),
        json!([{
            "name": "room \"a\"",
            "subscribers": {"response": 1, "stream": 2, "websocket": 3},
        }])
    );

    assert!(channels.has("link: <?after=next>; rel=\"next\""));
    let channels = site.get("/channels?token=x&after=next").await;
    assert!(
        channels.status == 200 && !channels.has("link: "),
        "{channels:?}"
    );
    assert_eq!(
        site.target.notes(),
        ["channels None", "channels Some(\"next\")"]
    );

    let connections = site.get("/connections").await;
    assert!(!connections.has("link: "), "{connections:?}");
    assert_eq!(
        serde_json::from_str::<Value>(&connections.body).unwrap(),
        json!([{
            "id": id,
            "kind": "websocket",
            "channels": ["room \"a\""],
            "age": 1.5,
            "peer": "127.0.0.1:9",
            "queued": 7,
        }])
    );
    assert!(connections.has("grip-nodes: 1/1"), "{connections:?}");
    let nodes = site.get("/nodes").await;
    assert!(nodes.has("grip-nodes: 1/2"), "{nodes:?}");
    assert_eq!(
        serde_json::from_str::<Value>(&nodes.body).unwrap(),
        json!([{
            "name": "a",
            "this": true,
            "connections": {"response": 0, "stream": 0, "websocket": 0},
            "channels": 5,
        }])
    );
    let wrong = site.get("/connections?after=x").await;
    assert!(wrong.is(400, "Invalid cursor.\n"), "{wrong:?}");

    site.target.metrics.items.add(3);
    let metrics = site.get("/metrics").await;
    assert!(
        metrics.has("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{metrics:?}"
    );
    for line in ["gripware_hub_items_total 3", "gripware_hub_channels 1"] {
        assert!(
            metrics.body.lines().any(|found| found == line),
            "{metrics:?}"
        );
    }

    let head = site.request("HEAD /metrics", "", "").await;
    assert!(head.is(200, ""), "{head:?}");
    let wrong = site.request("POST /metrics", "", "").await;
    assert!(wrong.is(405, "Method not allowed: POST.\n"), "{wrong:?}");
    assert!(wrong.has("allow: GET, HEAD"), "{wrong:?}");
}

#[tokio::test]
async fn one_connection_can_be_closed() {
    let site = Site::start(None).await;
    let id = site.target.id.to_string();
    let unknown = Id::random();
    let closed = site
        .request(&format!("DELETE /connections/{id}"), "", "")
        .await;
    assert!(closed.is(204, ""), "{closed:?}");
    let other = site
        .request(&format!("DELETE /connections/{unknown}"), "", "")
        .await;
    assert!(other.is(404, "Not Found\n"), "{other:?}");
    let lost = site
        .request(&format!("DELETE /connections/{LOST}"), "", "")
        .await;
    assert!(
        lost.is(504, "Not found at the nodes that answered.\n") && lost.has("grip-nodes: 1/2"),
        "{lost:?}"
    );
    let none = site.request("DELETE /connections/x", "", "").await;
    assert!(none.is(400, "Invalid connection id.\n"), "{none:?}");
    let wrong = site.get(&format!("/connections/{id}")).await;
    assert_eq!(wrong.status, 405, "{wrong:?}");
    assert!(wrong.has("allow: DELETE"), "{wrong:?}");
    assert_eq!(
        site.target.notes(),
        ["close true", "close false", "close false"]
    );
}

#[tokio::test]
async fn connections_of_a_channel_are_listed_and_closed() {
    let site = Site::start(None).await;
    let listed = site.get("/connections?channel=room+%22a%22").await;
    assert!(
        listed.has("link: <?channel=room+%22a%22&after=after-8>; rel=\"next\""),
        "{listed:?}"
    );
    assert!(listed.has(&format!("grip-nodes: {PARTIAL}")), "{listed:?}");

    let close = async |query| {
        site.request(&format!("DELETE /connections{query}"), "", "")
            .await
    };
    let closed = close("?channel=room+%22a%22&code=4001&reason=go%20away").await;
    assert!(closed.is(204, ""), "{closed:?}");
    assert!(closed.has("grip-subscribers: 0"), "{closed:?}");
    for (query, line) in [
        ("", "No channel.\n"),
        ("?channel=a%0Ab", "Invalid channel.\n"),
        ("?channel=a&code=x", "Invalid code.\n"),
        ("?channel=a&code=1005", "Invalid code or reason.\n"),
    ] {
        let refused = close(query).await;
        assert!(refused.is(400, line), "{query} {refused:?}");
    }
    assert_eq!(site.target.notes(), ["publish room \"a\" "]);
}

#[tokio::test]
async fn items_for_one_connection_need_no_channel() {
    let site = Site::start(None).await;
    let id = site.target.id.to_string();
    let formats = json!({"ws-message": {"content": "hi"}});
    let items = json!({"items": [{"id": "1", "formats": formats}, message("x", "2")]});
    let to = |id: String, body: Value| {
        let line = format!("POST /connections/{id}/publish/");
        let site = &site;
        async move { site.request(&line, "", &body.to_string()).await }
    };

    let published = to(id.clone(), items.clone()).await;
    assert!(published.is(200, "Published\n"), "{published:?}");
    let cut = "\u{feff}{\"items\":[{\"id\":\"3\",\"ws-message\":{\"content\":\"cut \\ud83d\"}}]}";
    let line = format!("POST /connections/{id}/publish/");
    let published = site.request(&line, "", cut).await;
    assert!(published.is(200, "Published\n"), "{published:?}");
    let unknown = to(Id::random().to_string(), items).await;
    assert!(unknown.is(404, "Not Found\n"), "{unknown:?}");
    let none = to("x".to_owned(), json!({"items": []})).await;
    assert!(none.is(400, "Invalid connection id.\n"), "{none:?}");
    let bad = to(id, json!({"items": [{"id": "1", "formats": {}}]})).await;
    assert_eq!(bad.status, 400, "{bad:?}");
    assert_eq!(
        site.target.notes(),
        [
            "publish_to 1",
            "publish_to 2",
            "publish_to 3",
            "publish_to 1"
        ]
    );
}

#[tokio::test]
async fn with_a_key_only_the_health_check_is_open() {
    let site = Site::start(Some("s3cret")).await;
    assert!(site.get("/").await.is(200, "Pushpin API\n"));
    let items = json!({"items": [message("room", "1")]}).to_string();
    for line in [
        "POST /publish/",
        "POST /recover/",
        "GET /metrics",
        "GET /x",
        "DELETE /connections/x",
    ] {
        let refused = site.request(line, "", &items).await;
        assert!(refused.is(401, "Unauthorized\n"), "{line}: {refused:?}");
        assert!(refused.has("www-authenticate: Bearer"), "{refused:?}");
    }
    let wrong = "Authorization: Bearer s3cre7\r\n";
    assert_eq!(
        site.request("POST /publish/", wrong, &items).await.status,
        401
    );
    assert!(site.target.notes().is_empty());

    let right = "Authorization: Bearer s3cret\r\nOrigin: https://a.example\r\n";
    let published = site.request("POST /publish/", right, &items).await;
    assert!(published.is(200, "Published\n"), "{published:?}");
    assert_eq!(site.target.notes(), ["publish room 1"]);
}

#[tokio::test]
async fn a_load_balancer_is_told_without_a_key_whether_clients_are_to_come() {
    let site = Site::start(Some("s3cret")).await;
    assert!(site.get("/ready").await.is(200, "Ready\n"));
    site.target.is_ending.store(true, Ordering::Relaxed);
    assert!(site.get("/ready").await.is(503, "Not ready\n"));
    assert_eq!(site.request("POST /ready", "", "").await.status, 405);
}

#[tokio::test]
async fn a_publisher_with_the_key_in_its_url_is_served() {
    let site = Site::start(Some("s3cret")).await;
    let publisher = |key: &str| {
        let url = format!("http://{}/?key={key}", site.address);
        Publisher::builder()
            .urls(GripUrl::parse_many(&url).unwrap())
            .build()
            .unwrap()
    };
    let right = publisher("s3cret");
    for id in ["1", "2"] {
        let item = Item::new().ws_message(WsMessage::text("hi")).id(id);
        right.publish("room", item).await.unwrap();
    }
    assert_eq!(site.target.notes(), ["publish room 1", "publish room 2"]);
    let wrong = publisher("other");
    let refused = wrong.publish("room", WsMessage::text("hi")).await;
    assert!(refused.is_err());
    assert!(site.target.notes().is_empty());
}

#[tokio::test]
async fn without_a_key_no_page_can_publish() {
    let site = Site::start(None).await;
    let items = json!({"items": [message("room", "1")]}).to_string();
    for headers in [
        "Origin: https://a.example\r\nContent-Type: text/plain\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-origin\r\n",
    ] {
        let refused = site.request("POST /publish/", headers, &items).await;
        assert_eq!(refused.status, 403, "{headers}: {refused:?}");
    }
    let rebound = "GET /connections HTTP/1.1\r\nHost: a.example:5561\r\nConnection: close\r\n\r\n";
    let refused = Response::read(&site.exchange(rebound).await);
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(site.target.notes().is_empty());
}

#[tokio::test]
async fn a_head_over_the_bound_is_refused() {
    let site = Site::start(None).await;
    let long = format!("X: {}\r\n", "x".repeat(10_000));
    assert_eq!(site.request("GET /", &long, "").await.status, 431);
    let many = "X: x\r\n".repeat(65);
    assert_eq!(site.request("GET /", &many, "").await.status, 431);
    let fine = format!("X: {}\r\n", "x".repeat(8_000));
    assert!(
        site.request("GET /", &fine, "")
            .await
            .is(200, "Pushpin API\n")
    );
}

/// Many connections, each of which has sent `bytes`.
async fn crowd(site: &Site, count: usize, bytes: &[u8]) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    for _ in 0..count {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        crowd.push(stream);
    }
    crowd
}

/// What a connection gets until it is closed.
async fn rest(stream: &mut TcpStream) -> Response {
    let mut answer = String::new();
    let read = timeout(LONG, stream.read_to_string(&mut answer)).await;
    read.unwrap().unwrap();
    Response::read(&answer)
}

fn is_busy(response: &Response) -> bool {
    response.is(503, "Too many connections.\n")
        && response
            .head
            .to_ascii_lowercase()
            .contains("\r\nretry-after: 1")
}

#[tokio::test]
async fn connections_without_the_key_keep_no_publisher_out() {
    for bytes in [
        "",
        "POST /publish/ HTTP/1.1\r\nHost: a\r\n",
        "POST /publish/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{",
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "\x16\x03\x01",
    ] {
        let site = Site::start(Some("s3cret")).await;
        let _crowd = crowd(&site, 300, bytes.as_bytes()).await;
        let items = json!({"items": [message("room", "1")]}).to_string();
        let key = "Authorization: Bearer s3cret\r\n";
        let published = site.request("POST /publish/", key, &items).await;
        assert!(published.is(200, "Published\n"), "{bytes}: {published:?}");
    }
}

#[tokio::test]
async fn whoever_loses_its_place_is_told_when_to_come_again() {
    let site = Site::start(Some("s3cret")).await;
    let mut crowd = crowd(&site, 129, b"").await;
    assert!(is_busy(&rest(&mut crowd[0]).await));
    let mut one = [0];
    let second = timeout(Duration::from_millis(100), crowd[1].read(&mut one)).await;
    assert!(second.is_err(), "{second:?}");
}

#[tokio::test]
async fn without_a_key_a_slow_body_makes_no_connection_known() {
    let site = Site::start(None).await;
    let slow = b"POST /publish/ HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{";
    let mut crowd = crowd(&site, 300, slow).await;
    let published = site
        .publish(&json!({"items": [message("room", "1")]}))
        .await;
    assert!(published.is(200, "Published\n"), "{published:?}");
    assert!(is_busy(&rest(&mut crowd[0]).await));
}

#[tokio::test]
async fn beyond_the_known_connections_a_client_is_turned_away_and_then_served() {
    let site = Site::start(Some("s3cret")).await;
    let known = "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer s3cret\r\n\r\n";
    let mut publishers = Vec::new();
    for _ in 0..256 {
        let mut stream = TcpStream::connect(site.address).await.unwrap();
        stream.write_all(known.as_bytes()).await.unwrap();
        stream.read_exact(&mut [0; 12]).await.unwrap();
        publishers.push(stream);
    }
    let items = json!({"items": [message("room", "1")]}).to_string();
    let body = format!("{items}{}", " ".repeat(900_000));
    let key = "Authorization: Bearer s3cret\r\n";
    let refused = site.request("POST /publish/", key, &body).await;
    assert!(is_busy(&refused), "{refused:?}");

    // A publisher waits as it is told, and has its place when another is gone.
    let url = format!("http://{}/?key=s3cret", site.address);
    let urls = GripUrl::parse_many(&url).unwrap();
    let publisher = Publisher::builder().urls(urls).build().unwrap();
    let publish = publisher.publish("room", WsMessage::text("hi"));
    let leave = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        publishers.pop();
    };
    let (published, ()) = tokio::join!(publish, leave);
    published.unwrap();
    assert_eq!(site.target.notes().len(), 1);
}

#[tokio::test]
async fn at_the_end_what_is_under_way_is_answered() {
    let mut site = Site::start(None).await;
    let mut idle = TcpStream::connect(site.address).await.unwrap();
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).await.unwrap();

    let items = json!({"items": [message("full", "1")]});
    let server = site.server.take();
    let publish = async {
        let published = site.publish(&items).await;
        assert!(published.is(200, "Published\n"), "{published:?}");
    };
    let stop = async {
        site.target.is_full.notified().await;
        site.stop.cancel();
        let mut rest = Vec::new();
        timeout(LONG, idle.read_to_end(&mut rest))
            .await
            .unwrap()
            .unwrap();
        site.target.room.notify_one();
        timeout(LONG, server.unwrap()).await.unwrap().unwrap();
    };
    tokio::join!(publish, stop);
    assert!(TcpStream::connect(site.address).await.is_err());
}
