use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    process::{Child, Command, Stdio},
    thread,
};

use super::{Held, Proxy, Side, Usage};
use crate::{Error, clients::Control};

/// A program of one process that says where it listens, as `gripware-hub` does.
#[derive(Debug)]
pub(crate) struct Running {
    side: Side,
    child: Child,
    client: SocketAddr,
    control: SocketAddr,
    publisher: fn(SocketAddr) -> Control,
    held: Held,
}

impl Running {
    /// Starts it, and waits until it has said both of its addresses.
    pub(super) fn start(
        side: Side,
        command: &mut Command,
        publisher: fn(SocketAddr) -> Control,
        held: Held,
    ) -> Result<Self, Error> {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} does not start: {error}", side.title()))?;
        let addresses = addresses(&mut child).inspect_err(|_| {
            let _ = child.kill();
            let _ = child.wait();
        });
        let (client, control) = addresses?;
        Ok(Self {
            side,
            child,
            client,
            control,
            publisher,
            held,
        })
    }

    /// Has another way to learn who is held, which depends on where it listens.
    pub(super) fn asked(mut self) -> Self {
        self.held = Held::Ask(self.client);
        self
    }

    /// The id of the process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Proxy for Running {
    fn side(&self) -> Side {
        self.side
    }

    fn client(&self) -> SocketAddr {
        self.client
    }

    fn control(&self) -> Control {
        (self.publisher)(self.control)
    }

    fn usage(&self) -> Usage {
        Usage::of(&[self.child.id()])
    }

    fn held(&self) -> Held {
        self.held.clone()
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
