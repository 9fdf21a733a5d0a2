use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
};

use crate::{Error, proxy::Proxy, usage::Usage};

/// A program of one process that says where it listens, as `gripware-hub` does.
#[derive(Debug)]
pub(crate) struct Running {
    name: &'static str,
    child: Child,
    client: SocketAddr,
    control: SocketAddr,
}

impl Running {
    pub(crate) fn start(name: &'static str, command: &mut Command) -> Result<Self, Error> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{name} does not start: {error}"))?;
        let (client, control) = addresses(&mut child)?;
        Ok(Self {
            name,
            child,
            client,
            control,
        })
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Proxy for Running {
    fn name(&self) -> &'static str {
        self.name
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

impl Drop for Running {
    fn drop(&mut self) {
        // It has no children, and nothing it holds is worth the wait of a graceful end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What the program prints when it is ready.
fn addresses(child: &mut Child) -> Result<(SocketAddr, SocketAddr), Error> {
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
