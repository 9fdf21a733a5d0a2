use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use crate::{Error, proxy::Proxy, usage::Usage};

/// The program `gripware-hub`.
#[derive(Debug)]
pub(crate) struct Hub {
    child: Child,
    client: SocketAddr,
    control: SocketAddr,
}

impl Hub {
    pub(crate) fn start(program: &Path, origin: SocketAddr) -> Result<Self, Error> {
        let mut child = Command::new(program)
            .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
            .args(["--origin", &format!("http://{origin}")])
            .args(["--sig-key", "changeme"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", program.display()))?;
        let (client, control) = addresses(&mut child)?;
        Ok(Self {
            child,
            client,
            control,
        })
    }
}

impl Proxy for Hub {
    fn name(&self) -> &'static str {
        "hub"
    }

    fn client(&self) -> SocketAddr {
        self.client
    }

    fn control(&self) -> SocketAddr {
        self.control
    }

    fn usage(&self) -> Usage {
        Usage::of(&[self.child.id()])
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        // It has no children, and nothing it holds is worth the wait of a graceful end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the program prints when it is ready.
pub(crate) fn addresses(child: &mut Child) -> Result<(SocketAddr, SocketAddr), Error> {
    let output = child.stdout.take().ok_or("no standard output")?;
    let mut lines = BufReader::new(output).lines();
    let (mut client, mut control) = (None, None);
    loop {
        let line = lines.next().ok_or("the program ended while it started")??;
        if let Some(address) = line.strip_prefix("listening on ") {
            client = Some(address.parse()?);
        } else if let Some(address) = line.strip_prefix("control on ") {
            control = Some(address.parse()?);
        }
        if let (Some(client), Some(control)) = (client, control) {
            // A full pipe would stop it.
            thread::spawn(move || lines.for_each(drop));
            return Ok((client, control));
        }
    }
}
