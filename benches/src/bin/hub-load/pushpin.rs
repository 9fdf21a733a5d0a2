use std::{
    fs,
    net::{SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::{
    Error,
    proxy::Proxy,
    usage::{Usage, family},
};

const CONFIGURATION: [(&str, &str); 2] = [
    (
        "pushpin",
        include_str!("../../../../tests/src/pushpin.conf"),
    ),
    ("zurl", include_str!("../../../../tests/src/zurl.conf")),
];

/// Pushpin of Debian's package and its HTTP worker, as the interop tests configure them (no limit
/// to the messages sent per second), with room for more connections, and with warnings only in the
/// log.
#[derive(Debug)]
pub(crate) struct Pushpin {
    processes: Vec<Child>,
    client: SocketAddr,
    control: SocketAddr,
    // Last, as the processes have their sockets in it.
    _directory: TempDir,
}

impl Pushpin {
    pub(crate) fn start(origin: SocketAddr) -> Result<Self, Error> {
        let directory = tempfile::Builder::new().prefix("load-").tempdir()?;
        let [client, control, pull, command] = free_addresses()?;
        let path = directory.path();
        fs::write(path.join("routes"), format!("* {origin},over_http\n"))?;
        let mut pushpin = Self {
            processes: Vec::new(),
            client,
            control,
            _directory: directory,
        };
        let path = pushpin._directory.path().to_owned();
        for (program, template) in CONFIGURATION {
            let text = template
                .replace("@dir@", &path.display().to_string())
                .replace("@client@", &client.to_string())
                .replace("@control-ip@", &control.ip().to_string())
                .replace("@control-port@", &control.port().to_string())
                .replace("@pull@", &pull.to_string())
                .replace("@command@", &command.to_string())
                .replace("@debug@", "false")
                .replace("@iss@", "pushpin")
                .replace("@key@", "changeme")
                .replace("client_maxconn=2000", "client_maxconn=12000")
                .replace("log_level=2", "log_level=1");
            pushpin.processes.push(run(program, &path, &text)?);
        }
        Ok(pushpin)
    }

    fn ids(&self) -> Vec<u32> {
        self.processes.iter().map(Child::id).collect()
    }
}

impl Proxy for Pushpin {
    fn name(&self) -> &'static str {
        "pushpin"
    }

    fn client(&self) -> SocketAddr {
        self.client
    }

    fn control(&self) -> SocketAddr {
        self.control
    }

    fn usage(&self) -> Usage {
        Usage::of(&self.ids())
    }
}

impl Drop for Pushpin {
    fn drop(&mut self) {
        let family = family(&self.ids());
        send(&self.ids(), Signal::TERM);
        let start = Instant::now();
        for process in &mut self.processes {
            while matches!(process.try_wait(), Ok(None)) && start.elapsed() < Duration::from_secs(5)
            {
                thread::sleep(Duration::from_millis(10));
            }
        }
        // Who has not ended by now has a child that hangs.
        if self
            .processes
            .iter_mut()
            .any(|process| matches!(process.try_wait(), Ok(None)))
        {
            send(&family, Signal::KILL);
            for process in &mut self.processes {
                let _ = process.wait();
            }
        }
    }
}

fn run(program: &str, directory: &Path, configuration: &str) -> Result<Child, Error> {
    let file = directory.join(format!("{program}.conf"));
    fs::write(&file, configuration)?;
    let log = fs::File::create(directory.join(format!("{program}.out")))?;
    Command::new(program)
        .arg(format!("--config={}", file.display()))
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .spawn()
        .map_err(|error| format!("{program} does not start ({error}): run tests/peers").into())
}

/// Free while they are looked for, which is as much as can be known.
fn free_addresses() -> Result<[SocketAddr; 4], Error> {
    let listeners = [(); 4].map(|()| TcpListener::bind("127.0.0.1:0"));
    let mut addresses = [SocketAddr::from(([127, 0, 0, 1], 0)); 4];
    for (address, listener) in addresses.iter_mut().zip(listeners) {
        *address = listener?.local_addr()?;
    }
    Ok(addresses)
}

fn send(ids: &[u32], signal: Signal) {
    for id in ids {
        if let Some(id) = i32::try_from(*id).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, signal);
        }
    }
}
