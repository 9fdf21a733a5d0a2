use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{JoinHandle, JoinSet},
    time::{sleep, timeout},
};

use super::{Crowd, Kind, connect, connect_from, open_head, upgrade};
use crate::{
    Error,
    sides::{Held, Proxy},
};

/// How many connections are opened at once.
const AT_ONCE: usize = 64;

/// How long a client waits for its head, and how often it tries again.
const PATIENCE: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 5;

/// After so long without another one it is taken that requests were lost.
const STANDSTILL: Duration = Duration::from_secs(2);

/// How often an application is asked how many it has held.
const ASK: Duration = Duration::from_millis(5);

/// Who is to be held.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Guests {
    pub(crate) kind: Kind,
    pub(crate) size: usize,
    /// Another channel than the one of all.
    pub(crate) channel: Option<&'static str>,
    /// How many channels of its own each has instead.
    pub(crate) own: Option<usize>,
    /// Whether WebSockets offer permessage-deflate.
    pub(crate) deflate: bool,
}

impl Guests {
    /// So many of a kind, all subscribed to the one channel.
    pub(crate) const fn of(kind: Kind, size: usize) -> Self {
        Self {
            kind,
            size,
            channel: None,
            own: None,
            deflate: false,
        }
    }

    fn request(&self, number: usize) -> String {
        if self.deflate {
            return upgrade("/websocket", OFFER);
        }
        let own = self.own.map(|own| format!("own={number}x{own}"));
        self.kind.request(own.as_deref().or(self.channel))
    }

    /// Opens the connections, and returns when each is held.
    pub(crate) async fn gather(self, proxy: &dyn Proxy) -> Result<Crowd, Error> {
        let held = Counter::of(&proxy.held(), self.kind).await?;
        let before = held.now();
        let start = Instant::now();
        let begun = Arc::new(AtomicUsize::new(0));
        let (size, address) = (self.size, proxy.client());
        let mut workers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (begun, held) = (Arc::clone(&begun), Arc::clone(&held.count));
            let is_seen = held_is_seen(self.kind);
            workers.spawn(async move {
                let mut sockets = Vec::new();
                loop {
                    let number = begun.fetch_add(1, Ordering::Relaxed);
                    if number >= size {
                        return Ok::<_, Error>(sockets);
                    }
                    let request = self.request(number);
                    sockets.push(open_at_last(self.kind, address, number, &request).await?);
                    if is_seen {
                        held.fetch_add(1, Ordering::Relaxed);
                    } else {
                        until(&held, (before + number + 1).saturating_sub(AT_ONCE)).await;
                    }
                }
            });
        }
        let mut opened = Vec::with_capacity(size);
        while let Some(sockets) = workers.join_next().await {
            opened.extend(sockets??);
        }
        let end = until(&held.count, before + size).await;
        let missing = (before + size).saturating_sub(held.now());
        if missing > 0 {
            eprintln!(
                "  {missing} of {size} {}s did not reach the origin",
                self.kind
            );
        }
        if missing > size / 10 + AT_ONCE {
            return Err("too many were lost".into());
        }
        let rate = (size - missing) as f64 / (end - start).as_secs_f64();
        Ok(Crowd::new(opened, missing, rate, self.deflate))
    }
}

/// What browsers offer, and that nothing is kept between messages.
pub(crate) const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; \
    server_no_context_takeover; client_no_context_takeover\r\n";

/// A client sees by its head that it is held. A response hold shows by nothing.
fn held_is_seen(kind: Kind) -> bool {
    kind != Kind::Response
}

/// How many are held, by whoever knows.
struct Counter {
    count: Arc<AtomicUsize>,
    asking: Option<JoinHandle<()>>,
}

impl Counter {
    async fn of(held: &Held, kind: Kind) -> Result<Self, Error> {
        let mut counter = Self {
            count: Arc::default(),
            asking: None,
        };
        match held {
            _ if held_is_seen(kind) => {}
            Held::Count(count) => counter.count = Arc::clone(count),
            Held::Ask(address) => {
                let mut socket = connect(*address).await?;
                let count = Arc::clone(&counter.count);
                count.store(ask(&mut socket).await?, Ordering::Relaxed);
                counter.asking = Some(tokio::spawn(async move {
                    while let Ok(held) = ask(&mut socket).await {
                        count.store(held, Ordering::Relaxed);
                        sleep(ASK).await;
                    }
                }));
            }
            Held::Unknown => return Err(format!("nobody knows how many {kind}s are held").into()),
        }
        Ok(counter)
    }

    fn now(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        if let Some(asking) = &self.asking {
            asking.abort();
        }
    }
}

async fn ask(socket: &mut TcpStream) -> Result<usize, Error> {
    socket
        .write_all(b"GET /held HTTP/1.1\r\nHost: load\r\n\r\n")
        .await?;
    open_head(socket, "HTTP/1.1 200 ").await?;
    let mut number = Vec::new();
    while !number.ends_with(b"\n") {
        if socket.read_buf(&mut number).await? == 0 {
            return Err("the application has gone".into());
        }
    }
    Ok(String::from_utf8_lossy(&number).trim_ascii().parse()?)
}

/// Waits until this many are held, or no more for [`STANDSTILL`], and returns when the last came.
async fn until(held: &AtomicUsize, wanted: usize) -> Instant {
    let mut moved = (held.load(Ordering::Relaxed), Instant::now());
    while moved.0 < wanted && moved.1.elapsed() < STANDSTILL {
        sleep(Duration::from_millis(1)).await;
        let now = held.load(Ordering::Relaxed);
        if now != moved.0 {
            moved = (now, Instant::now());
        }
    }
    moved.1
}

/// Pushpin cuts a few of many that come at once, or leaves them without an answer.
async fn open_at_last(
    kind: Kind,
    address: std::net::SocketAddr,
    number: usize,
    request: &str,
) -> Result<TcpStream, Error> {
    let mut failed = None;
    for _ in 0..ATTEMPTS {
        let open = async {
            let mut socket = connect_from(number, address).await?;
            socket.write_all(request.as_bytes()).await?;
            if held_is_seen(kind) {
                open_head(&mut socket, kind.held()).await?;
            }
            Ok::<_, Error>(socket)
        };
        match timeout(PATIENCE, open).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(error)) => failed = Some(error),
            Err(_) => failed = Some(format!("a {kind} was not answered").into()),
        }
    }
    Err(failed.unwrap_or_else(|| "no attempt".into()))
}
