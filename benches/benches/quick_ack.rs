//! How long a turn of a WebSocket takes behind a proxy that writes head and body of a request apart,
//! with and without `QuickAck`.
//!
//! ```sh
//! cargo bench -p gripware-benches --bench quick_ack
//! ```

use std::{
    io::{self, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use actix_web::{App, HttpServer, web};
use axum::{Router, body::Bytes, routing::post};
use gripware_actix::{Grip, GripMiddleware};
use gripware_axum::QuickAck;
use gripware_benches::Error;
use tokio::net::TcpListener;

/// How often each origin is asked, by turns.
const TURNS: usize = 100;

const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: origin\r\nContent-Length: 15\r\n\r\n";
const BODY: &[u8] = b"TEXT 5\r\nhello\r\n";

fn main() -> Result<(), Error> {
    println!("\n| origin | p50 without | p50 with | ratio |\n|---|---:|---:|---:|");
    for (name, without, with) in [
        ("axum", on_axum(false)?, on_axum(true)?),
        ("actix-web", on_actix(false)?, on_actix(true)?),
    ] {
        let (without, with) = medians(without, with)?;
        println!(
            "| {name} | {without:.1?} | {with:.1?} | {:.0} |",
            without.as_secs_f64() / with.as_secs_f64()
        );
    }
    Ok(())
}

/// Starts an origin that echoes, on a thread that lives as long as the program.
fn on_axum(is_quick: bool) -> Result<SocketAddr, Error> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let app = Router::new().route("/", post(async |body: Bytes| body));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::spawn(move || {
        runtime.block_on(async {
            let listener = TcpListener::from_std(listener)?;
            if is_quick {
                axum::serve(QuickAck::new(listener), app).await
            } else {
                axum::serve(listener, app).await
            }
        })
    });
    Ok(address)
}

/// As [`on_axum`].
fn on_actix(is_quick: bool) -> Result<SocketAddr, Error> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let grip = Grip::builder().build()?;
    thread::spawn(move || {
        let echo = async |body: web::Bytes| body;
        let server = HttpServer::new(move || {
            App::new()
                .route("/", web::post().to(echo))
                .wrap(GripMiddleware::new(&grip))
        });
        let server = server.workers(1).disable_signals();
        let server = if is_quick {
            server.on_connect(gripware_actix::quick_ack)
        } else {
            server
        };
        actix_web::rt::System::new().block_on(server.listen(listener)?.run())
    });
    Ok(address)
}

fn medians(without: SocketAddr, with: SocketAddr) -> Result<(Duration, Duration), Error> {
    let (mut without, mut with) = (TcpStream::connect(without)?, TcpStream::connect(with)?);
    let mut times = (Vec::new(), Vec::new());
    for _ in 0..TURNS {
        times.0.push(turn(&mut without)?);
        times.1.push(turn(&mut with)?);
    }
    Ok((median(times.0), median(times.1)))
}

/// One request as a proxy writes it that does not turn off Nagle's algorithm.
fn turn(stream: &mut TcpStream) -> io::Result<Duration> {
    let start = Instant::now();
    stream.write_all(HEAD)?;
    stream.write_all(BODY)?;
    let mut answer = Vec::new();
    let mut buffer = [0; 1024];
    while !answer.ends_with(BODY) {
        match stream.read(&mut buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            length => answer.extend(buffer.iter().take(length)),
        }
    }
    Ok(start.elapsed())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
