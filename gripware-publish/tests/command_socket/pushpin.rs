//! A Pushpin as the interop tests have it.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr, TcpStream as Std},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    time::timeout,
};

use crate::PATIENCE;

pub(crate) struct Pushpin {
    children: Vec<Child>,
    client: SocketAddr,
    pub(crate) command: SocketAddr,
    folder: TempDir,
}

impl Pushpin {
    pub(crate) fn start(origin: SocketAddr) -> Self {
        let folder = tempfile::Builder::new().prefix("gw").tempdir().unwrap();
        // An address that no other process of the tests has: all of 127.0.0.0/8 is loopback.
        let [_, a, b, c] = std::process::id().to_be_bytes();
        let ip = Ipv4Addr::new(127, a + 1, b, c);
        let address = |port: u16| SocketAddr::from((ip, port));
        let (client, control) = (address(30_001), address(30_002));
        let (pull, command) = (address(30_003), address(30_004));
        let directory = folder.path().display().to_string();
        let fill = |name: &str| {
            let template = format!("{}/../tests/src/{name}", env!("CARGO_MANIFEST_DIR"));
            let filled = fs::read_to_string(template)
                .unwrap()
                .replace("@command@", &command.to_string())
                .replace("@dir@", &directory)
                .replace("@client@", &client.to_string())
                .replace("@control-ip@", &ip.to_string())
                .replace("@control-port@", &control.port().to_string())
                .replace("@pull@", &pull.to_string())
                .replace("@debug@", "true")
                .replace("@iss@", "pushpin")
                .replace("@key@", "changeme");
            fs::write(folder.path().join(name), filled).unwrap();
        };
        fill("pushpin.conf");
        fill("zurl.conf");
        fs::write(
            folder.path().join("routes"),
            format!("* {origin},over_http\n"),
        )
        .unwrap();
        let children = ["pushpin", "zurl"].map(|program| {
            let log = fs::File::create(folder.path().join(format!("{program}.out"))).unwrap();
            Command::new(program)
                .arg(format!("--config={directory}/{program}.conf"))
                .stdin(Stdio::null())
                .stderr(log.try_clone().unwrap())
                .stdout(log)
                .spawn()
                .expect("tests/peers installs it")
        });
        let started = Self {
            children: children.into(),
            client,
            command,
            folder,
        };
        for address in [client, command] {
            let begin = Instant::now();
            while Std::connect(address).is_err() {
                assert!(begin.elapsed() < PATIENCE, "{address}: {}", started.log());
                thread::sleep(Duration::from_millis(20));
            }
        }
        started
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("pushpin.out")).unwrap_or_default()
    }
}

impl Drop for Pushpin {
    fn drop(&mut self) {
        for child in &mut self.children {
            // So that it ends those that it has started.
            let _ = kill_process(Pid::from_child(child), Signal::TERM);
            let _ = child.wait();
        }
        if thread::panicking() {
            eprintln!("{}", self.log());
        }
    }
}

/// A WebSocket client, which only reads.
pub(crate) struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Tries until Pushpin reaches the application.
    pub(crate) async fn connect(pushpin: &Pushpin) -> Self {
        let begin = Instant::now();
        loop {
            if let Some(client) = Self::try_connect(pushpin).await {
                return client;
            }
            assert!(begin.elapsed() < PATIENCE, "{}", pushpin.log());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    async fn try_connect(pushpin: &Pushpin) -> Option<Self> {
        let mut stream = TcpStream::connect(pushpin.client).await.ok()?;
        let request = "GET /ws HTTP/1.1\r\nHost: example.org\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut stream = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if stream.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        head.starts_with("HTTP/1.1 101 ").then_some(Self { stream })
    }

    /// Reads a short text.
    pub(crate) async fn text(&mut self) -> String {
        let reading = async {
            let mut head = [0; 2];
            self.stream.read_exact(&mut head).await.unwrap();
            assert_eq!(head[0], 0x81, "a text");
            let mut text = vec![0; usize::from(head[1])];
            self.stream.read_exact(&mut text).await.unwrap();
            String::from_utf8(text).unwrap()
        };
        timeout(PATIENCE, reading).await.expect("a text in time")
    }
}
