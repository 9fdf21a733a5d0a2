//! The program with sockets that its supervisor has opened, as systemd does.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "it is a test")]

mod support;

use std::{
    net::TcpListener,
    os::{
        fd::{AsFd, AsRawFd},
        unix::net::UnixListener,
    },
};

use rustix::{
    io::{FdFlags, fcntl_setfd},
    process::Signal,
};

use crate::support::Program;

/// Starts the program with these sockets as its descriptors from 3 on.
fn passing(sockets: [&(impl AsFd + ?Sized); 2]) -> Program {
    let numbers = sockets.map(|socket| {
        fcntl_setfd(socket, FdFlags::empty()).unwrap();
        socket.as_fd().as_raw_fd()
    });
    let [first, second] = numbers;
    // By way of higher ones, since one of them may be 3 or 4 already.
    let program = Program::limited(&format!(
        "exec 50<&{first} 51<&{second}; exec 3<&50 4<&51; exec 50<&- 51<&-; export LISTEN_PID=$$"
    ));
    program
        .variable("LISTEN_FDS", "2")
        .variable("LISTEN_FDNAMES", "clients:control")
        .flag("--origin=http://127.0.0.1:9")
}

#[test]
fn it_serves_sockets_by_name_or_by_number_and_leaves_them_to_whoever_has_made_them() {
    let listen = || TcpListener::bind("127.0.0.1:0").unwrap();
    for (front_flag, control_flag) in [
        ("--listen=fd:clients", "--control=fd:control"),
        ("--control=fd:1", "--listen=fd:0"),
    ] {
        let (front, control) = (listen(), listen());
        let mut hub = passing([&front, &control])
            .flag(front_flag)
            .flag(control_flag)
            .start();
        assert_eq!(hub.front, front.local_addr().unwrap());
        assert_eq!(hub.control, control.local_addr().unwrap());
        let answer = hub.request("GET /", "");
        assert!(answer.ends_with("Pushpin API\n"), "{answer}");
        hub.send(Signal::TERM);
        assert_eq!(hub.ended().code(), Some(0));
    }

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.sock");
    let (unix, tcp) = (UnixListener::bind(&path).unwrap(), listen());
    let sockets: [&dyn AsFd; 2] = [&unix, &tcp];
    let output = passing(sockets)
        .flag("--listen=fd:clients")
        .flag("--control=fd:nobody")
        .fails(1);
    assert!(
        output.contains("fd:nobody: none of the 2 sockets"),
        "{output}"
    );
    assert!(path.exists());
}

#[test]
fn without_a_supervisor_there_is_none() {
    let line = Program::new()
        .flag("--origin=http://127.0.0.1:9")
        .flag("--listen=fd:clients")
        .fails(1);
    assert!(line.contains("none of the 0 sockets"), "{line}");
}
