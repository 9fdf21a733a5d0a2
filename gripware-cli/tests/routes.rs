//! Several applications, or several processes of one, behind the program.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it is a test")]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;
use rustls::{
    ServerConfig, ServerConnection, StreamOwned, crypto::aws_lc_rs::default_provider,
    pki_types::PrivateKeyDer,
};

use crate::support::{LONG, Program};

/// What an application says, with its name in front of what it was sent.
fn answer(client: &mut (impl Read + Write), name: &str) {
    let mut reader = BufReader::new(&mut *client);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
    let length = head.lines().find_map(|line| {
        let (header, value) = line.split_once(": ")?;
        header
            .eq_ignore_ascii_case("content-length")
            .then(|| value.parse().unwrap())
    });
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body).unwrap();
    let is_hold = head.contains("/hold");
    let hold = if is_hold {
        "Grip-Hold: stream\r\nGrip-Channel: news\r\n"
    } else {
        ""
    };
    let signed = head.to_lowercase().contains("grip-sig");
    let body = format!(
        "{name} signed={signed} {}\n",
        String::from_utf8(body).unwrap()
    );
    let length = body.len();
    let _ = write!(
        client,
        "HTTP/1.1 200 OK\r\n{hold}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}

/// An application that says its name.
fn origin(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            answer(&mut client.unwrap(), name);
        }
    });
    address
}

/// A port that refuses connections.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
}

fn get(hub: SocketAddr, host: &str, path: &str) -> String {
    ask(
        hub,
        &format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"),
    )
}

fn ask(hub: SocketAddr, request: &str) -> String {
    let mut client = TcpStream::connect(hub).unwrap();
    client.set_read_timeout(Some(LONG)).unwrap();
    client.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).unwrap();
    answer
}

fn program() -> Program {
    Program::new()
        .flag("--listen=127.0.0.1:0")
        .flag("--control=127.0.0.1:0")
        .flag("--sig-key=changeme")
}

#[test]
fn the_first_route_that_fits_says_where_a_request_goes() {
    let (api, shop, rest) = (origin("api"), origin("shop"), origin("rest"));
    let hub = program()
        .flag(format!("--route=shop.example,path_beg=/api/ http://{api}"))
        .flag(format!("--route=shop.example,ssl=yes http://{}", nobody()))
        .flag(format!("--route=*.example http://{shop},untrusted"))
        .flag(format!("--origin=http://{rest}"))
        .start();
    for (host, path, name) in [
        ("shop.example", "/api/1", "api signed=true"),
        ("Shop.Example:80", "/api/1", "api signed=true"),
        ("shop.example", "/apis", "shop signed=false"),
        ("other.example", "/", "shop signed=false"),
        ("example", "/", "rest signed=true"),
    ] {
        let answer = get(hub.front, host, path);
        assert!(answer.contains(name), "{host}{path}: {answer}");
    }
    // What an untrusted origin says is no instruction.
    let answer = get(hub.front, "other.example", "/hold");
    assert!(answer.contains("shop signed=false"), "{answer}");
    assert!(!answer.to_lowercase().contains("grip-"), "{answer}");
}

#[test]
fn a_request_that_no_route_is_for_has_no_answer() {
    let hub = program()
        .flag(format!("--route=a.example http://{}", origin("a")))
        .start();
    assert!(get(hub.front, "a.example", "/").contains("a signed=true"));
    assert!(get(hub.front, "b.example", "/").starts_with("HTTP/1.1 502"));
}

#[test]
fn origins_take_turns_and_the_body_of_a_request_goes_to_one_that_takes_it() {
    let (one, two) = (origin("one"), origin("two"));
    let hub = program()
        .flag(format!("--origin=http://{one}"))
        .flag(format!("--origin=http://{}", nobody()))
        .flag(format!("--origin=http://{two}"))
        .start();
    let mut seen = String::new();
    for _ in 0..6 {
        seen += &ask(
            hub.front,
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
        );
    }
    assert_eq!(seen.matches("HTTP/1.1 200").count(), 6, "{seen}");
    assert!(seen.matches("one signed=true hello").count() >= 2, "{seen}");
    assert!(seen.matches("two signed=true hello").count() >= 2, "{seen}");
}

