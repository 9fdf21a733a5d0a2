//! What is counted as the difference between two runs of a server.

use std::{
    io::{BufRead as _, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Error, Figure, callgrind::Callgrind, client::Client, origin, serving};

/// How many streams an item goes to.
const FOLLOWERS: usize = 1_000;

/// A text with a mask of zeros.
const MESSAGE: &[u8] = b"\x81\x85\0\0\0\0hello";

/// What is done with a server, so many times.
#[derive(Clone, Copy, Debug)]
enum Work {
    /// Requests on one connection.
    Plain,
    /// Streams that are held, each on a connection of its own, and ended in the end.
    Hold,
    /// Items, one after the other, to as many streams.
    FanOut,
    /// Messages on one WebSocket, each of which comes back.
    Echo,
}

/// What is started.
#[derive(Clone, Copy, Debug)]
enum Server {
    Program,
    Hub,
    Axum,
}

/// The name, the server, what it does, and how often in the two runs.
const FIGURES: &[(&str, Server, Work, [usize; 2])] = &[
    (
        "a plain request without a hub",
        Server::Axum,
        Work::Plain,
        [200, 1_200],
    ),
    (
        "a plain request, hub inside",
        Server::Hub,
        Work::Plain,
        [200, 1_200],
    ),
    (
        "a plain request through the program",
        Server::Program,
        Work::Plain,
        [200, 1_200],
    ),
    ("a hold, hub inside", Server::Hub, Work::Hold, [100, 600]),
    (
        "a hold through the program",
        Server::Program,
        Work::Hold,
        [100, 600],
    ),
    (
        "a message of a WebSocket, hub inside",
        Server::Hub,
        Work::Echo,
        [200, 1_200],
    ),
    (
        "an item to 1 000 streams",
        Server::Program,
        Work::FanOut,
        [5, 25],
    ),
];

/// Counts all that are asked for.
pub(crate) fn measure(
    callgrind: &Callgrind,
    is_asked_for: impl Fn(&str) -> bool,
) -> Result<Vec<Figure>, Error> {
    // Streams have a connection each, here and in the server.
    gripware_hub::raise_descriptor_limit()?;
    let origin = origin::start()?;
    let mut figures = Vec::new();
    for (name, server, work, [few, many]) in FIGURES {
        if !is_asked_for(name) {
            continue;
        }
        let count = |times: usize| {
            let run = format!("{server:?}-{work:?}-{times}").to_lowercase();
            let running = Running::start(callgrind, &run, *server, origin)?;
            let clients = running.work(*work, times)?;
            running.end()?;
            drop(clients);
            callgrind.total(&run)
        };
        let difference = count(*many)?.saturating_sub(count(*few)?);
        figures.push((*name, difference / (many - few) as u64));
    }
    Ok(figures)
}

/// A server under callgrind.
#[derive(Debug)]
struct Running {
    child: Child,
    address: SocketAddr,
    /// Of the program alone.
    control: Option<SocketAddr>,
}

impl Running {
    fn start(
        callgrind: &Callgrind,
        run: &str,
        server: Server,
        origin: SocketAddr,
    ) -> Result<Self, Error> {
        let mut command = match server {
            Server::Program => {
                let mut command = callgrind.command(&program()?, run, None);
                command
                    .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
                    .args(["--origin", &format!("http://{origin}")])
                    .args(["--sig-key", "changeme", "--shards", "1"]);
                command
            }
            Server::Hub => within(callgrind, run, "hub")?,
            Server::Axum => within(callgrind, run, "axum")?,
        };
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::null()).spawn()?;
        let has_control = matches!(server, Server::Program);
        let addresses = addresses(&mut child, has_control);
        let (address, control) = addresses.inspect_err(|_| drop(child.kill()))?;
        Ok(Self {
            child,
            address,
            control,
        })
    }

    /// Does the work, and returns the connections that are to live as long as the server.
    fn work(&self, work: Work, times: usize) -> Result<Vec<Client>, Error> {
        match work {
            Work::Plain => {
                let mut client = Client::connect(self.address)?;
                for _ in 0..times {
                    client.get("/")?;
                    client.read_until("\r\n\r\nok")?;
                }
                Ok(vec![client])
            }
            Work::Hold => self.hold(times),
            Work::Echo => {
                let mut client = Client::connect(self.address)?;
                client.open("/echo")?;
                for _ in 0..times {
                    client.send(MESSAGE)?;
                    // As it is answered, behind the first byte of its frame.
                    client.read_until("\u{5}hello")?;
                }
                Ok(vec![client])
            }
            Work::FanOut => {
                let mut followers = self.hold(FOLLOWERS)?;
                let control = self.control.ok_or("no control API")?;
                for _ in 0..times {
                    publish(control)?;
                    for follower in &mut followers {
                        follower.read_until("an item of some length\n\r\n")?;
                    }
                }
                Ok(followers)
            }
        }
    }

    fn hold(&self, times: usize) -> Result<Vec<Client>, Error> {
        let held = (0..times).map(|_| {
            let mut client = Client::connect(self.address)?;
            client.get("/hold")?;
            client.read_until("2\r\nok\r\n")?;
            Ok(client)
        });
        held.collect()
    }

    /// Ends it as a service manager would, and waits.
    fn end(mut self) -> Result<(), Error> {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.ok_or("no process")?, Signal::TERM)?;
        let status = self.child.wait()?;
        if status.success() {
            Ok(())
        } else {
            Err(format!("the server failed: {status}").into())
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, but where something failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program `gripware-hub`, which is beside this one.
fn program() -> Result<PathBuf, Error> {
    let program = std::env::current_exe()?.with_file_name("gripware-hub");
    if !program.exists() {
        return Err(format!("{} is not built", program.display()).into());
    }
    Ok(program)
}

fn within(callgrind: &Callgrind, run: &str, what: &str) -> Result<Command, Error> {
    let program = std::env::current_exe()?;
    let mut command = callgrind.command(Path::new(&program), run, None);
    command.args([serving::ARGUMENT, what]);
    Ok(command)
}

/// What the server prints when it is ready.
fn addresses(
    child: &mut Child,
    has_control: bool,
) -> Result<(SocketAddr, Option<SocketAddr>), Error> {
    let output = child.stdout.take().ok_or("no standard output")?;
    let mut lines = BufReader::new(output).lines();
    let (mut address, mut control) = (None, None);
    loop {
        let line = lines.next().ok_or("the server ended while it started")??;
        if let Some(at) = line.strip_prefix("listening on ") {
            address = Some(at.parse()?);
        } else if let Some(at) = line.strip_prefix("control on ") {
            control = Some(at.parse()?);
        }
        if let Some(address) = address.filter(|_| control.is_some() || !has_control) {
            // A full pipe would stop it.
            thread::spawn(move || lines.for_each(drop));
            return Ok((address, control));
        }
    }
}

fn publish(control: SocketAddr) -> Result<(), Error> {
    const BODY: &str = r#"{"items":[{"channel":"news","formats":{"http-stream":{"content":"an item of some length\n"}}}]}"#;
    let mut client = Client::connect(control)?;
    client.send(format!(
        "POST /publish/ HTTP/1.1\r\nHost: control\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{BODY}",
        BODY.len()
    ))?;
    client.read_until("Published\n")
}
