use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Semaphore, watch},
    time::{Instant, sleep, timeout_at},
};

use super::{Kind, MARK, connect_from, open_head};
use crate::Error;

/// After the mark, the number of a message in its channel.
const DIGITS: usize = 19;

/// A client that is not served waits for so long.
const AGAIN: Duration = Duration::from_secs(1);

/// A message that says which one of its channel it is.
pub(crate) fn numbered(number: u64) -> String {
    format!("{}{number:0DIGITS$}\n", char::from(MARK))
}

/// What all visitors have seen.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// Clients that were held.
    pub(crate) held: AtomicU64,
    pub(crate) messages: AtomicU64,
    /// Messages that did not follow the one before.
    pub(crate) gaps: AtomicU64,
    /// Clients that were not served, or not to their end.
    pub(crate) failed: AtomicU64,
}

/// A place in a crowd. Clients of one kind come to it, one after another; they read what they get,
/// and each leaves in another way than the one before.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) seat: usize,
    pub(crate) kind: Kind,
    pub(crate) hub: SocketAddr,
    pub(crate) channel: String,
    pub(crate) seen: Arc<Seen>,
    /// Bounds how many arrive at once.
    pub(crate) door: Arc<Semaphore>,
}

impl Visitor {
    pub(crate) async fn run(self, mut leave: watch::Receiver<bool>) {
        let kind = self.kind;
        for visit in self.seat.. {
            // 5 to 35 s, other ones for each seat and visit.
            let stay = Duration::from_millis((5_000 + visit * 7_919 % 30_000) as u64);
            let until = Instant::now() + stay;
            let stayed = tokio::select! {
                stayed = self.visit(kind, visit, until) => stayed,
                _ = leave.wait_for(|leave| *leave) => return,
            };
            if stayed.is_err() {
                self.seen.failed.fetch_add(1, Ordering::Relaxed);
                sleep(AGAIN).await;
            }
        }
    }

    async fn visit(&self, kind: Kind, visit: usize, until: Instant) -> Result<(), Error> {
        let request = kind.request(Some(&self.channel));
        let mut socket = {
            let _permit = self.door.acquire().await?;
            let mut socket = connect_from(self.seat, self.hub).await?;
            socket.write_all(request.as_bytes()).await?;
            if kind != Kind::Response {
                open_head(&mut socket, kind.held()).await?;
            }
            socket
        };
        self.seen.held.fetch_add(1, Ordering::Relaxed);
        let mut rest = Vec::new();
        let mut last = None;
        // The end of the time is what is waited for.
        while let Ok(read) = timeout_at(until, socket.read_buf(&mut rest)).await {
            if read? == 0 {
                return Err("the hub has ended the connection".into());
            }
            let messages = self.read(&mut rest, &mut last);
            if kind == Kind::Response && messages > 0 {
                last = None;
                socket.write_all(request.as_bytes()).await?;
            }
        }
        leave(socket, kind, visit).await?;
        Ok(())
    }

    /// Counts the messages in what was read, and leaves what is not whole.
    fn read(&self, rest: &mut Vec<u8>, last: &mut Option<u64>) -> u64 {
        let mut messages = 0;
        while let Some(start) = rest.iter().position(|byte| *byte == MARK) {
            let Some(digits) = rest.get(start + 1..start + 1 + DIGITS) else {
                rest.drain(..start);
                return messages;
            };
            let number = std::str::from_utf8(digits)
                .ok()
                .and_then(|text| text.parse().ok());
            if let (Some(number), Some(last)) = (number, *last)
                && number != last + 1
            {
                self.seen.gaps.fetch_add(1, Ordering::Relaxed);
            }
            *last = number;
            messages += 1;
            self.seen.messages.fetch_add(1, Ordering::Relaxed);
            rest.drain(..start + 1 + DIGITS);
        }
        rest.clear();
        messages
    }
}

/// Goes: by the end of the connection, by a reset, in the middle of something, or politely.
async fn leave(mut socket: TcpStream, kind: Kind, visit: usize) -> io::Result<()> {
    match (visit / Kind::ALL.len() % 4, kind) {
        (0, _) => Ok(()),
        (1, _) => socket.set_zero_linger(),
        (2, Kind::WebSocket) => socket.write_all(b"\x81\x85\0\0\0\0hal").await,
        (2, _) => socket.write_all(b"GET /pl").await,
        (_, Kind::WebSocket) => {
            // What comes until the hub has answered is no matter.
            socket.write_all(b"\x88\x82\0\0\0\0\x03\xe8").await?;
            let mut rest = Vec::new();
            socket.read_to_end(&mut rest).await.map(drop)
        }
        _ => socket.shutdown().await,
    }
}
