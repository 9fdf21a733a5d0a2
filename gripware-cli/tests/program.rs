//! The program, run as it is by those who use it.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it is a test")]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::unix::net::{UnixListener, UnixStream},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{LONG, Program};

#[test]
fn it_says_where_it_listens_and_answers_there() {
    let mut hub = Program::ready().flag("--sig-key=changeme").start();
    assert_ne!(hub.front.port(), 0);
    assert_ne!(hub.front, hub.control);
    let answer = hub.request("GET /", "");
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(answer.ends_with("Pushpin API\n"), "{answer}");
    assert!(
        hub.request("GET /metrics", "")
            .contains("gripware_hub_items_total 0")
    );
    hub.send(Signal::TERM);
    assert_eq!(hub.ended().code(), Some(0));
    assert!(!hub.errors().contains("not signed"), "{}", hub.errors());
}

#[test]
fn it_ends_by_either_signal_and_ignores_a_hang_up() {
    let mut hub = Program::ready().start();
    hub.send(Signal::HUP);
    let answer = hub.request("GET /", "");
    assert!(answer.ends_with("Pushpin API\n"), "{answer}");
    hub.send(Signal::INT);
    assert_eq!(hub.ended().code(), Some(0));
    assert!(TcpStream::connect(hub.front).is_err());
}

