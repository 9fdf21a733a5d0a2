use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Error, running::Running};

/// Starts the program `gripware-hub`, with further flags.
pub(crate) fn start(
    program: &Path,
    origin: SocketAddr,
    further: &[&str],
) -> Result<Running, Error> {
    let mut command = Command::new(program);
    command
        .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
        .args(["--origin", &format!("http://{origin}")])
        .args(["--sig-key", "changeme"])
        .args(further)
        .stderr(Stdio::null());
    Running::start("hub", &mut command)
}
