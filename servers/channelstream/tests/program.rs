//! The program: its settings, its output and its end.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

const SECRET: &str = "k3y-that-never-prints";

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gripware-channelstream"));
    command.args(arguments);
    for variable in ["GRIP_URL", "GRIPWARE_STATE", "GRIPWARE_RELAY"] {
        command.env_remove(variable);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    program(arguments).output().unwrap()
}

/// Starts it, and returns what it says it listens on.
fn started(mut command: Command) -> (Child, String) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let output = child.stdout.as_mut().unwrap();
    BufReader::new(output).read_line(&mut line).unwrap();
    let address = line.strip_prefix("listening on ").unwrap();
    (child, address.trim_ascii().to_owned())
}

fn end(mut child: Child) -> Option<i32> {
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    child.wait().unwrap().code()
}

fn ini(directory: &Path, text: &str) -> String {
    let path = directory.join("channelstream.ini");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn it_says_where_it_listens_and_ends_with_0_on_sigterm() {
    let (child, address) = started(program(&["--listen", "127.0.0.1:0", "--secret", SECRET]));
    let answer = get(&address, "/info");
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert_eq!(end(child), Some(0));
}

#[test]
fn the_ini_file_of_channelstream_is_read_and_what_is_not_known_is_in_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = ini(
        directory.path(),
        &format!(
            "[channelstream]\ndebug = 0\nport = 1\nhost = 192.0.2.1\n\
             demo_app_url = http://127.0.0.1\nwhatever = 1\nsecret = {SECRET}\n\
             admin_secret = YOURADMINSECRET\nallow_posting_from = 127.0.0.1,\n    10.0.0.1,\n"
        ),
    );
    let mut command = program(&["-i", &path, "--listen", "127.0.0.1:0"]);
    command.stderr(Stdio::piped());
    let (mut child, address) = started(command);
    let answer = get(&address, "/admin");
    assert!(answer.starts_with("HTTP/1.1 303"), "{answer}");
    let mut log = child.stderr.take().unwrap();
    assert_eq!(end(child), Some(0));
    let mut text = String::new();
    log.read_to_string(&mut text).unwrap();
    assert!(text.contains("demo_app_url is left out"), "{text}");
    assert!(
        text.contains("whatever is left out: it is not known"),
        "{text}"
    );
    assert!(
        !text.contains(SECRET) && !text.contains("YOURADMIN"),
        "{text}"
    );
}

#[test]
fn a_variable_wins_over_the_file_and_a_flag_over_both() {
    let directory = tempfile::tempdir().unwrap();
    let path = ini(
        directory.path(),
        &format!("[channelstream]\nsecret = {SECRET}\nhost = 192.0.2.1\nport = 0\n"),
    );
    let mut command = program(&[]);
    command
        .env("CHANNELSTREAM_INI", &path)
        .env("CHANNELSTREAM_HOST", "127.0.0.1");
    let (child, address) = started(command);
    assert!(address.starts_with("127.0.0.1:"));
    assert_eq!(end(child), Some(0));
}

#[test]
fn wrong_settings_are_one_line_and_status_2_without_a_secret() {
    let directory = tempfile::tempdir().unwrap();
    let wrong = ini(directory.path(), "[channelstream]\nnonsense\n");
    for (arguments, told) in [
        (&["--listen", "127.0.0.1:0"][..], "--secret is required"),
        (&["--secret", ""], "--secret: it is empty"),
        (&["--secret", SECRET, "--listen", "nowhere"], "--listen: "),
        (&["--secret", SECRET, "--port", "x"], "--port"),
        (
            &["--secret", SECRET, "--allow-posting-from", "127.0.0.1, x"],
            "--allow-posting-from: it has to be IP addresses",
        ),
        (&["--secret", SECRET, "--wire", "0.3"], "0.3"),
        (&["-i", "/nowhere.ini"], "--ini: /nowhere.ini: "),
        (&["-i", &wrong], "line 2: it is no `key = value`"),
    ] {
        let output = run(arguments);
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        assert!(errors.contains(told), "{told}: {errors}");
        assert!(!errors.contains(SECRET), "{errors}");
    }
}

#[test]
fn a_wrong_variable_of_several_processes_is_named_without_a_secret() {
    for variable in ["GRIPWARE_STATE", "GRIPWARE_RELAY"] {
        let mut command = program(&["--secret", SECRET, "--listen", "127.0.0.1:0"]);
        command.env(variable, format!("nowhere://:{SECRET}@localhost"));
        let output = command.output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
        let told = format!("gripware-channelstream: {variable}: ");
        assert!(errors.starts_with(&told), "{errors}");
        assert!(!errors.contains(SECRET), "{errors}");
    }
}

#[test]
fn a_file_that_it_writes_is_read_by_itself() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("made.ini");
    let path = path.to_str().unwrap();
    let json = format!(
        r#"{{"secret": "{SECRET}", "port": 0, "host": "127.0.0.1", "allow_posting_from": ["127.0.0.1", "10.0.0.1"]}}"#
    );
    let output = run(&["make_config", "-j", &json, "-o", path]);
    assert!(output.status.success(), "{output:?}");
    let text = fs::read_to_string(path).unwrap();
    assert!(
        text.contains("\nallow_posting_from = 127.0.0.1, 10.0.0.1\n"),
        "{text}"
    );
    let (child, address) = started(program(&["--ini", path]));
    assert!(address.starts_with("127.0.0.1:"));
    assert_eq!(end(child), Some(0));

    let output = run(&["make_config", "-j", "nonsense"]);
    assert_eq!(output.status.code(), Some(2));
}
