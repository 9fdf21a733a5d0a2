use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{sleep, timeout},
};

use crate::{Error, origin::Origin, proxy::Proxy, report::Report};

const REQUEST: &[u8] = b"GET /plain HTTP/1.1\r\nHost: load\r\n\r\n";

const CONNECTIONS: usize = 32;

const PATIENCE: Duration = Duration::from_secs(10);

/// Plain requests, straight to the origin and through the proxy.
pub(crate) async fn measure(
    proxy: &dyn Proxy,
    origin: &Origin,
    time: Duration,
    report: &mut Report,
) -> Result<(), Error> {
    let mut direct = connect(origin.address()).await?;
    let mut through = connect(proxy.client()).await?;
    let (mut without, mut with) = (Vec::new(), Vec::new());
    let start = Instant::now();
    while start.elapsed() < time {
        without.push(ask(&mut direct).await?);
        with.push(ask(&mut through).await?);
    }
    let (without, with) = (median(&mut without), median(&mut with));
    let added = with.saturating_sub(without).as_secs_f64() * 1e6;
    report.add("plain request: added p50, µs", proxy.name(), added);

    let row = format!("plain requests per second, {CONNECTIONS} connections");
    report.add(&*row, "origin", rate(origin.address(), time).await?);
    report.add(&*row, proxy.name(), rate(proxy.client(), time).await?);
    Ok(())
}

/// Returns when a plain request is answered by the origin.
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

async fn rate(address: SocketAddr, time: Duration) -> Result<f64, Error> {
    let start = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..CONNECTIONS {
        clients.spawn(async move {
            let mut socket = connect(address).await?;
            let mut answered = 0_u64;
            while start.elapsed() < time {
                ask(&mut socket).await?;
                answered += 1;
            }
            Ok::<_, Error>(answered)
        });
    }
    let mut answered = 0;
    while let Some(client) = clients.join_next().await {
        answered += client??;
    }
    Ok(answered as f64 / start.elapsed().as_secs_f64())
}

async fn connect(address: SocketAddr) -> Result<TcpStream, Error> {
    let socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    Ok(socket)
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

pub(crate) fn median(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
