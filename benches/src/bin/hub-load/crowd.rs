use std::{
    cell::RefCell,
    fmt, io,
    net::SocketAddr,
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

use crate::{
    Error,
    lag::{Lag, MARK},
    origin::Origin,
    tally::Tally,
};

/// How many connections are opened at once.
const AT_ONCE: usize = 64;

/// Of so many clients in a thousand every message is looked at.
const LOOKED_AT: usize = 16;

/// How long a client waits for its head, and how often it tries again.
const PATIENCE: Duration = Duration::from_secs(5);
const ATTEMPTS: usize = 5;

/// After so long without another one it is taken that requests were lost.
const STANDSTILL: Duration = Duration::from_secs(2);

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; 256 * 1024]);
}

/// What a client is held as.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Stream,
    WebSocket,
    Response,
}

impl Kind {
    pub(crate) const ALL: [Self; 3] = [Self::Stream, Self::WebSocket, Self::Response];

    /// How it is named on the command line.
    pub(crate) const fn option(self) -> &'static str {
        match self {
            Self::Stream => "stream",
            Self::WebSocket => "websocket",
            Self::Response => "response",
        }
    }

    pub(crate) const fn request(self) -> &'static str {
        match self {
            Self::Stream => "GET /stream HTTP/1.1\r\nHost: load\r\n\r\n",
            Self::Response => "GET /response HTTP/1.1\r\nHost: load\r\n\r\n",
            Self::WebSocket => concat!(
                "GET /websocket HTTP/1.1\r\nHost: load\r\nConnection: Upgrade\r\n",
                "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            ),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stream => "stream",
            Self::WebSocket => "WebSocket",
            Self::Response => "response hold",
        })
    }
}

/// Many clients, all held and all subscribed to the one channel.
#[derive(Debug)]
pub(crate) struct Crowd {
    listeners: Vec<JoinHandle<()>>,
    size: usize,
    /// How many of them were held in a second.
    pub(crate) rate: f64,
    pub(crate) tally: Arc<Tally>,
    pub(crate) lag: Arc<Lag>,
}

impl Crowd {
    /// Opens this many connections, and returns when the origin has answered each by a hold.
    pub(crate) async fn gather(
        kind: Kind,
        address: SocketAddr,
        size: usize,
        origin: &Origin,
    ) -> Result<Self, Error> {
        let mut crowd = Self {
            listeners: Vec::with_capacity(size),
            size,
            rate: 0.0,
            tally: Arc::default(),
            lag: Arc::default(),
        };
        let before = origin.held();
        let start = Instant::now();
        let begun = Arc::new(AtomicUsize::new(0));
        let mut workers = JoinSet::new();
        for _ in 0..AT_ONCE {
            let (begun, held) = (Arc::clone(&begun), origin.count());
            workers.spawn(async move {
                let mut sockets = Vec::new();
                loop {
                    let number = begun.fetch_add(1, Ordering::Relaxed);
                    if number >= size {
                        return Ok::<_, Error>(sockets);
                    }
                    sockets.push(open_at_last(kind, address).await?);
                    // A response hold shows by nothing else.
                    until(&held, (before + number + 1).saturating_sub(AT_ONCE)).await;
                }
            });
        }
        let mut opened = Vec::with_capacity(size);
        while let Some(sockets) = workers.join_next().await {
            opened.extend(sockets??);
        }
        let end = until(&origin.count(), before + size).await;
        let missing = (before + size).saturating_sub(origin.held());
        if missing > 0 {
            eprintln!("  {missing} of {size} {kind}s did not reach the origin");
        }
        if missing > size / 10 + AT_ONCE {
            return Err("too many were lost".into());
        }
        crowd.size = size - missing;
        crowd.rate = crowd.size as f64 / (end - start).as_secs_f64();
        for socket in opened {
            crowd.listen(socket);
        }
        Ok(crowd)
    }

    /// How many are held.
    pub(crate) fn size(&self) -> usize {
        self.size
    }

    /// Closes connections until this many are left.
    pub(crate) fn shrink(&mut self, size: usize) {
        for listener in self.listeners.drain(size..) {
            listener.abort();
        }
        self.size = self.size.min(size);
    }

    fn listen(&mut self, socket: TcpStream) {
        let tally = Arc::clone(&self.tally);
        let lag = (self.listeners.len() % 1_000 < LOOKED_AT).then(|| Arc::clone(&self.lag));
        self.listeners.push(tokio::spawn(async move {
            let mut rest = Vec::new();
            while socket.readable().await.is_ok() {
                let read = SCRATCH.with_borrow_mut(|scratch| {
                    let read = socket.try_read(scratch)?;
                    let bytes = scratch.get(..read).unwrap_or_default();
                    if let Some(lag) = &lag {
                        lag.read(&mut rest, bytes);
                    }
                    tally.add(messages(bytes));
                    Ok::<_, io::Error>(read)
                });
                match read {
                    Ok(0) => break,
                    Err(error) if error.kind() != io::ErrorKind::WouldBlock => break,
                    _ => {}
                }
            }
            tally.gone();
        }));
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

/// The marks in these bytes, in pieces whose count fits a byte: the compiler makes a few vector
/// instructions of it.
fn messages(bytes: &[u8]) -> u64 {
    let piece = |piece: &[u8]| piece.iter().map(|byte| u8::from(*byte == MARK)).sum::<u8>();
    bytes.chunks(255).map(|bytes| u64::from(piece(bytes))).sum()
}

/// Waits until the origin has held this many, or no more for [`STANDSTILL`], and returns when the
/// last came.
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
async fn open_at_last(kind: Kind, address: SocketAddr) -> Result<TcpStream, Error> {
    let mut failed = None;
    for _ in 0..ATTEMPTS {
        match timeout(PATIENCE, open(kind, address)).await {
            Ok(Ok(socket)) => return Ok(socket),
            Ok(Err(error)) => failed = Some(error),
            Err(_) => failed = Some(format!("a {kind} was not answered").into()),
        }
    }
    Err(failed.unwrap_or_else(|| "no attempt".into()))
}

/// A client that was held, or has asked to be where that shows by nothing.
async fn open(kind: Kind, address: SocketAddr) -> Result<TcpStream, Error> {
    let mut socket = TcpStream::connect(address).await?;
    socket.write_all(kind.request().as_bytes()).await?;
    let expected = match kind {
        Kind::Response => return Ok(socket),
        Kind::Stream => "HTTP/1.1 200 ",
        Kind::WebSocket => "HTTP/1.1 101 ",
    };
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if socket.read_buf(&mut head).await? == 0 {
            break;
        }
    }
    if head.starts_with(expected.as_bytes()) {
        Ok(socket)
    } else {
        Err(format!(
            "a {kind} was answered by {:?}",
            String::from_utf8_lossy(&head)
        )
        .into())
    }
}
