//! Clients whose network goes silent, without an end and without a reset.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "it is a test"
)]

use std::{
    fs::File,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    os::fd::AsFd,
    process::{Child, Command, Stdio},
    sync::mpsc::{self, Receiver},
    thread,
    time::{Duration, Instant},
};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

const LONG: Duration = Duration::from_secs(30);

/// A network of its own for clients. It needs the right to make networks.
struct Namespace {
    name: String,
    network: String,
}

impl Namespace {
    /// The end of the clients has the address 10.214.N.2, and that of the hub 10.214.N.1.
    fn new() -> Self {
        let number = std::process::id() % 250;
        let this = Self {
            name: format!("gwhub{number}"),
            network: format!("10.214.{number}"),
        };
        this.delete();
        let (ours, theirs) = (format!("{}a", this.name), format!("{}b", this.name));
        ip(&format!("netns add {}", this.name));
        ip(&format!("link add {ours} type veth peer name {theirs}"));
        ip(&format!("link set {theirs} netns {}", this.name));
        ip(&format!("addr add {}.1/24 dev {ours}", this.network));
        ip(&format!("link set {ours} up"));
        this.ip(&format!("addr add {}.2/24 dev {theirs}", this.network));
        this.ip(&format!("link set {theirs} up"));
        this
    }

    /// In the namespace.
    fn ip(&self, arguments: &str) {
        ip(&format!("-n {} {arguments}", self.name));
    }

    fn connect(&self, address: SocketAddr) -> TcpStream {
        let file = File::open(format!("/run/netns/{}", self.name)).unwrap();
        let connecting = thread::spawn(move || {
            let network = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(file.as_fd(), network).unwrap();
            TcpStream::connect(address).unwrap()
        });
        let stream = connecting.join().unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    fn goes_silent(&self) {
        self.ip(&format!("link set {}b down", self.name));
    }

    fn delete(&self) {
        let mut command = Command::new("ip");
        let _ = command
            .args(["netns", "del", &self.name])
            .stderr(Stdio::null())
            .status();
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        self.delete();
    }
}

fn ip(arguments: &str) {
    let mut command = Command::new("ip");
    let status = command.args(arguments.split(' ')).status();
    let status = status.expect("iproute2 is installed");
    assert!(status.success(), "ip {arguments}");
}

/// Answers each request of the hub, and tells of the bodies that are not empty.
fn origin() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, bodies) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let sender = sender.clone();
            thread::spawn(move || serve(BufReader::new(stream.unwrap()), &sender));
        }
    });
    (address, bodies)
}

fn serve(mut stream: BufReader<TcpStream>, bodies: &mpsc::Sender<String>) {
    let mut head = String::new();
    while stream.read_line(&mut head).unwrap_or(0) > 0 {
        if !head.ends_with("\r\n\r\n") {
            continue;
        }
        let head = std::mem::take(&mut head).to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|it| it.strip_prefix("content-length: "));
        let mut body = vec![0; length.map_or(0, |it| it.parse().unwrap())];
        stream.read_exact(&mut body).unwrap();
        let headers = match head.split(' ').nth(1).unwrap() {
            "/stream" => "Grip-Hold: stream\r\nGrip-Channel: a",
            "/response" => "Grip-Hold: response\r\nGrip-Channel: a\r\nGrip-Timeout: 600",
            _ => "Content-Type: application/websocket-events\r\nSec-WebSocket-Extensions: grip",
        };
        let answer = if body.starts_with(b"OPEN") {
            "OPEN\r\n"
        } else {
            ""
        };
        if !body.is_empty() {
            bodies.send(String::from_utf8(body).unwrap()).unwrap();
        }
        let length = answer.len();
        let stream = stream.get_mut();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\n{headers}\r\nContent-Length: {length}\r\n\r\n{answer}"
        )
        .unwrap();
    }
}

struct Hub {
    child: Child,
    front: SocketAddr,
    control: SocketAddr,
}

impl Hub {
    fn start(host: &str, origin: SocketAddr) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gripware-hub"));
        let mut child = command
            .env_clear()
            .arg(format!("--origin=http://{origin}"))
            .arg(format!("--listen={host}:0"))
            .args(["--control=127.0.0.1:0", "--log=off"])
            .args(["--ping-interval=300ms", "--pong-timeout=2s"])
            .args(["--tcp-keep-alive=1s", "--tcp-user-timeout=3s"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = || -> SocketAddr {
            let line = lines.next().unwrap().unwrap();
            line.rsplit_once(' ').unwrap().1.parse().unwrap()
        };
        let (front, control) = (address(), address());
        Self {
            child,
            front,
            control,
        }
    }

    fn connections(&self) -> String {
        let mut stream = TcpStream::connect(self.control).unwrap();
        let request = b"GET /connections HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
            .split_once("\r\n\r\n")
            .unwrap()
            .1
            .trim_ascii_end()
            .to_owned()
    }

    fn holds(&self, count: usize) {
        let start = Instant::now();
        while self.connections().matches("\"id\"").count() != count {
            assert!(start.elapsed() < LONG, "{}", self.connections());
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn ask(client: &mut TcpStream, path: &str, headers: &str) {
    write!(
        client,
        "GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"
    )
    .unwrap();
}

#[test]
fn clients_whose_network_goes_silent_are_noticed_however_they_are_held() {
    let network = Namespace::new();
    let (origin, bodies) = origin();
    let hub = Hub::start(&format!("{}.1", network.network), origin);

    let mut socket = network.connect(hub.front);
    let handshake = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    ask(&mut socket, "/socket", handshake);
    assert_eq!(bodies.recv_timeout(LONG).unwrap(), "OPEN\r\n");
    let mut clients = Vec::new();
    for path in ["/stream", "/response"] {
        let mut client = network.connect(hub.front);
        ask(&mut client, path, "");
        clients.push(client);
    }
    hub.holds(3);

    // While pongs come all three stay, longer than any of the times.
    let mut socket = BufReader::new(socket);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert_ne!(socket.read_line(&mut head).unwrap(), 0);
    }
    assert!(head.starts_with("HTTP/1.1 101 "), "{head}");
    for _ in 0..20 {
        let mut ping = [0; 10];
        socket.read_exact(&mut ping).unwrap();
        assert_eq!(&ping, b"\x89\x08gripware");
        let pong = b"\x8a\x88\0\0\0\0gripware";
        socket.get_mut().write_all(pong).unwrap();
    }
    hub.holds(3);
    assert!(bodies.try_recv().is_err());

    network.goes_silent();
    assert_eq!(bodies.recv_timeout(LONG).unwrap(), "DISCONNECT\r\n");
    hub.holds(0);
}