#[test]
fn routes_are_read_again_and_a_held_client_does_not_notice() {
    let (before, after) = (origin("before"), origin("after"));
    let routes = |address| format!("route = [\"a.example http://{address}\"]\n");
    let program = program()
        .flag("--config=hub.toml")
        .file("hub.toml", &routes(before));
    let file = program.path("hub.toml");
    let hub = program.start();
    let mut held = TcpStream::connect(hub.front).unwrap();
    held.set_read_timeout(Some(LONG)).unwrap();
    held.write_all(b"GET /hold HTTP/1.1\r\nHost: a.example\r\n\r\n")
        .unwrap();
    let mut reads = |end: &str| {
        let mut read = Vec::new();
        while !read.ends_with(end.as_bytes()) {
            let mut byte = [0];
            held.read_exact(&mut byte).unwrap();
            read.extend(byte);
        }
    };
    reads("before signed=true \n\r\n");

    let until = |said: &str| {
        let start = Instant::now();
        while !hub.errors().contains(said) {
            assert!(start.elapsed() < LONG, "{said} is not in {}", hub.errors());
            thread::sleep(Duration::from_millis(20));
        }
    };
    fs::write(&file, "route = [\"a.example ftp://a\"]\n").unwrap();
    hub.send(Signal::HUP);
    until("the old routes stay");
    assert!(get(hub.front, "a.example", "/").contains("before"));
    fs::write(&file, routes(after)).unwrap();
    hub.send(Signal::HUP);
    until("routes were read again");
    assert!(get(hub.front, "a.example", "/").contains("after"));

    let item = r#"{"items":[{"channel":"news","formats":{"http-stream":{"content":"item\n"}}}]}"#;
    let published = hub.request_with("POST /publish/", item);
    assert!(published.starts_with("HTTP/1.1 200"), "{published}");
    reads("5\r\nitem\n\r\n");
}

#[test]
fn an_origin_over_https_is_trusted_by_the_roots_of_the_system_alone() {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut connection = ServerConnection::new(Arc::clone(&config)).unwrap();
            // One that does not trust us leaves.
            if connection.complete_io(&mut client).is_ok() {
                let mut stream = StreamOwned::new(connection, client);
                answer(&mut stream, "secure");
                stream.conn.send_close_notify();
                let _ = stream.flush();
            }
        }
    });
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    for (root, expected) in [(&made, "secure signed=true"), (&other, "HTTP/1.1 502")] {
        let program = program().file("root.pem", &root.cert.pem());
        let path = program.path("root.pem");
        let hub = program
            .variable("SSL_CERT_FILE", path.to_str().unwrap())
            .flag(format!("--origin=https://localhost:{port}"))
            .start();
        let answer = get(hub.front, "a.example", "/");
        assert!(answer.contains(expected), "{answer}\n{}", hub.errors());
    }
}

/// An application that speaks another protocol than HTTP, and sends back what comes.
fn speaking() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut reader = BufReader::new(client.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let signed = head.to_lowercase().contains("grip-sig");
            let _ = write!(
                client,
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nsigned={signed} "
            );
            let _ = std::io::copy(&mut reader, &mut client);
        }
    });
    address
}

#[test]
fn each_route_says_how_its_application_gets_websockets() {
    let (events, native) = (origin("events"), speaking());
    let hub = program()
        .flag(format!(
            "--route=*,path_beg=/live http://{native},native_ws"
        ))
        .flag(format!(
            "--route=b.example http://{native},native_ws,untrusted"
        ))
        .flag(format!("--origin=http://{events}"))
        .start();
    let open = |host: &str, path: &str, end: &str| {
        let head = format!(
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\nping"
        );
        let mut client = TcpStream::connect(hub.front).unwrap();
        client.set_read_timeout(Some(LONG)).unwrap();
        client.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(end.as_bytes()) {
            let mut byte = [0];
            let read = client.read(&mut byte).unwrap();
            assert_ne!(read, 0, "{}", String::from_utf8_lossy(&answer));
            answer.extend(byte);
        }
        String::from_utf8(answer).unwrap()
    };
    for (host, path, status, end) in [
        ("a.example", "/live/1", "101", "signed=true ping"),
        ("b.example", "/", "101", "signed=false ping"),
        ("a.example", "/", "200", "events signed=true OPEN\r\n\n"),
    ] {
        let answer = open(host, path, end);
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
    }
}

#[test]
fn what_is_no_route_is_said_at_the_start() {
    for (route, why) in [
        ("*", "it names no origin"),
        ("a:80 http://h", "without a port"),
        ("* ftp://h", "begin with http://"),
        ("*,over=1 http://h", "path_beg=PREFIX"),
        ("* http://h,over_http", "timeout=SECONDS"),
        ("* http://h,native_ws http://i", "behind all of its origins"),
    ] {
        let line = Program::new().flag(format!("--route={route}")).fails(2);
        assert!(line.starts_with("gripware-hub: --route: "), "{line}");
        assert!(line.contains(why), "{line}");
    }
    for (route, why) in [
        ("* pipe:", "no name of a client"),
        ("* pipe:a", "--pipe is required"),
    ] {
        let line = program().flag(format!("--route={route}")).fails(2);
        assert!(line.contains(why), "{line}");
    }
}
