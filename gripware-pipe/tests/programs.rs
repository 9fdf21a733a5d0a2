//! The programs, run as they are by those who use them.
//!
//! Fifty clients are called 100 times each, and 1 000 times where the build is optimized, with what it
//! took:
//!
//! ```text
//! cargo test --release -p gripware-pipe --test programs fifty -- --nocapture
//! ```

#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "it is a test"
)]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream, UdpSocket},
    os::unix::net::UnixStream,
    process::{Child, Command, ExitStatus, Output, Stdio},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const LONG: Duration = Duration::from_secs(60);

/// A folder with an authority, a server `localhost`, and clients.
struct Site(TempDir);

/// A program that runs.
struct Running {
    child: Child,
    lines: Vec<String>,
}

impl Site {
    fn new(clients: &[&str]) -> Self {
        let site = Self(tempfile::tempdir().unwrap());
        site.cert(&["ca", "--dir", "."]);
        site.cert(&["server", "localhost", "--dir", "."]);
        for client in clients {
            site.cert(&["client", client, "--dir", "."]);
        }
        site
    }

    fn command(&self, program: &str) -> Command {
        let path = match program {
            "server" => env!("CARGO_BIN_EXE_restpipe-server"),
            "client" => env!("CARGO_BIN_EXE_restpipe-client"),
            _ => env!("CARGO_BIN_EXE_restpipe-cert"),
        };
        let mut command = Command::new(path);
        command
            .env_clear()
            .current_dir(&self.0)
            .stdin(Stdio::null());
        command
    }

    fn cert(&self, arguments: &[&str]) -> Output {
        let output = self.command("cert").args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {errors}");
        output
    }

    fn identity(command: &mut Command, name: &str) {
        command.args(["--ca", "ca.crt.pem"]);
        command.args(["--cert", &format!("{name}.crt.pem")]);
        command.args(["--key", &format!("{name}.key.pem")]);
    }

    /// A server that prints `pipe on` and `listening on`.
    fn server(&self, more: &[&str]) -> Running {
        self.server_at("127.0.0.1:0", more)
    }

    fn server_at(&self, pipe: &str, more: &[&str]) -> Running {
        let mut command = self.command("server");
        Self::identity(&mut command, "localhost");
        command.args([
            "--revoked",
            "revoked",
            "--web",
            "127.0.0.1:0",
            "--pipe",
            pipe,
        ]);
        Running::start(command.args(more), 2)
    }

    fn client(&self, name: &str, port: &str, more: &[&str]) -> Running {
        let mut command = self.command("client");
        Self::identity(&mut command, name);
        command.args(["--server", &format!("localhost:{port}")]);
        command.args(["--web", "127.0.0.1:0"]);
        Running::start(command.args(more), 1)
    }
}

