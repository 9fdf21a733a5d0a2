use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use bytes::Bytes;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use super::{
    plain::median,
    slices::{SliceTimes, Slices},
};
use crate::{
    Error,
    clients::{Frames, connect, open_head, upgrade},
    report::{Report, Section},
    sides::{Side, Starter},
};

/// How many take turns at once: the first is about the time of each, the other about their number.
const CONNECTIONS: [usize; 2] = [1, 32];

const PATIENCE: Duration = Duration::from_secs(10);

/// The name of a row.
pub(crate) fn rate(connections: usize) -> String {
    format!("{}: per second", of(connections))
}

/// The name of a row.
pub(crate) fn p50(connections: usize) -> String {
    format!("{}: p50, µs", of(connections))
}

fn processor(connections: usize) -> String {
    format!("{}: processor time each, µs", of(connections))
}

fn of(connections: usize) -> String {
    let plural = if connections == 1 { "" } else { "s" };
    format!("{connections} connection{plural}")
}

/// What is said, how, and in which section it is told.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    pub(super) section: Section,
    /// Before the names of rows.
    pub(super) prefix: &'static str,
    /// A masked frame.
    pub(super) said: Bytes,
    /// What is said to a side that compresses.
    pub(super) compressed: Option<Bytes>,
    /// Further headers of the request that opens the WebSocket.
    pub(super) headers: &'static str,
}

/// Texts of four bytes to the application and back, at these sides by turns.
pub(crate) async fn measure(
    starter: &Starter,
    sides: &[Side],
    slices: SliceTimes,
    report: &mut Report,
) {
    let talk = Talk {
        section: Section::Echo,
        prefix: "",
        // Masked by zeros.
        said: Bytes::from_static(b"\x81\x84\0\0\0\0echo"),
        compressed: None,
        headers: "",
    };
    run(starter, sides, slices, &talk, report).await;
}

pub(super) async fn run(
    starter: &Starter,
    sides: &[Side],
    slices: SliceTimes,
    talk: &Talk,
    report: &mut Report,
) {
    let mut running = Slices::start(starter, sides, talk.section, "echoes", report).await;
    for connections in CONNECTIONS {
        let figures = running
            .each(slices.times, report, |proxy| {
                let mut talk = talk.clone();
                if let (Side::Compressing, Some(said)) = (proxy.side(), talk.compressed.take()) {
                    talk.said = said;
                }
                Box::pin(async move {
                    let before = proxy.usage().processor;
                    let figures = slice(proxy.client(), connections, slices.each, &talk).await?;
                    let used = proxy.usage().processor.saturating_sub(before);
                    Ok((figures, used))
                })
            })
            .await;
        for (side, ((times, rate_now), used)) in figures {
            let each = used.as_secs_f64() * 1e6 / times.len().max(1) as f64;
            let mut times = times;
            let middle = median(&mut times).as_secs_f64() * 1e6;
            let mut add = |row: String, figure| {
                report.add(talk.section, format!("{}{row}", talk.prefix), side, figure);
            };
            add(rate(connections), rate_now);
            add(p50(connections), middle);
            add(processor(connections), each);
        }
    }
}

/// How long each echo took, and how many there were in a second.
async fn slice(
    address: SocketAddr,
    connections: usize,
    time: Duration,
    talk: &Talk,
) -> Result<(Vec<Duration>, f64), Error> {
    let mut sockets = Vec::new();
    for _ in 0..connections {
        let mut socket = connect(address).await?;
        let request = upgrade("/echo", talk.headers);
        socket.write_all(request.as_bytes()).await?;
        timeout(PATIENCE, open_head(&mut socket, "HTTP/1.1 101 ")).await??;
        sockets.push(socket);
    }
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for mut socket in sockets {
        let said = talk.said.clone();
        clients.spawn(async move {
            let mut times = Vec::new();
            let mut heard = Vec::with_capacity(4_096);
            while start.elapsed() < time {
                times.push(timeout(PATIENCE, turn(&mut socket, &said, &mut heard)).await??);
            }
            Ok::<_, Error>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(client) = clients.join_next().await {
        times.extend(client??);
    }
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    Ok((times, rate))
}

async fn turn(
    socket: &mut TcpStream,
    said: &Bytes,
    heard: &mut Vec<u8>,
) -> Result<Duration, Error> {
    let start = Instant::now();
    socket.write_all(said).await?;
    heard.clear();
    let mut frames = Frames::default();
    let mut counted = 0;
    while counted == 0 {
        let length = heard.len();
        if socket.read_buf(heard).await? == 0 {
            return Err("a WebSocket was ended".into());
        }
        counted = frames.count(heard.get(length..).unwrap_or_default());
    }
    // A short text is not compressed, so that its echo is known.
    let is_echo = match said.strip_prefix(b"\x81\x84\0\0\0\0") {
        Some(text) => heard.get(2..) == Some(text),
        None => counted == 1,
    };
    if is_echo {
        Ok(start.elapsed())
    } else {
        Err(format!("not the echo: {}", heard.escape_ascii()).into())
    }
}
