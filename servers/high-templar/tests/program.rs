//! The program: its settings, its output and its end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    process::{Child, Command, Stdio},
};

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gripware-templar"));
    command
        .args(arguments)
        .env_remove("GRIP_URL")
        .env_remove("GRIPWARE_STATE")
        .args(["--log", "off"]);
    command
}

/// Starts it, and returns what it says it listens on.
fn started(mut command: Command) -> (Child, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let output = child.stdout.as_mut().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    let address = line
        .strip_prefix("listening on ")
        .unwrap()
        .trim_ascii()
        .to_owned();
    (child, address)
}

#[test]
fn it_says_where_it_listens_and_ends_with_0_on_sigterm() {
    let (mut child, address) = started(program(&[
        "--listen",
        "127.0.0.1:0",
        "--api-url",
        "http://127.0.0.1:9/",
    ]));
    assert!(std::net::TcpStream::connect(address).is_ok());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn who_never_ends_a_request_does_not_keep_it_from_ending() {
    for proxy in [None, Some("http://127.0.0.1:9/?verify-iss=a&verify-key=b")] {
        let mut command = program(&[
            "--listen",
            "127.0.0.1:0",
            "--api-url",
            "http://127.0.0.1:9/",
        ]);
        if let Some(url) = proxy {
            command.env("GRIP_URL", url);
        }
        let (mut child, address) = started(command);
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream
            .write_all(b"POST /trigger/ HTTP/1.1\r\nHost: a\r\n")
            .unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{proxy:?}");
    }
}

const API: &str = "--api-url=http://a/";

#[test]
fn wrong_settings_are_one_line_and_status_2() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("templar.toml");
    let config = file.to_str().unwrap();
    let long = "x".repeat(256);
    for (arguments, file, says) in [
        (vec![], "", "--api-url is required"),
        (vec!["--api-url", "localhost"], "", "http"),
        (vec!["--nonsense"], "", "--nonsense"),
        (vec!["--config", config], "nonsense = 1", "nonsense"),
        (vec!["--config", config], "rooms = \"all\"", "rooms"),
        (
            vec!["--config", config, "--api-url", "http://a/"],
            "[headers]\nx-a = { none = 1 }",
            "x-a",
        ),
        (vec!["--config", "/none/such"], "", "/none/such"),
        (
            vec!["--api-url", "http://a/", "--trigger-key", "file:/none/such"],
            "",
            "/none/such",
        ),
        (
            vec!["--api-url", "http://a/", "--trigger-key", "whsec_?"],
            "",
            "base64",
        ),
        (
            vec!["--api-url", "http://a/", "--listen", "nowhere"],
            "",
            "--listen",
        ),
        (vec![API, "--amqp", "nonsense"], "", "--amqp"),
        (vec![API, "--amqp", "amqps://a/"], "", "TLS"),
        (
            vec![API, "--amqp", "amqp://a/", "--exchange", &long],
            "",
            "255 bytes",
        ),
        (
            vec![API, "--max-subscriptions", "0"],
            "",
            "--max-subscriptions",
        ),
        (vec![API, "--idle", "0"], "", "--idle"),
    ] {
        fs::write(config, file).unwrap();
        let output = program(&arguments).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(says), "{arguments:?}: {errors}");
        assert_eq!(errors.trim_ascii_end().lines().count(), 1, "{errors}");
    }
}

#[test]
fn a_flag_wins_over_a_variable_and_that_over_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("templar.toml");
    fs::write(&file, "listen = \"127.0.0.9:0\"\napi-url = \"http://a/\"").unwrap();
    let config = ["--config", file.to_str().unwrap()];
    let listens = |mut command: Command, flags: &[&str]| {
        command.args(flags);
        let (mut child, address) = started(command);
        child.kill().unwrap();
        child.wait().unwrap();
        address.split(':').next().unwrap().to_owned()
    };
    assert_eq!(listens(program(&config), &[]), "127.0.0.9");
    let mut variable = program(&config);
    variable.env("GRIPWARE_TEMPLAR_LISTEN", "127.0.0.8:0");
    assert_eq!(listens(variable, &[]), "127.0.0.8");
    let mut both = program(&config);
    both.env("GRIPWARE_TEMPLAR_LISTEN", "127.0.0.8:0");
    assert_eq!(listens(both, &["--listen", "127.0.0.7:0"]), "127.0.0.7");
}

#[test]
fn help_names_every_setting() {
    let mut child = program(&["--help"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut help = String::new();
    child
        .stdout
        .as_mut()
        .unwrap()
        .read_to_string(&mut help)
        .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(0));
    for flag in [
        "--listen",
        "--api-url",
        "--api-socket",
        "--amqp",
        "--exchange",
        "--trigger-key",
        "--rooms",
        "--config",
    ] {
        assert!(help.contains(flag), "{flag}: {help}");
    }
}
