use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// Stands before a control endpoint and passes requests on, or says that it did.
///
/// A proxy accepts an item before it sends it, so an accepted item can be lost on the way to a
/// client. This is where a test loses some.
#[derive(Debug)]
pub struct Valve {
    address: SocketAddr,
    to_lose: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Valve {
    /// Listens at `address`, and passes everything on to `control`.
    pub(crate) async fn start(address: SocketAddr, control: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).await.expect("a free address");
        let to_lose = Arc::new(AtomicUsize::new(0));
        let losing = Arc::clone(&to_lose);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let losing = Arc::clone(&losing);
                // A connection that breaks is the publisher's to notice.
                tokio::spawn(async move {
                    let _ = serve(stream, control, &losing).await;
                });
            }
        });
        Self {
            address,
            to_lose,
            task,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many are to be lost, to share with another way to the proxy.
    pub(crate) fn to_lose(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.to_lose)
    }

    /// Accepts the next so many requests without passing them on.
    pub fn loses_next(&self, requests: usize) {
        self.to_lose.store(requests, Ordering::SeqCst);
    }

    /// How many of these have not come yet.
    #[must_use]
    pub fn still_to_lose(&self) -> usize {
        self.to_lose.load(Ordering::SeqCst)
    }
}

impl Drop for Valve {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Whether the next one is to be lost, which is then one less.
pub(crate) fn is_lost(to_lose: &AtomicUsize) -> bool {
    let one_less = |left: usize| left.checked_sub(1);
    to_lose
        .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less)
        .is_ok()
}

async fn serve(mut stream: TcpStream, control: SocketAddr, losing: &AtomicUsize) -> io::Result<()> {
    // Nothing is decided before a request comes: a publisher may connect ahead of time.
    stream.readable().await?;
    if !is_lost(losing) {
        let mut control = TcpStream::connect(control).await?;
        copy_bidirectional(&mut stream, &mut control).await?;
        return Ok(());
    }
    read_request(&mut stream).await?;
    let answer = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 10\r\n\
                  Connection: close\r\n\r\nPublished\n";
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

/// Reads a request that has a `Content-Length`, as proxies want it.
async fn read_request(stream: &mut TcpStream) -> io::Result<()> {
    let mut read = Vec::new();
    loop {
        if stream.read_buf(&mut read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") else {
            continue;
        };
        let head = String::from_utf8_lossy(&read[..end]).to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"))
            .and_then(|length| length.trim().parse::<usize>().ok())
            .unwrap_or(0);
        if read.len() >= end + 4 + length {
            return Ok(());
        }
    }
}
