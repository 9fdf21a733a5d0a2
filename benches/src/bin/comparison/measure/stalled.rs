use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::{sleep, timeout},
};

use crate::{
    Error,
    clients::{Control, Crowd, Guests, Kind, MARK, message, message_of, open_head},
    report::{Report, Section, count},
    sides::{Proxy, Running, Side, Starter},
};

/// How many of the clients do not read.
const STALLED: usize = 10;

/// They have a channel of their own, beside that of the others, by which their queues are filled.
const FILL: &str = "fill";
const REQUEST: &[u8] = b"GET /stream?load,fill HTTP/1.1\r\nHost: load\r\n\r\n";

/// How long such a message is. The kernel takes some megabytes of them before the hub's queue has
/// to.
const LARGE: usize = 60_000;

/// How many of them there are at most: far more than the kernel takes, and a queue.
const LARGE_AT_MOST: usize = 400;

/// A client's queue as the hub has it by default, in bytes.
const QUEUE: f64 = (1 << 20) as f64;

/// How many messages are measured with and without those who stall, by turns.
const PAIRS: usize = 400;

const PATIENCE: Duration = Duration::from_secs(20);

/// What counts.
pub(crate) const RATIO: &str = "ratio of the two";

/// The name of a row.
pub(crate) fn row(size: usize, what: &str) -> String {
    format!("{STALLED} stalled among {} streams: {what}", count(size))
}

/// What those who do not read cost those who do.
///
/// Two hubs have the same readers, and one of them ten more, whose queues are full. One message to
/// either hub by turns: what else the machine does is the same for both.
pub(crate) async fn measure(
    starter: &Starter,
    size: usize,
    report: &mut Report,
) -> Result<(), Error> {
    let mut with = Measured::start(starter, size.saturating_sub(STALLED)).await?;
    let mut without = Measured::start(starter, size.saturating_sub(STALLED)).await?;
    let before = (with.resident(), without.resident());
    let mut stalled = stall(with.hub.client()).await?;
    let large = with.fill().await?;
    for n in 0..PAIRS {
        for is_first in [true, false] {
            let side = if is_first == (n % 2 == 0) {
                &mut with
            } else {
                &mut without
            };
            side.one_message().await?;
        }
    }
    let with_p99 = with.crowd.lag.p99().as_secs_f64() * 1e3;
    let without_p99 = without.crowd.lag.p99().as_secs_f64() * 1e3;
    let mut add = |what: &str, figure| {
        report.add(Section::Stalled, row(size, what), Side::Hub, figure);
    };
    add("p99 of the others, ms", with_p99);
    add("p99 without them, ms", without_p99);
    add(RATIO, with_p99 / without_p99);

    let grown = with.resident() - before.0 - (without.resident() - before.1);
    add("memory in queues of 1 MiB", grown / QUEUE);

    // Now they read: what they do not get has been counted as dropped.
    let owed = (STALLED * (large + PAIRS)) as f64;
    let dropped = with.metric("gripware_hub_dropped_total").await?;
    let received = read_all(&mut stalled, owed - dropped).await?;
    add("messages for them", owed);
    add("of these received", received);
    add("of these counted as dropped", dropped);

    let hub = starter.hub(Side::Hub, &[])?;
    let mut control = hub.control();
    let stalled = stall(hub.client()).await?;
    let cut = "gripware_hub_slow_closed_total";
    let mut sent = 0;
    while control.metrics().await?.get(cut) != Some(&(STALLED as f64)) && sent < LARGE_AT_MOST {
        control.publish_to(FILL, &[message_of(LARGE)]).await?;
        sent += 1;
    }
    let counted = control.metrics().await?.get(cut).copied();
    add("counted as cut, by default", counted.unwrap_or_default());
    let mut without_end = 0;
    for mut socket in stalled {
        let mut read = Vec::new();
        // A reset is an end without an end, too.
        let _ = timeout(PATIENCE, socket.read_to_end(&mut read)).await?;
        without_end += u32::from(!read.ends_with(b"0\r\n\r\n"));
    }
    add("whose answer has no end", without_end.into());
    Ok(())
}

