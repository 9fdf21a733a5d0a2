//! The unit files for systemd, which are checked by systemd and played by hand.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it is a test")]

mod support;

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::Command,
    thread,
    time::{Duration, Instant},
};

use rustix::process::Signal;

use crate::support::{LONG, Program};

const SERVICE: &str = include_str!("../systemd/gripware-hub.service");
const SOCKET: &str = include_str!("../systemd/gripware-hub-clients.socket");

/// The value of a setting, of which there is one.
fn setting(name: &str) -> &'static str {
    let before = format!("{name}=");
    let mut values = SERVICE
        .lines()
        .filter_map(|line| line.strip_prefix(&before));
    let value = values.next().unwrap_or_else(|| panic!("{name} is not set"));
    assert_eq!(values.next(), None, "{name} is set twice");
    value
}

/// An application that holds.
fn origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let lines = BufReader::new(client.try_clone().unwrap()).lines();
            for _ in lines
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
            {}
            let held = "HTTP/1.1 200 OK\r\nGrip-Hold: stream\r\nGrip-Channel: news\r\n\
                        Content-Length: 3\r\nConnection: close\r\n\r\nhi\n";
            client.write_all(held.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn what_the_unit_starts_ends_all_holds_at_its_signal_and_in_its_time() {
    let mut words = setting("ExecStart").split(' ');
    assert_eq!(words.next(), Some("/usr/local/bin/gripware-hub"));
    let settings = format!(
        "origin = \"http://{}\"\nlisten = \"127.0.0.1:0\"\ncontrol = \"127.0.0.1:0\"\n",
        origin()
    );
    let program = Program::new().file("gripware-hub.toml", &settings);
    let file = program.path("gripware-hub.toml");
    let program = words.fold(program, |program, word| match word {
        "/etc/gripware-hub.toml" => program.flag(file.to_str().unwrap()),
        word => program.flag(word),
    });
    let mut hub = program.start();

    let mut held = TcpStream::connect(hub.front).unwrap();
    held.set_read_timeout(Some(LONG)).unwrap();
    held.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        .unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"3\r\nhi\n\r\n") {
        let mut byte = [0];
        held.read_exact(&mut byte).unwrap();
        read.extend(byte);
    }
    // Half a head and half a publish, which nobody waits for.
    let mut half = TcpStream::connect(hub.front).unwrap();
    half.write_all(b"GET / HTTP/1.1\r\nHo").unwrap();
    let mut publish = TcpStream::connect(hub.control).unwrap();
    publish
        .write_all(b"POST /publish/ HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n{")
        .unwrap();

    assert_eq!(setting("ExecReload"), "/bin/kill -HUP $MAINPID");
    hub.send(Signal::HUP);
    assert_eq!(setting("KillSignal"), "SIGTERM");
    let start = Instant::now();
    hub.send(Signal::TERM);
    let mut end = String::new();
    held.read_to_string(&mut end).unwrap();
    assert_eq!(end, "0\r\n\r\n");
    assert_eq!(hub.ended().code(), Some(0));
    let limit = Duration::from_secs(setting("TimeoutStopSec").parse().unwrap());
    assert!(start.elapsed() < limit, "{:?}", start.elapsed());
}

#[test]
fn systemd_has_nothing_to_say_about_the_units() {
    let folder = tempfile::tempdir().unwrap();
    // It looks for what is to be started.
    let service = SERVICE.replace(
        "/usr/local/bin/gripware-hub",
        env!("CARGO_BIN_EXE_gripware-hub"),
    );
    let paths = [
        ("gripware-hub.service", &*service),
        ("gripware-hub-clients.socket", SOCKET),
    ];
    let paths = paths.map(|(name, unit)| {
        let path = folder.path().join(name);
        fs::write(&path, unit).unwrap();
        path
    });
    let mut verify = Command::new("systemd-analyze");
    let output = match verify.args(["verify", "--man=no"]).args(paths).output() {
        Ok(output) => output,
        Err(error) => panic!("systemd-analyze is needed (the package systemd): {error}"),
    };
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{said}");
    let of_ours: Vec<_> = said
        .lines()
        .filter(|line| line.contains("gripware-hub"))
        .collect();
    assert!(of_ours.is_empty(), "{said}");
}
