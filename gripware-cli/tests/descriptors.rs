//! The program when there are no descriptors left.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it is a test")]

mod support;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use crate::support::{LONG, Program};

/// An application that answers everything with a stream hold.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let client = client.unwrap();
            thread::spawn(move || {
                let mut lines = BufReader::new(client.try_clone().unwrap()).lines();
                while let Some(Ok(line)) = lines.next() {
                    let held = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nGrip-Hold: \
                                stream\r\nGrip-Channel: news\r\nContent-Length: 3\r\n\r\nhi\n";
                    if line.is_empty() && (&client).write_all(held.as_bytes()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    address
}

fn held(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    client
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    client
}

fn reads(client: &mut TcpStream, end: &str) {
    let mut read = Vec::new();
    while !read.ends_with(end.as_bytes()) {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
}

#[test]
fn when_none_are_left_publishers_and_the_origin_still_have_some_and_clients_wait() {
    let origin = origin();
    // The soft limit is lower still, and raised.
    let mut hub = Program::limited("ulimit -S -n 100 && ulimit -H -n 160");
    hub.command.arg(format!("--origin=http://{origin}"));
    let hub = hub
        .flag("--listen=127.0.0.1:0")
        .flag("--control=127.0.0.1:0")
        .start();
    // Twenty are kept for others.
    let mut clients: Vec<_> = (0..200).map(|_| held(hub.front)).collect();
    // The first of them is held while others wait, and what is published arrives.
    reads(clients.first_mut().unwrap(), "3\r\nhi\n\r\n");
    let start = Instant::now();
    while !hub.errors().contains("new clients wait") {
        assert!(start.elapsed() < LONG, "{}", hub.errors());
        thread::sleep(Duration::from_millis(20));
    }
    let published = hub.request_with(
        "POST /publish/",
        "{\"items\":[{\"channel\":\"news\",\"formats\":{\"http-stream\":{\"content\":\"item\\n\"}}}]}",
    );
    assert!(published.starts_with("HTTP/1.1 200"), "{published}");
    reads(clients.first_mut().unwrap(), "item\n\r\n");
    // More than the soft limit would have allowed, of which the hub itself takes some.
    let start = Instant::now();
    loop {
        let held = hub.request("GET /channels", "");
        if (80..140).any(|count| held.contains(&format!("\"stream\":{count}"))) {
            break;
        }
        assert!(start.elapsed() < LONG, "{held}");
        thread::sleep(Duration::from_millis(20));
    }

    // Whoever waits comes in as others leave.
    let last = clients.split_off(199);
    drop(clients);
    for mut client in last {
        reads(&mut client, "3\r\nhi\n\r\n");
    }
    for said in ["new clients wait", "requests to the origin wait"] {
        let count = hub.errors().matches(said).count();
        assert!(count <= 1, "{}", hub.errors());
    }
}
