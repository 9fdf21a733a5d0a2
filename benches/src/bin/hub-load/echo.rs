use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

use crate::{Error, crowd::Kind, plain::median, proxy::Proxy, report::Report};

/// How many take turns at once: the first is about the time of each, the other about their number.
const CONNECTIONS: [usize; 2] = [1, 32];

/// A text of four bytes, masked by zeros, and its echo.
const SAID: &[u8] = b"\x81\x84\0\0\0\0echo";
const HEARD: &[u8] = b"\x81\x04echo";

const PATIENCE: Duration = Duration::from_secs(10);

/// WebSocket messages to the origin and back.
pub(crate) async fn measure(
    proxy: &dyn Proxy,
    time: Duration,
    report: &mut Report,
) -> Result<(), Error> {
    for connections in CONNECTIONS {
        run(proxy, connections, time, report).await?;
    }
    Ok(())
}

async fn run(
    proxy: &dyn Proxy,
    connections: usize,
    time: Duration,
    report: &mut Report,
) -> Result<(), Error> {
    let mut clients = JoinSet::new();
    let address = proxy.client();
    let start = Instant::now();
    for _ in 0..connections {
        clients.spawn(async move {
            let mut socket = open(address).await?;
            let mut times = Vec::new();
            while start.elapsed() < time {
                times.push(timeout(PATIENCE, turn(&mut socket)).await??);
            }
            Ok::<_, Error>(times)
        });
    }
    let mut times = Vec::new();
    while let Some(client) = clients.join_next().await {
        times.extend(client??);
    }
    let rate = times.len() as f64 / start.elapsed().as_secs_f64();
    let row = format!("WebSocket echoes, connections: {connections}");
    report.add(format!("{row}: per second"), proxy.name(), rate);
    let p50 = median(&mut times).as_secs_f64() * 1e3;
    report.add(format!("{row}: p50, ms"), proxy.name(), p50);
    Ok(())
}

async fn open(address: SocketAddr) -> Result<TcpStream, Error> {
    let mut socket = TcpStream::connect(address).await?;
    socket.set_nodelay(true)?;
    let request = Kind::WebSocket.request().replace("/websocket", "/echo");
    socket.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if socket.read_buf(&mut head).await? == 0 {
            return Err("a WebSocket was refused".into());
        }
    }
    Ok(socket)
}

async fn turn(socket: &mut TcpStream) -> Result<Duration, Error> {
    let start = Instant::now();
    socket.write_all(SAID).await?;
    let mut heard = [0; HEARD.len()];
    socket.read_exact(&mut heard).await?;
    if heard == HEARD {
        Ok(start.elapsed())
    } else {
        Err(format!("not the echo: {heard:?}").into())
    }
}
