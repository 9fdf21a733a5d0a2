use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use super::{Held, Origin, Proxy, Side, Usage, places::free_addresses, usage};
use crate::{Error, clients::Control};

const CONFIGURATION: [(&str, &str); 2] = [
    (
        "pushpin",
        include_str!("../../../../../tests/src/pushpin.conf"),
    ),
    ("zurl", include_str!("../../../../../tests/src/zurl.conf")),
];

/// Pushpin of Debian's package and its HTTP worker, as the interop tests configure them (no limit
/// to the messages sent per second), with room for more connections, and with warnings only in the
/// log.
#[derive(Debug)]
pub(super) struct Pushpin {
    processes: Vec<Child>,
    client: SocketAddr,
    control: SocketAddr,
    held: Held,
    // Last, as the processes have their sockets in it.
    _directory: TempDir,
}

impl Pushpin {
    pub(super) fn start(origin: &Origin) -> Result<Self, Error> {
        let directory = tempfile::Builder::new().prefix("load-").tempdir()?;
        let [client, control, pull, command] = free_addresses()?;
        let path = directory.path();
        fs::write(
            path.join("routes"),
            format!("* {},over_http\n", origin.address()),
        )?;
        let mut pushpin = Self {
            processes: Vec::new(),
            client,
            control,
            held: Held::Count(origin.count()),
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
                .replace("client_maxconn=2000", "client_maxconn=20000")
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
    fn side(&self) -> Side {
        Side::Pushpin
    }

    fn client(&self) -> SocketAddr {
        self.client
    }

    fn control(&self) -> Control {
        Control::grip(self.control)
    }

    fn usage(&self) -> Usage {
        Usage::of(&self.ids())
    }

    fn held(&self) -> Held {
        self.held.clone()
    }
}

impl Drop for Pushpin {
    fn drop(&mut self) {
        usage::end(&mut self.processes);
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