impl Running {
    fn start(command: &mut Command, lines: usize) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let lines = output.lines().take(lines).map(Result::unwrap).collect();
        Self { child, lines }
    }

    fn address(&self, before: &str) -> &str {
        let line = self.lines.iter().find_map(|line| line.strip_prefix(before));
        line.unwrap_or_else(|| panic!("{:?}", self.lines))
    }

    fn web(&self) -> &str {
        self.address("listening on ")
    }

    fn port(&self) -> &str {
        self.address("pipe on ").rsplit_once(':').unwrap().1
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn wait(&mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < LONG, "it does not end");
            thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The status and the body of a request, on a connection of its own.
fn get(address: &str, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    ask(&mut stream, path)
}

fn ask(stream: &mut (impl Read + Write), path: &str) -> (u16, String) {
    let text = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(text.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    (status, answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < LONG, "never: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

fn is_answered(web: &str, path: &str) -> bool {
    get(web, path).0 == 200
}

#[test]
fn both_programs_answer_each_other_and_end_with_0() {
    let site = Site::new(&["fileserver"]);
    let mut server = site.server(&[]);
    assert!(
        server.lines[0].starts_with("pipe on 127.0.0.1:"),
        "{:?}",
        server.lines
    );
    let mut client = site.client("fileserver", server.port(), &[]);
    until("it is there", || {
        is_answered(server.web(), "/client/fileserver/time")
    });
    let (status, body) = get(server.web(), "/client/fileserver/cat//hello%20/world");
    assert_eq!(
        (status, body.as_str()),
        (200, r#"{"result_from_client":"hello world"}"#)
    );
    let (status, body) = get(client.web(), "/server/cat//hello%20/world");
    assert_eq!(
        (status, body.as_str()),
        (200, r#"{"result_from_server":"hello world"}"#)
    );
    assert_eq!(get(client.web(), "/client/fileserver/time").0, 403);
    let begun = Instant::now();
    client.send(Signal::TERM);
    assert_eq!(client.wait().code(), Some(0));
    until("it is gone", || {
        get(server.web(), "/client/fileserver/time").0 == 503
    });
    server.send(Signal::TERM);
    assert_eq!(server.wait().code(), Some(0));
    assert!(begun.elapsed() < LONG);
}

#[test]
fn a_client_that_is_revoked_is_refused_without_a_restart() {
    let site = Site::new(&["app"]);
    let server = site.server(&["--pass-on"]);
    let client = site.client("app", server.port(), &["--retry-max", "200ms"]);
    until("it is there", || {
        is_answered(server.web(), "/client/app/time")
    });
    assert_eq!(get(client.web(), "/client/app/time").0, 200);
    site.cert(&["revoke", "app", "--dir", "."]);
    until("it is cut off", || {
        get(server.web(), "/client/app/time").0 == 503
    });
    until("it knows", || get(client.web(), "/server/time").0 == 503);
    site.cert(&["client", "app", "--dir", "."]);
    until("it is back", || {
        is_answered(server.web(), "/client/app/time")
    });
}

#[test]
fn a_process_that_is_stopped_is_noticed_and_comes_back() {
    let site = Site::new(&["app"]);
    let beat = ["--heartbeat", "200ms", "--heartbeat-timeout", "300ms"];
    let server = site.server(&beat);
    let client = site.client("app", server.port(), &beat);
    until("it is there", || {
        is_answered(server.web(), "/client/app/time")
    });
    client.send(Signal::STOP);
    // The first calls hang on the pipe until it is known to be dead, and then there is none.
    until("it is noticed", || {
        get(server.web(), "/client/app/time").0 == 503
    });
    client.send(Signal::CONT);
    until("it is back", || {
        is_answered(server.web(), "/client/app/time")
    });
    server.send(Signal::STOP);
    until("it is noticed", || {
        get(client.web(), "/server/time").0 == 503
    });
    server.send(Signal::CONT);
    until("it is back", || is_answered(client.web(), "/server/time"));
}

#[test]
fn what_is_wrong_is_said_on_one_line_with_status_2() {
    let site = Site::new(&["app"]);
    let says = |program: &str, arguments: &[&str]| {
        let output = site.command(program).args(arguments).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{errors}");
        assert!(output.stdout.is_empty());
        assert_eq!(errors.lines().count(), 1, "{errors}");
        errors
    };
    let identity = [
        "--ca",
        "ca.crt.pem",
        "--cert",
        "app.crt.pem",
        "--key",
        "app.key.pem",
    ];
    let with = |more: &[&'static str]| [&identity[..], more].concat();
    assert!(says("server", &[]).contains("--ca is required"));
    assert!(says("client", &identity).contains("--server is required"));
    assert!(says("client", &with(&["--server", "nowhere"])).contains("HOST:PORT"));
    assert!(says("server", &with(&["--heartbeat", "0"])).contains("above 0"));
    assert!(says("server", &with(&["--max-calls", "9000"])).contains("8192"));
    assert!(says("server", &with(&["--alias", "x"])).contains("ALIAS=NAME"));
    assert!(says("server", &with(&["--handler", "ftp://x"])).contains("--handler"));
    assert!(says("server", &with(&["--nonsense"])).contains("--nonsense"));
    assert!(says("server", &with(&["--config", "none"])).contains("none"));
    assert!(says("server", &["--ca", "none", "--cert", "x", "--key", "x"]).contains("none"));
    assert!(says("cert", &["client"]).contains("NAME"));
    assert!(says("cert", &[]).contains("subcommand"));
    let output = site
        .command("cert")
        .args(["revoke", "nobody"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn variables_and_a_file_say_what_flags_do() {
    let site = Site::new(&["app"]);
    let statsd = UdpSocket::bind("127.0.0.1:0").unwrap();
    statsd.set_read_timeout(Some(LONG)).unwrap();
    for (old, new) in [
        ("localhost.crt.pem", "restpipe.server.crt.pem"),
        ("localhost.key.pem", "restpipe.server.key.pem"),
    ] {
        fs::copy(site.0.path().join(old), site.0.path().join(new)).unwrap();
    }
    let socket = site.0.path().join("web.sock");
    let mut command = site.command("server");
    command
        .env("BIND_IP", "127.0.0.1")
        .env("BIND_PORT", "0")
        .env("RP_SERVER_CERT_PATH", site.0.path())
        .env("RP_SERVER_WEB", format!("unix:{}", socket.display()))
        .env("RP_EVENT_HANDLER_FQ_CLASS", "some.module.Handler")
        .env("RP_SERVER_WAIT", "20s");
    let server = Running::start(&mut command, 2);
    assert_eq!(server.web(), format!("unix:{}", socket.display()));
    fs::write(
        site.0.path().join("client.toml"),
        "ca = \"ca.crt.pem\"\ncert = \"app.crt.pem\"\nkey = \"app.key.pem\"\nlog = \"error\"\n\
         web = \"127.0.0.1:1\"\n",
    )
    .unwrap();
    let mut command = site.command("client");
    command
        .env("RP_CLIENT_TARGET_HOSTNAME", "localhost")
        .env("RP_CLIENT_TARGET_PORT", server.port())
        .env("RP_CLIENT_CONFIG", "client.toml")
        .env("RP_STATSD_HOST", "127.0.0.1")
        .env(
            "RP_STATSD_PORT",
            statsd.local_addr().unwrap().port().to_string(),
        )
        .args(["--web", "127.0.0.1:0"]);
    let client = Running::start(&mut command, 1);
    until("it is connected", || {
        is_answered(client.web(), "/server/time")
    });
    let (status, _) = ask(
        &mut UnixStream::connect(&socket).unwrap(),
        "/client/app/cat//a/b",
    );
    assert_eq!(status, 200);
    let mut names = Vec::new();
    while !names
        .iter()
        .any(|name: &String| name.starts_with("message.received.handle.get_cat"))
    {
        let mut buffer = [0; 512];
        let length = statsd.recv(&mut buffer).unwrap();
        names.push(String::from_utf8(buffer[..length].to_vec()).unwrap());
    }
    assert!(
        names
            .iter()
            .any(|name| name == "client.connect.connected.tick:1|c")
    );
    assert!(
        names
            .iter()
            .any(|name| name.starts_with("message.send.timing:"))
    );
}

/// A network of its own for a client, which falls silent.
struct Namespace(String);

impl Namespace {
    /// Its end has the address 10.213.N.2, and ours 10.213.N.1. It needs the right to make networks.
    fn new(number: u8) -> Self {
        let name = format!("gwpipe{number}");
        let _ = Command::new("ip")
            .args(["netns", "del", &name])
            .stderr(Stdio::null())
            .status();
        let this = Self(name);
        let (ours, theirs) = (format!("{}a", this.0), format!("{}b", this.0));
        ip(&["netns", "add", &this.0]);
        ip(&[
            "link", "add", &ours, "type", "veth", "peer", "name", &theirs,
        ]);
        ip(&["link", "set", &theirs, "netns", &this.0]);
        ip(&[
            "addr",
            "add",
            &format!("10.213.{number}.1/24"),
            "dev",
            &ours,
        ]);
        ip(&["link", "set", &ours, "up"]);
        ip(&[
            "-n",
            &this.0,
            "addr",
            "add",
            &format!("10.213.{number}.2/24"),
            "dev",
            &theirs,
        ]);
        ip(&["-n", &this.0, "link", "set", &theirs, "up"]);
        ip(&["-n", &this.0, "link", "set", "lo", "up"]);
        this
    }

    fn link(&self, state: &str) {
        ip(&["-n", &self.0, "link", "set", &format!("{}b", self.0), state]);
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.0]).status();
    }
}

fn ip(arguments: &[&str]) {
    let status = Command::new("ip")
        .args(arguments)
        .status()
        .expect("iproute2 is installed");
    assert!(status.success(), "ip {arguments:?}");
}

#[test]
fn a_network_that_goes_down_is_noticed_and_comes_back() {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = std::process::id() as usize + NUMBER.fetch_add(1, Ordering::Relaxed);
    let number = u8::try_from(number % 250).unwrap();
    let network = Namespace::new(number);
    let site = Site::new(&["app"]);
    let beat = ["--heartbeat", "300ms", "--heartbeat-timeout", "300ms"];
    let server = site.server_at(&format!("10.213.{number}.1:0"), &beat);
    let mut command = Command::new("ip");
    command
        .args([
            "netns",
            "exec",
            &network.0,
            env!("CARGO_BIN_EXE_restpipe-client"),
        ])
        .args(["--server", &format!("10.213.{number}.1:{}", server.port())])
        .args([
            "--server-name",
            "localhost",
            "--connect-timeout",
            "1s",
            "--retry-max",
            "1s",
        ])
        .args(beat)
        .args(["--web", "127.0.0.1:0"])
        .current_dir(&site.0)
        .stdin(Stdio::null());
    Site::identity(&mut command, "app");
    let _client = Running::start(&mut command, 1);
    until("it is there", || {
        is_answered(server.web(), "/client/app/time")
    });
    network.link("down");
    until("it is noticed", || {
        get(server.web(), "/client/app/time").0 == 503
    });
    network.link("up");
    until("it is back", || {
        is_answered(server.web(), "/client/app/time")
    });
}

#[test]
fn fifty_clients_are_called_while_ten_of_them_are_killed_and_come_back() {
    const CLIENTS: usize = 50;
    const KILLED: usize = 10;
    // A thousand each take minutes in a build that is not optimized.
    const CALLS: usize = if cfg!(debug_assertions) { 100 } else { 1000 };
    let names: Vec<_> = (0..CLIENTS)
        .map(|number| format!("client-{number}"))
        .collect();
    let site = Site::new(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let server = site.server(&["--wait", "30s"]);
    let (web, port) = (server.web(), server.port());
    let start = |name: &String| site.client(name, port, &[]);
    let mut clients: Vec<_> = names.iter().map(start).collect();
    for name in &names {
        until(name, || is_answered(web, &format!("/client/{name}/time")));
    }
    // One thread for each client, with a connection that is kept.
    let done = AtomicUsize::new(0);
    let call_all = |name: &str| {
        let stream = TcpStream::connect(web).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut failed = 0;
        for number in 0..CALLS {
            let text = format!(
                "GET /client/{name}/cat//{name}/-{number} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            );
            (&stream).write_all(text.as_bytes()).unwrap();
            let (status, body) = read(&mut reader);
            // None is answered by another client, or with the answer to another call.
            match status {
                200 => assert_eq!(
                    body,
                    format!(r#"{{"result_from_client":"{name}-{number}"}}"#)
                ),
                502 | 503 => failed += 1,
                _ => panic!("{status} {body}"),
            }
            done.fetch_add(1, Ordering::Relaxed);
        }
        failed
    };
    let begun = Instant::now();
    let failed: Vec<usize> = thread::scope(|scope| {
        let callers: Vec<_> = names
            .iter()
            .map(|name| scope.spawn(|| call_all(name)))
            .collect();
        // Each kill comes when a twentieth more of all calls is done.
        for number in 0..KILLED {
            let share = CLIENTS * CALLS * (number + 1) / (KILLED * 2);
            until("calls go on", || done.load(Ordering::Relaxed) >= share);
            clients[number] = {
                clients[number].send(Signal::KILL);
                clients[number].wait();
                start(&names[number])
            };
        }
        callers
            .into_iter()
            .map(|caller| caller.join().unwrap())
            .collect()
    });
    let took = begun.elapsed();
    let sum: usize = failed.iter().sum();
    println!(
        "{CLIENTS} clients, {CALLS} calls of each, {KILLED} killed meanwhile: {took:.1?}, {sum} calls failed"
    );
    assert_eq!(done.into_inner(), CLIENTS * CALLS);
    // Calls can fail twice in a row where a client is killed, and never elsewhere.
    assert!(
        failed[KILLED..].iter().all(|failed| *failed == 0),
        "{failed:?}"
    );
    assert!(
        failed[..KILLED].iter().all(|failed| *failed <= 1),
        "{failed:?}"
    );
}

/// A response with a length.
fn read(reader: &mut impl BufRead) -> (u16, String) {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let status = line
        .split(' ')
        .nth(1)
        .unwrap_or_else(|| panic!("{line}"))
        .parse()
        .unwrap();
    let mut length = 0;
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_ascii_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim_ascii().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    (status, String::from_utf8(body).unwrap())
}

#[test]
fn an_address_that_is_taken_is_said_with_status_1() {
    let site = Site::new(&[]);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut command = site.command("server");
    Site::identity(&mut command, "localhost");
    let address = taken.local_addr().unwrap().to_string();
    let output = command.args(["--pipe", &address]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("cannot listen on")
    );
}
