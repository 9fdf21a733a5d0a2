//! What passes through the program: many headers, answers that come early, and clients that close
//! their sending side.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it is a test")]

mod support;

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use crate::support::{LONG, Program, Running};

/// An application that answers each head in this way, and closes.
fn origin(answer: impl Fn(&str, &mut TcpStream) + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut reader = BufReader::new(client.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            answer(&head, &mut client);
        }
    });
    address
}

fn hub(origin: SocketAddr) -> Running {
    Program::new()
        .flag("--listen=127.0.0.1:0")
        .flag("--control=127.0.0.1:0")
        .flag(format!("--origin=http://{origin}"))
        .start()
}

fn client(hub: &Running, request: &str) -> TcpStream {
    let mut client = TcpStream::connect(hub.front).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    client.write_all(request.as_bytes()).unwrap();
    client
}

fn rest(mut client: TcpStream) -> String {
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

/// The headers with names such as `x-7`.
fn numbered(head: &str) -> Vec<&str> {
    let is_numbered = |line: &&str| {
        let number = line.strip_prefix("x-").and_then(|it| it.split(':').next());
        number.is_some_and(|it| it.parse::<usize>().is_ok())
    };
    head.lines().filter(is_numbered).collect()
}

#[test]
fn hundreds_of_headers_in_both_directions() {
    let hub = hub(origin(|head, client| {
        let back = numbered(head).join("\r\n");
        let _ = write!(
            client,
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n{back}\r\n\r\n"
        );
    }));
    let headers: Vec<_> = (0..200).map(|n| format!("x-{n}: 1")).collect();
    let headers = headers.join("\r\n");
    let answer = rest(client(
        &hub,
        &format!("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{headers}\r\n\r\n"),
    ));
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer:.200}");
    assert_eq!(numbered(&answer).len(), 200);
}

#[test]
fn an_empty_subprotocol_of_the_origin_is_none() {
    let hub = hub(origin(|_, client| {
        let _ = write!(
            client,
            "HTTP/1.1 200 OK\r\nContent-Type: application/websocket-events\r\n\
             Sec-WebSocket-Protocol: \r\nContent-Length: 6\r\nConnection: close\r\n\r\nOPEN\r\n"
        );
    }));
    let mut client = client(
        &hub,
        "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n",
    );
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        head.extend(byte);
    }
    let head = String::from_utf8(head).unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101 "), "{head}");
    assert!(!head.contains("sec-websocket-protocol"), "{head}");
}

#[test]
fn an_answer_that_comes_before_the_request_is_whole() {
    let hub = hub(origin(|_, client| {
        let _ = write!(
            client,
            "HTTP/1.1 413 Content Too Large\r\nContent-Length: 9\r\nConnection: close\r\n\r\n\
             too large"
        );
        let _ = client.shutdown(Shutdown::Both);
    }));
    for _ in 0..9 {
        let mut client = client(
            &hub,
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10000000\r\n\r\n",
        );
        // More than all buffers on the way have room for; some of it is not taken any more.
        let mut sending = client.try_clone().unwrap();
        let sender = thread::spawn(move || {
            let piece = [b'x'; 10_000];
            (0..1000).all(|_| sending.write_all(&piece).is_ok())
        });
        let mut answer = Vec::new();
        while !answer.ends_with(b"too large") {
            let mut byte = [0];
            client.read_exact(&mut byte).unwrap();
            answer.extend(byte);
        }
        let answer = String::from_utf8(answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
        let _ = client.shutdown(Shutdown::Both);
        sender.join().unwrap();
    }
}

#[test]
fn a_client_that_closes_its_sending_side_gets_its_answer() {
    let hub = hub(origin(|_, client| {
        thread::sleep(Duration::from_millis(200));
        let _ = write!(
            client,
            "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nanswer"
        );
    }));
    let client = client(&hub, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    client.shutdown(Shutdown::Write).unwrap();
    let answer = rest(client);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    assert!(answer.ends_with("\r\n\r\nanswer"), "{answer}");
}

#[test]
fn one_that_is_held_has_left() {
    let hub = hub(origin(|_, client| {
        let _ = write!(
            client,
            "HTTP/1.1 200 OK\r\nGrip-Hold: stream\r\nGrip-Channel: news\r\nContent-Length: 5\r\n\
             Connection: close\r\n\r\nopen\n"
        );
    }));
    let mut client = client(&hub, "GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut read = Vec::new();
    while !read.ends_with(b"open\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
    assert!(hub.request("GET /connections", "").contains("news"));
    client.shutdown(Shutdown::Write).unwrap();
    assert_eq!(rest(client), "");
    assert!(!hub.request("GET /connections", "").contains("news"));
}
