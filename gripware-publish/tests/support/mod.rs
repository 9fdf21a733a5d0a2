//! A control endpoint that answers as a test says, and remembers what it got.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use gripware_core::GripUrl;
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Notify,
    time::sleep,
};

/// One request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) head: String,
    pub(crate) items: Vec<Value>,
}

impl Got {
    /// The WebSocket text of each item.
    pub(crate) fn texts(&self) -> Vec<String> {
        let texts = self.items.iter().map(text);
        texts.collect()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

pub(crate) fn text(item: &Value) -> String {
    item["formats"]["ws-message"]["content"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// What the endpoint does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Status(u16, &'static str),
    After(Duration, u16),
    /// Answers when the test opens the gate.
    Gate,
    /// Closes the connection without an answer.
    Break,
    /// Says nothing, ever.
    Hang,
}

pub(crate) const OK: Answer = Answer::Status(200, "Published\n");

pub(crate) struct Endpoint {
    pub(crate) address: SocketAddr,
    got: Arc<Mutex<Vec<Got>>>,
    gate: Arc<Notify>,
}

impl Endpoint {
    /// Starts one whose answers come from `script`, which gets the number of the request and the
    /// request. It closes every connection after its answer, as Pushpin does.
    pub(crate) async fn start(
        script: impl Fn(usize, &Got) -> Answer + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let gate = Arc::new(Notify::new());
        let script = Arc::new(script);
        let (all, opened) = (Arc::clone(&got), Arc::clone(&gate));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (all, opened, script) = (all.clone(), opened.clone(), script.clone());
                tokio::spawn(async move {
                    serve(stream, &all, &opened, &*script).await;
                });
            }
        });
        Self { address, got, gate }
    }

    pub(crate) fn url(&self) -> GripUrl {
        GripUrl::parse(&format!("http://{}/", self.address)).unwrap()
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// The texts of all requests, in the order of arrival.
    pub(crate) fn texts(&self) -> Vec<Vec<String>> {
        self.got().iter().map(Got::texts).collect()
    }

    pub(crate) fn open_gate(&self) {
        self.gate.notify_one();
    }

    /// Waits until so many requests have come.
    pub(crate) async fn wait_for(&self, requests: usize) {
        while self.got.lock().unwrap().len() < requests {
            sleep(Duration::from_millis(1)).await;
        }
    }
}

async fn serve(
    mut stream: TcpStream,
    all: &Mutex<Vec<Got>>,
    gate: &Notify,
    script: &(dyn Fn(usize, &Got) -> Answer + Send + Sync),
) {
    let Some(got) = read(&mut stream).await else {
        return;
    };
    let number = {
        let mut all = all.lock().unwrap();
        all.push(got.clone());
        all.len()
    };
    let (status, body) = match script(number, &got) {
        Answer::Status(status, body) => (status, body),
        Answer::After(time, status) => {
            sleep(time).await;
            (status, "")
        }
        Answer::Gate => {
            gate.notified().await;
            (200, "Published\n")
        }
        Answer::Break => return,
        Answer::Hang => std::future::pending().await,
    };
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    let _ = stream.write_all(answer.as_bytes()).await;
}

async fn read(stream: &mut TcpStream) -> Option<Got> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let body = bytes.split_off(end + 4);
    let mut got = Got {
        head: String::from_utf8(bytes).unwrap(),
        items: Vec::new(),
    };
    let length: usize = got.header("content-length")?.parse().unwrap();
    let mut body = body;
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    let body: Value = serde_json::from_slice(&body).unwrap();
    got.items = body["items"].as_array().unwrap().clone();
    Some(got)
}
