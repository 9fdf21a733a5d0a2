//! The application in Python that the README shows, behind the program.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it is a test")]

mod support;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Child, Command},
    thread,
    time::{Duration, Instant},
};

use crate::support::{LONG, Program};

const README: &str = include_str!("../../README.md");

/// The interpreter, which ends with the test.
struct Application(Child);

impl Drop for Application {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The first block of the README in a language.
fn block(language: &str) -> &'static str {
    let (_, rest) = README.split_once(&format!("```{language}\n")).unwrap();
    rest.split_once("```").unwrap().0
}

fn connect(address: SocketAddr, head: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    write!(stream, "{head}\r\nHost: localhost\r\n\r\n").unwrap();
    stream
}

/// Reads until `end` has come.
fn read_until(stream: &mut TcpStream, end: &[u8]) -> Vec<u8> {
    let mut seen = Vec::new();
    while !seen.windows(end.len()).any(|part| part == end) {
        let mut bytes = [0; 512];
        let length = stream.read(&mut bytes).unwrap();
        assert_ne!(length, 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(bytes.get(..length).unwrap_or_default());
    }
    seen
}

#[test]
fn the_application_in_python_holds_streams_and_websockets() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = free.local_addr().unwrap();
    drop(free);
    let code = block("python").replace("3000", &origin.port().to_string());
    let hub = Program::new()
        .flag(format!("--origin=http://{origin}"))
        .flag("--listen=127.0.0.1:0")
        .flag("--control=127.0.0.1:0")
        .flag("--sig-key=changeme");
    let script = hub.path("app.py");
    fs::write(&script, code).unwrap();
    let python = Command::new("python3").arg(script).spawn().unwrap();
    let _application = Application(python);
    let start = Instant::now();
    while TcpStream::connect(origin).is_err() {
        assert!(start.elapsed() < LONG, "it does not listen");
        thread::sleep(Duration::from_millis(20));
    }
    let hub = hub.start();

    let mut stream = connect(hub.front, "GET / HTTP/1.1");
    let head = read_until(&mut stream, b"\r\n\r\n");
    assert!(head.starts_with(b"HTTP/1.1 200 OK\r\n"));
    let mut socket = connect(
        hub.front,
        "GET / HTTP/1.1\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    );
    let head = read_until(&mut socket, b"\r\n\r\n");
    assert!(head.starts_with(b"HTTP/1.1 101 "), "{}", hub.errors());

    // What the README publishes reaches both.
    let (_, rest) = README
        .split_once("curl -d '{\"items\":[{\"channel\":\"news\"")
        .unwrap();
    let (rest, _) = rest.split_once('\'').unwrap();
    let items = format!("{{\"items\":[{{\"channel\":\"news\"{rest}");
    let answer = hub.request_with("POST /publish/", &items);
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    read_until(&mut stream, b"data: hi\n\n");
    read_until(&mut socket, b"\x81\x02hi");

    // And the client's close has its echo.
    let close = b"\x88\x82\0\0\0\0\x03\xe8";
    socket.write_all(close).unwrap();
    read_until(&mut socket, b"\x88\x02\x03\xe8");
    assert!(!hub.errors().contains("WARN"), "{}", hub.errors());
}
