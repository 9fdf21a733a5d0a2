use std::{
    net::SocketAddr,
    path::Path,
    process::{Command, Stdio},
};

use crate::{Error, running::Running};

/// Starts the program `gripware-hub`.
pub(crate) fn start(program: &Path, origin: SocketAddr) -> Result<Running, Error> {
    let mut command = Command::new(program);
    command
        .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
        .args(["--origin", &format!("http://{origin}")])
        .args(["--sig-key", "changeme"])
        .stderr(Stdio::null());
    Running::start("hub", &mut command)
}
