//! A control endpoint that does to each request what a list of faults says, and notes the items
//! that it has taken.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
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

/// What happens to one request. The first seven take its items, the others do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// None: 200, and the connection is kept.
    None,
    /// 200, and the connection, which was to be kept, is closed while it is idle.
    CutIdle,
    /// The connection ends without an answer.
    CutAfter,
    /// The connection ends within the answer's head.
    CutInAnswer,
    /// No answer ever.
    Silent,
    /// 200, with a body that never ends.
    Endless,
    /// 200, with a body of a million bytes.
    Huge,
    /// The connection is closed before anything is read.
    CutBefore,
    /// The connection is reset in the middle of the request.
    Reset,
    /// 503 with `Retry-After`, before the body is read.
    Busy,
    /// 429 with `Retry-After`.
    Limited,
    /// 500.
    Ill,
    /// 403, which is not tried again.
    Forbidden,
    /// 308 to another path.
    Moved,
    /// What is not HTTP.
    Garbage,
}

/// The text of an item that is refused with the whole request it is in.
pub(crate) const BAD: &str = "bad";

pub(crate) struct Faulty {
    pub(crate) address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    faults: Vec<Fault>,
    next: AtomicUsize,
    taken: Mutex<Vec<String>>,
    changed: Notify,
}

impl Faulty {
    /// Starts one on a free port; after the last of the `faults` it has none.
    pub(crate) async fn start(faults: impl Into<Vec<Fault>>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), faults)
    }

    pub(crate) fn on(listener: TcpListener, faults: impl Into<Vec<Fault>>) -> Self {
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            faults: faults.into(),
            next: AtomicUsize::new(0),
            taken: Mutex::default(),
            changed: Notify::new(),
        });
        let all = Arc::clone(&shared);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let shared = Arc::clone(&all);
                tokio::spawn(async move { shared.serve(stream).await });
            }
        });
        Self { address, shared }
    }

    pub(crate) fn url(&self) -> GripUrl {
        GripUrl::parse(&format!("http://{}/", self.address)).unwrap()
    }

    /// The texts of the items that were taken, each as often as that happened.
    pub(crate) fn taken(&self) -> Vec<String> {
        self.shared.taken.lock().unwrap().clone()
    }

    /// How many requests, or connections that were closed before one, there have been.
    pub(crate) fn requests(&self) -> usize {
        self.shared.next.load(Ordering::SeqCst)
    }

    /// Waits until so many items have been taken.
    pub(crate) async fn wait_for(&self, items: usize) {
        loop {
            let changed = self.shared.changed.notified();
            if self.taken().len() >= items {
                return;
            }
            changed.await;
        }
    }
}

impl Shared {
    async fn serve(&self, mut stream: TcpStream) {
        let mut buffer = Vec::new();
        loop {
            if stream.readable().await.is_err() {
                return;
            }
            // The end of a connection is no request.
            if buffer.is_empty() && matches!(stream.peek(&mut [0]).await, Ok(0) | Err(_)) {
                return;
            }
            let number = self.next.fetch_add(1, Ordering::SeqCst);
            let fault = self.faults.get(number).copied().unwrap_or(Fault::None);
            if self
                .request(&mut stream, &mut buffer, fault)
                .await
                .is_none()
            {
                return;
            }
        }
    }

    /// Serves one request; `None` where the connection ends with it.
    async fn request(
        &self,
        stream: &mut TcpStream,
        buffer: &mut Vec<u8>,
        fault: Fault,
    ) -> Option<()> {
        // What is not read makes the system reset the connection as it is closed.
        if fault == Fault::CutBefore {
            return None;
        }
        let head = head(stream, buffer).await?;
        match fault {
            Fault::Reset => return None,
            Fault::Busy => {
                let answer = "HTTP/1.1 503 X\r\nRetry-After: 0\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                stream.write_all(answer.as_bytes()).await.ok()?;
                stream.shutdown().await.ok()?;
                let mut rest = [0; 4096];
                while stream.read(&mut rest).await.ok()? > 0 {}
                return None;
            }
            _ => {}
        }
        let texts = texts(stream, buffer, &head).await?;
        let is_bad = texts.iter().any(|text| text == BAD);
        let takes = fault as u8 <= Fault::Huge as u8;
        if takes && !is_bad {
            self.taken.lock().unwrap().extend(texts);
            self.changed.notify_waiters();
        }
        let refusal = "HTTP/1.1 400 X\r\nContent-Length: 0\r\n\r\n";
        let ok = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        let answer = match fault {
            Fault::CutAfter => return None,
            Fault::Silent => std::future::pending().await,
            Fault::None | Fault::CutIdle | Fault::Endless | Fault::Huge if is_bad => refusal,
            Fault::None | Fault::CutIdle => ok,
            Fault::CutInAnswer => "HTTP/1.1 200 OK\r\nContent-Le",
            Fault::Endless => "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            Fault::Huge => "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
            Fault::Limited => "HTTP/1.1 429 X\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n",
            Fault::Ill => "HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n",
            Fault::Forbidden => "HTTP/1.1 403 X\r\nContent-Length: 0\r\n\r\n",
            Fault::Moved => "HTTP/1.1 308 X\r\nLocation: /moved/\r\nContent-Length: 0\r\n\r\n",
            Fault::Garbage => "no HTTP\r\n\r\n",
            Fault::CutBefore | Fault::Reset | Fault::Busy => return None,
        };
        stream.write_all(answer.as_bytes()).await.ok()?;
        match fault {
            Fault::CutIdle | Fault::CutInAnswer | Fault::Garbage => None,
            Fault::Endless if !is_bad => loop {
                stream.write_all(b"1\r\nx\r\n").await.ok()?;
                sleep(Duration::from_millis(10)).await;
            },
            Fault::Huge if !is_bad => stream.write_all(&[b'x'; 1_000_000]).await.ok(),
            _ => Some(()),
        }
    }
}

/// The head of the next request, taken out of the buffer.
async fn head(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = buffer.split_off(end + 4);
            let head = std::mem::replace(buffer, rest);
            return String::from_utf8(head).ok();
        }
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
}

/// The texts of the items of a request, taken out of the buffer.
async fn texts(stream: &mut TcpStream, buffer: &mut Vec<u8>, head: &str) -> Option<Vec<String>> {
    let length = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find_map(|(name, value)| name.eq_ignore_ascii_case("content-length").then_some(value));
    let length: usize = length?.parse().ok()?;
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    let rest = buffer.split_off(length);
    let body: Value = serde_json::from_slice(&std::mem::replace(buffer, rest)).ok()?;
    let items = body["items"].as_array()?;
    let text = |item: &Value| {
        Some(
            item["formats"]["ws-message"]["content"]
                .as_str()?
                .to_owned(),
        )
    };
    items.iter().map(text).collect()
}
