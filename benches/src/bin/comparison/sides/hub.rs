use std::{
    path::Path,
    process::{Command, Stdio},
};

use super::{Held, Origin, Running, Side};
use crate::{Error, clients::Control};

/// Starts the program `gripware-hub`, with further flags.
pub(super) fn start(
    side: Side,
    program: &Path,
    origin: &Origin,
    further: &[&str],
) -> Result<Running, Error> {
    if !program.exists() {
        let program = program.display();
        return Err(format!("{program} is not there: benches/compare builds it").into());
    }
    let mut command = Command::new(program);
    command
        .args(["--listen", "127.0.0.1:0", "--control", "127.0.0.1:0"])
        .args(["--origin", &format!("http://{}", origin.address())])
        .args(["--sig-key", "changeme"])
        .args(further)
        .stderr(Stdio::null());
    Running::start(
        side,
        &mut command,
        Control::grip,
        Held::Count(origin.count()),
    )
}