#[test]
fn the_end_takes_no_longer_than_it_may() {
    let mut hub = Program::ready().flag("--drain=1").start();
    // A publish of which the rest never comes.
    let mut stuck = TcpStream::connect(hub.control).unwrap();
    stuck
        .write_all(b"POST /publish/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        .unwrap();
    assert!(hub.request("GET /", "").ends_with("Pushpin API\n"));
    let start = Instant::now();
    hub.send(Signal::TERM);
    assert_eq!(hub.ended().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let mut hub = Program::ready().flag("--drain=1h").start();
    let mut stuck = TcpStream::connect(hub.control).unwrap();
    stuck
        .write_all(b"POST /publish/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        .unwrap();
    assert!(hub.request("GET /", "").ends_with("Pushpin API\n"));
    hub.send(Signal::TERM);
    // Two of a kind that are not told apart would be one.
    let start = Instant::now();
    while !hub.errors().contains("another signal ends at once") {
        assert!(start.elapsed() < LONG, "{}", hub.errors());
        thread::sleep(Duration::from_millis(20));
    }
    hub.send(Signal::TERM);
    assert_eq!(hub.ended().code(), Some(1));
}

#[test]
fn the_help_teaches() {
    let output = Program::new().flag("--help").output();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for taught in [
        "--origin <URL>",
        "[default: 127.0.0.1:7999]",
        "[default: 1MiB]",
        "[default: one for each core, 64 at most]",
        "GRIPWARE_HUB_QUEUE_BYTES",
        "gripware-hub --origin http://127.0.0.1:3000",
        "gripware-hub --config /etc/gripware-hub.toml",
        "POST   /publish/",
        "DELETE /connections/{id}",
        "SIGTERM",
    ] {
        assert!(help.contains(taught), "{taught} is not in\n{help}");
    }
    let output = Program::new().flag("--version").output();
    let version = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        version,
        format!("gripware-hub {}\n", env!("CARGO_PKG_VERSION"))
    );
}

#[test]
fn what_is_wrong_is_said_on_one_line() {
    let missing = Program::new().fails(2);
    assert!(missing.contains("--origin is required"), "{missing}");
    assert!(missing.contains("GRIPWARE_HUB_ORIGIN"), "{missing}");

    for (flag, name) in [
        ("--listen=7999", "--listen: "),
        ("--control=http://a:1", "--control: "),
        ("--origin=ftp://a", "--origin: "),
        ("--queue-bytes=12kx", "--queue-bytes: "),
        ("--queue-messages=0", "--queue-messages: "),
        ("--slow-clients=wait", "--slow-clients: "),
        ("--drain=soon", "--drain: "),
        ("--development=maybe", "--development: "),
        ("--log=a=b=c", "--log: "),
        // As many threads as the library starts, which is what the default is bounded by.
        ("--shards=65", "--shards: "),
        // More than a semaphore counts.
        (
            "--max-connections=100000001",
            "--max-connections: it has to be at least 1, at most",
        ),
        ("--max-head=1KiB", "--max-head: it has to be at least 8 KiB"),
        ("--tls-cert=a", "--tls-cert and --tls-key: "),
        ("--sig-iss=", "--sig-iss: "),
        ("--config=missing.toml", "--config: missing.toml: "),
        ("--quue-bytes=1", "unexpected argument '--quue-bytes'"),
        ("stray", "there is a value without a flag"),
    ] {
        let all = [
            "--origin=http://127.0.0.1:9",
            "--listen=127.0.0.1:0",
            "--control=127.0.0.1:0",
        ];
        let is_other = |other: &&str| other.split('=').next() != flag.split('=').next();
        let program = all
            .into_iter()
            .filter(is_other)
            .fold(Program::new(), Program::flag);
        let line = program.flag(flag).fails(2);
        let line = line.strip_prefix("gripware-hub: ").unwrap();
        assert!(line.starts_with(name), "{flag}: {line}");
    }
}

#[test]
fn a_file_is_refused_with_the_key_and_the_line() {
    let line = Program::ready()
        .file("hub.toml", "drain = 1\n\nqueue-byte = 5\n")
        .flag("--config=hub.toml")
        .fails(2);
    assert_eq!(
        line,
        "gripware-hub: hub.toml, line 3: queue-byte: there is no setting of this name"
    );
    let line = Program::ready()
        .file("hub.toml", "drain = \"soon\"\n")
        .flag("--config=hub.toml")
        .fails(2);
    assert!(
        line.starts_with("gripware-hub: hub.toml, line 1: drain: "),
        "{line}"
    );
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let file = "control-key = \"of-the-file\"\norigin = \"http://127.0.0.1:9\"\n\
                listen = \"127.0.0.1:0\"\ncontrol = \"127.0.0.1:0\"\n";
    let program = || {
        Program::new()
            .file("hub.toml", file)
            .variable("GRIPWARE_HUB_CONFIG", "hub.toml")
    };
    let environment = || program().variable("GRIPWARE_HUB_CONTROL_KEY", "of-the-environment");
    for (program, key) in [
        (program(), "of-the-file"),
        (environment(), "of-the-environment"),
        (
            environment().flag("--control-key=of-the-flag"),
            "of-the-flag",
        ),
    ] {
        let hub = program.start();
        for candidate in ["of-the-file", "of-the-environment", "of-the-flag"] {
            let header = format!("Authorization: Bearer {candidate}\r\n");
            let answer = hub.request("GET /channels", &header);
            let status = if candidate == key {
                "200 OK"
            } else {
                "401 Unauthorized"
            };
            assert!(answer.contains(status), "{key}, {candidate}: {answer}");
        }
    }
}

#[test]
fn a_key_comes_as_text_in_base64_or_from_a_file() {
    for key in ["changeme", "base64:Y2hhbmdlbWU=", "file:key.hex"] {
        let hub = Program::ready()
            .file("key.hex", "6368616e67656d65\n")
            .flag(format!("--sig-key={key}"))
            .start();
        assert!(!hub.errors().contains("not signed"), "{key}");
    }
    // From where the file of settings is, and not from where the program runs.
    let program = Program::ready();
    fs::create_dir(program.path("etc")).unwrap();
    let hub = program
        .file("etc/hub.toml", "sig-key = \"file:key.hex\"\n")
        .file("etc/key.hex", "6368616e67656d65")
        .flag("--config=etc/hub.toml")
        .start();
    assert!(!hub.errors().contains("not signed"));
}

#[test]
fn a_key_that_cannot_be_used_is_refused_and_not_shown() {
    let program = || {
        Program::ready()
            .file("words", "s3cret")
            .file("empty", "")
            .file("odd", "123")
            .file("broken.pem", "-----BEGIN PRIVATE KEY-----\ns3cret\n")
    };
    for key in [
        "",
        "base64:s3cret!",
        "-----BEGIN PRIVATE KEY-----s3cret",
        "{s3cret",
        "file:missing",
        "file:empty",
        "file:odd",
        "file:words",
        "file:broken.pem",
    ] {
        let line = program().flag(format!("--sig-key={key}")).fails(2);
        assert!(line.starts_with("gripware-hub: --sig-key: "), "{line}");
        assert!(!line.contains("s3cret"), "{line}");
    }

    for key in ["", "s3cret s3cret", "s3crét", "file:empty", "file:missing"] {
        let line = program().variable("GRIPWARE_HUB_CONTROL_KEY", key).fails(2);
        assert!(
            line.contains("KEY: ") || line.contains("control-key: "),
            "{line}"
        );
        assert!(!line.contains("s3cr"), "{line}");
    }
}

#[test]
fn without_a_key_it_warns_once() {
    let mut hub = Program::ready().start();
    hub.send(Signal::TERM);
    hub.ended();
    assert_eq!(
        hub.errors().matches("not signed").count(),
        1,
        "{}",
        hub.errors()
    );

    let mut quiet = Program::ready()
        .variable("GRIPWARE_HUB_LOG", "error")
        .start();
    quiet.send(Signal::TERM);
    quiet.ended();
    assert_eq!(quiet.errors(), "");
}

#[test]
fn an_address_that_is_taken_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    for flag in ["--listen", "--control"] {
        let other = if flag == "--listen" {
            "--control"
        } else {
            "--listen"
        };
        let line = Program::new()
            .flag("--origin=http://127.0.0.1:9")
            .flag(format!("{flag}={address}"))
            .flag(format!("{other}=127.0.0.1:0"))
            .variable("GRIPWARE_HUB_LOG", "error")
            .fails(1);
        assert!(
            line.starts_with(&format!("gripware-hub: cannot listen on {address}: ")),
            "{line}"
        );
    }
}

#[test]
fn both_addresses_may_be_unix_sockets() {
    let mut program = Program::new()
        .flag("--origin=http://127.0.0.1:9")
        .flag("--listen=unix:front.sock")
        .flag("--control=unix:control.sock");
    let path = |name: &str| program.path(name);
    let (front, control) = (path("front.sock"), path("control.sock"));
    // Left by a program that was killed.
    drop(UnixListener::bind(&front).unwrap());
    let mut child = program.command.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let lines: Vec<_> = lines.take(2).map(Result::unwrap).collect();
    assert_eq!(
        lines,
        [
            "listening on unix:front.sock",
            "control on unix:control.sock"
        ]
    );
    for (path, status) in [(&control, "200 OK"), (&front, "502 Bad Gateway")] {
        let mut stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{answer}"
        );
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(!front.exists() && !control.exists());
}

/// An origin for one test: it answers each connection's only request by its path.
fn origin(answer: impl Fn(&str) -> String + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head).unwrap() == 0 {
                    break;
                }
            }
            let path = head.split(' ').nth(1).unwrap_or_default();
            let _ = stream.write_all(answer(path).as_bytes());
        }
    });
    address
}

