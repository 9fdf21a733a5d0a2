use std::net::SocketAddr;

use gripware_interop::PATIENCE;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// A client that sends bytes, and keeps every byte that comes back.
#[derive(Debug)]
pub(crate) struct Wire {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::of(TcpStream::connect(address).await.expect("a connection"))
    }

    /// On a connection that is there.
    pub(crate) fn of(stream: TcpStream) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// Opens a WebSocket, and returns when it is accepted.
    pub(crate) async fn websocket(address: SocketAddr, path: &str) -> Self {
        let mut wire = Self::connect(address).await;
        wire.sends(format!(
            "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        ))
        .await;
        let head = wire.until(b"\r\n\r\n").await;
        assert!(
            head.starts_with(b"HTTP/1.1 101 "),
            "{}",
            head.escape_ascii()
        );
        wire
    }

    /// Sends bytes. The other side may have closed the connection already, having seen enough.
    pub(crate) async fn sends(&mut self, bytes: impl AsRef<[u8]>) {
        let sent = timeout(PATIENCE, self.stream.write_all(bytes.as_ref())).await;
        let _ = sent.expect("room for what is sent");
    }

    /// Sends bytes, and returns whether the connection was open and had room for all of them before
    /// the other side was given up.
    pub(crate) async fn is_open_for(&mut self, bytes: &[u8]) -> bool {
        matches!(
            timeout(PATIENCE, self.stream.write_all(bytes)).await,
            Ok(Ok(()))
        )
    }

    /// What comes up to and with these bytes; less where the connection ends before.
    pub(crate) async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            let found = self.read.windows(end.len()).position(|part| part == end);
            if let Some(start) = found {
                return self.read.drain(..start + end.len()).collect();
            }
            if !self.reads_more().await {
                return std::mem::take(&mut self.read);
            }
        }
    }

    /// The next so many bytes; fewer where the connection ends before.
    pub(crate) async fn take(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length && self.reads_more().await {}
        let length = length.min(self.read.len());
        self.read.drain(..length).collect()
    }

    /// Everything until the other side ends the connection.
    ///
    /// # Panics
    /// Where it does not within [`PATIENCE`].
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.reads_more().await {}
        std::mem::take(&mut self.read)
    }

    async fn reads_more(&mut self) -> bool {
        let read = timeout(PATIENCE, self.stream.read_buf(&mut self.read)).await;
        let Ok(read) = read else {
            panic!("nothing came after {}", self.read.escape_ascii());
        };
        // A reset is an end, too.
        read.is_ok_and(|read| read > 0)
    }
}
