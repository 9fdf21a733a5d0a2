use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use super::slices::{SliceTimes, Slices};
use crate::{
    Error,
    clients::connect,
    report::{Report, Section},
    sides::{Proxy, Side, Starter},
};

const REQUEST: &[u8] = b"GET /plain HTTP/1.1\r\nHost: load\r\n\r\n";

const CONNECTIONS: usize = 32;

pub(crate) const RATE: &str = "32 connections: requests per second";
const PROCESSOR: &str = "32 connections: processor time each, µs";
pub(crate) const P50: &str = "one connection: p50, µs";
const ADDED: &str = "one connection: added p50, µs";

const PATIENCE: Duration = Duration::from_secs(10);

/// Plain requests to these sides, by turns.
pub(crate) async fn measure(
    starter: &Starter,
    sides: &[Side],
    slices: SliceTimes,
    report: &mut Report,
) {
    let mut running = Slices::start(starter, sides, Section::Plain, "requests", report).await;
    let times = running
        .each(slices.times, report, move |proxy| {
            Box::pin(async move { alone(proxy.client(), slices.each).await })
        })
        .await;
    let p50 = |side: Side| {
        let of_side = times.iter().filter(|(of, _)| *of == side);
        let mut times: Vec<_> = of_side
            .flat_map(|(_, times)| times.iter().copied())
            .collect();
        (!times.is_empty()).then(|| median(&mut times).as_secs_f64() * 1e6)
    };
    for side in sides {
        let Some(own) = p50(*side) else {
            continue;
        };
        report.add(Section::Plain, P50, *side, own);
        if let Some(base) = base(*side).and_then(p50) {
            report.add(Section::Plain, ADDED, *side, own - base);
        }
    }
    let rates = running
        .each(slices.times, report, move |proxy| {
            Box::pin(async move { rate(proxy, slices.each).await })
        })
        .await;
    for (side, (rate, processor)) in rates {
        report.add(Section::Plain, RATE, side, rate);
        // The origin is in this process.
        if side != Side::Origin {
            report.add(Section::Plain, PROCESSOR, side, processor);
        }
    }
}

/// What a side is there without.
const fn base(side: Side) -> Option<Side> {
    match side {
        Side::Inside | Side::NoOp => Some(Side::Router),
        Side::Hub | Side::Nginx | Side::Floor | Side::Pushpin => Some(Side::Origin),
        _ => None,
    }
}

/// Returns when a plain request is answered.
pub(crate) async fn wait_until_up(address: SocketAddr) -> Result<(), Error> {
    let start = Instant::now();
    loop {
        // Pushpin can lose a request that comes before all its processes have met.
        let result = timeout(Duration::from_secs(1), async {
            ask(&mut connect(address).await?).await
        });
        match result.await.unwrap_or_else(|_| Err("no answer".into())) {
            Ok(_) => return Ok(()),
            Err(error) if start.elapsed() > PATIENCE => return Err(error),
            Err(_) => sleep(Duration::from_millis(50)).await,
        }
    }
}

/// How long each answer took on one connection.
async fn alone(address: SocketAddr, time: Duration) -> Result<Vec<Duration>, Error> {
    // In a task as the clients of the other figures, and not in the main one, which is polled from
    // outside the runtime's threads.
    let client = tokio::spawn(async move {
        let mut socket = connect(address).await?;
        let mut times = Vec::new();
        let start = Instant::now();
        while start.elapsed() < time {
            times.push(timeout(PATIENCE, ask(&mut socket)).await??);
        }
        Ok::<_, Error>(times)
    });
    client.await?
}

/// Requests in a second, and the processor time of each in microseconds.
async fn rate(proxy: Arc<dyn Proxy>, time: Duration) -> Result<(f64, f64), Error> {
    let address = proxy.client();
    let mut sockets = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut socket = connect(address).await?;
        timeout(PATIENCE, ask(&mut socket)).await??;
        sockets.push(socket);
    }
    let before = proxy.usage().processor;
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for mut socket in sockets {
        clients.spawn(async move {
            let mut answered = 0_u64;
            while start.elapsed() < time {
                timeout(PATIENCE, ask(&mut socket)).await??;
                answered += 1;
            }
            Ok::<_, Error>(answered)
        });
    }
    let mut answered = 0;
    while let Some(client) = clients.join_next().await {
        answered += client??;
    }
    let took = start.elapsed().as_secs_f64();
    let used = proxy.usage().processor.saturating_sub(before).as_secs_f64();
    let answered = answered as f64;
    Ok((answered / took, used * 1e6 / answered))
}

/// How long the answer took. The body is known, so its end is that of the answer.
async fn ask(socket: &mut TcpStream) -> Result<Duration, Error> {
    let start = Instant::now();
    socket.write_all(REQUEST).await?;
    let mut answer = Vec::with_capacity(512);
    while !answer.ends_with(b"\r\n\r\nhello\n") {
        if socket.read_buf(&mut answer).await? == 0 || answer.len() > 4_096 {
            return Err(format!("not the answer: {:?}", String::from_utf8_lossy(&answer)).into());
        }
    }
    if answer.starts_with(b"HTTP/1.1 200 ") {
        Ok(start.elapsed())
    } else {
        Err(format!("not the answer: {:?}", String::from_utf8_lossy(&answer)).into())
    }
}

pub(super) fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