#[test]
fn nowhere_is_a_query_logged() {
    let close = "Connection: close\r\nContent-Length: 0\r\n";
    let origin = origin(move |path| match path.split('?').next().unwrap() {
        "/stream" => format!(
            "HTTP/1.1 200 OK\r\nGrip-Hold: stream\r\nGrip-Channel: a; prev-id=1\r\n\
             Grip-Link: </next?token=s3cret>; rel=next; timeout=1\r\n{close}\r\n"
        ),
        "/bad" => format!(
            "HTTP/1.1 200 OK\r\nGrip-Hold: stream\r\nGrip-Channel: a\r\n\
             Grip-Link: <http://[/?token=s3cret>; rel=next\r\n{close}\r\n"
        ),
        "/broken" => String::new(),
        _ => format!("HTTP/1.1 500 No\r\n{close}\r\n"),
    });
    let hub = Program::new()
        .flag(format!("--origin=http://{origin}"))
        .flag("--listen=127.0.0.1:0")
        .flag("--control=127.0.0.1:0")
        .flag("--log=warn,gripware_hub=trace")
        .start();
    let mut clients = Vec::new();
    let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (path, more) in [
        ("/stream", ""),
        ("/bad", ""),
        ("/broken", ""),
        ("/plain", ""),
        ("/plain", upgrade),
    ] {
        let mut client = TcpStream::connect(hub.front).unwrap();
        write!(
            client,
            "GET {path}?token=s3cret HTTP/1.1\r\nHost: h\r\n{more}\r\n"
        )
        .unwrap();
        clients.push(client);
    }
    hub.request("GET /connections?token=s3cret", "");
    let start = Instant::now();
    loop {
        let log = hub.errors();
        let all = [
            "path=\"/next\"",
            "path=\"/bad\"",
            "path=\"/broken\"",
            "path=\"/plain\" status=500 hold=\"none\"",
            "path=\"/connections\"",
        ];
        if all.iter().all(|part| log.contains(part)) {
            assert!(!log.contains("s3cret"), "{log}");
            return;
        }
        assert!(start.elapsed() < LONG, "{log}");
        thread::sleep(Duration::from_millis(20));
    }
}
