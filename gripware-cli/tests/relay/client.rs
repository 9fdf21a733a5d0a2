//! A client that reads the feed.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    task::JoinHandle,
};

use crate::until;

/// Reads the feed to the end of the connection.
pub(crate) struct Client {
    seen: Arc<Mutex<Vec<u64>>>,
    reading: JoinHandle<()>,
}

impl Client {
    /// Is held when this returns, and goes on from the line that it names.
    pub(crate) async fn connect(address: SocketAddr, after: u64) -> Self {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET /feed?after={after} HTTP/1.1\r\nHost: example.org\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        stream.read_line(&mut line).await.unwrap();
        assert!(line.starts_with("HTTP/1.1 200 "), "{line}");
        while line != "\r\n" {
            line.clear();
            stream.read_line(&mut line).await.unwrap();
        }
        let seen = Arc::<Mutex<Vec<u64>>>::default();
        let reading = tokio::spawn(read(stream, Arc::clone(&seen)));
        Self { seen, reading }
    }

    pub(crate) fn seen(&self) -> Vec<u64> {
        self.seen.lock().unwrap().clone()
    }

    pub(crate) fn last(&self) -> u64 {
        self.seen.lock().unwrap().last().copied().unwrap_or(0)
    }

    /// Waits until it has a line.
    pub(crate) async fn has(&self, number: u64) {
        let has = async || self.last() >= number;
        until(&format!("line {number} comes"), has).await;
    }

    /// Waits until the connection is cut.
    pub(crate) async fn is_cut(&self) {
        until("it is cut", async || self.reading.is_finished()).await;
    }

    /// Asserts that it has every line once and in order.
    pub(crate) fn has_all(&self, from: u64, to: u64) {
        assert_eq!(self.seen(), (from..=to).collect::<Vec<_>>());
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

/// Reads chunks, each of which has whole lines.
async fn read(mut stream: BufReader<TcpStream>, seen: Arc<Mutex<Vec<u64>>>) {
    let mut head = String::new();
    loop {
        head.clear();
        match stream.read_line(&mut head).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        let length = usize::from_str_radix(head.trim_ascii_end(), 16).unwrap();
        let mut chunk = vec![0; length + 2];
        if length == 0 || stream.read_exact(&mut chunk).await.is_err() {
            return;
        }
        chunk.truncate(length);
        let text = String::from_utf8(chunk).unwrap();
        let numbers = text.lines().map(|line| line.parse::<u64>().unwrap());
        seen.lock().unwrap().extend(numbers);
    }
}