/// A hub, and those who read.
struct Measured {
    hub: Running,
    control: Control,
    crowd: Crowd,
}

impl Measured {
    async fn start(starter: &Starter, size: usize) -> Result<Self, Error> {
        let hub = starter.hub(Side::Hub, &["--slow-clients", "drop"])?;
        let crowd = Guests::of(Kind::Stream, size).gather(&hub).await?;
        let control = hub.control();
        let mut side = Self {
            hub,
            control,
            crowd,
        };
        // What is needed once is there before anything is measured.
        for _ in 0..20 {
            side.one_message().await?;
        }
        let _ = side.crowd.lag.p99();
        Ok(side)
    }

    async fn one_message(&mut self) -> Result<(), Error> {
        let tally = &self.crowd.tally;
        tally.expect(tally.received() + self.crowd.size() as u64);
        self.control.publish(Kind::Stream, &[message()]).await?;
        let reached = self.crowd.tally.reached(PATIENCE).await;
        reached.ok_or("a reader has not got a message")?;
        Ok(())
    }

    /// Publishes until each queue of those who stall is full, and returns how many messages that
    /// were.
    async fn fill(&mut self) -> Result<usize, Error> {
        for sent in 0..LARGE_AT_MOST {
            // The last message was dropped for each of them.
            let before = self.metric("gripware_hub_dropped_total").await?;
            self.control.publish_to(FILL, &[message_of(LARGE)]).await?;
            let start = Instant::now();
            while start.elapsed() < Duration::from_millis(20) {
                let dropped = self.metric("gripware_hub_dropped_total").await? - before;
                if dropped >= STALLED as f64 {
                    return Ok(sent + 1);
                }
            }
        }
        Err("the queues do not become full".into())
    }

    async fn metric(&mut self, name: &str) -> Result<f64, Error> {
        let metrics = self.control.metrics().await?;
        metrics.get(name).copied().ok_or_else(|| name.into())
    }

    fn resident(&self) -> f64 {
        self.hub.usage().resident as f64
    }
}

/// Clients that are held, and read no more than the head. The kernel keeps little for them.
async fn stall(address: SocketAddr) -> Result<Vec<TcpStream>, Error> {
    let mut stalled = Vec::with_capacity(STALLED);
    for _ in 0..STALLED {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        let mut socket = socket.connect(address).await?;
        socket.write_all(REQUEST).await?;
        open_head(&mut socket, Kind::Stream.held()).await?;
        stalled.push(socket);
    }
    Ok(stalled)
}

/// Reads until as many messages have come as are expected, or none for a while.
async fn read_all(stalled: &mut [TcpStream], expected: f64) -> Result<f64, Error> {
    let mut received = 0.0;
    let mut moved = Instant::now();
    let mut bytes = vec![0; 256 * 1024];
    while received < expected && moved.elapsed() < PATIENCE {
        for socket in &mut *stalled {
            // A moment for each: none may wait for another.
            let Ok(read) = timeout(Duration::from_millis(5), socket.read(&mut bytes)).await else {
                continue;
            };
            let read = bytes.get(..read?).unwrap_or_default();
            let messages = read.iter().filter(|byte| **byte == MARK).count();
            if messages > 0 {
                received += messages as f64;
                moved = Instant::now();
            }
        }
    }
    // One more than is expected would be a fault, too.
    sleep(Duration::from_millis(100)).await;
    for socket in stalled {
        while let Ok(read) = socket.try_read(&mut bytes) {
            let read = bytes.get(..read).unwrap_or_default();
            if read.is_empty() {
                break;
            }
            received += read.iter().filter(|byte| **byte == MARK).count() as f64;
        }
    }
    Ok(received)
}
