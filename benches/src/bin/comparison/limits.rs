use std::io;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// What is enough for all of it, in this process and in each side.
const ENOUGH: u64 = 65_536;

/// Descriptors that are no clients: libraries, listeners, connections to the origin.
const OTHERS: u64 = 500;

/// Raises the limit of open files as far as it goes, for this process and what it starts. Returns
/// how many clients may be held.
pub(crate) fn raise_open_files() -> io::Result<usize> {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(ENOUGH);
    if hard < ENOUGH {
        // Only root may raise the hard one.
        let wanted = Rlimit {
            current: Some(ENOUGH),
            maximum: Some(ENOUGH),
        };
        if setrlimit(Resource::Nofile, wanted).is_ok() {
            return Ok(clients(ENOUGH));
        }
    }
    let most = hard.min(ENOUGH.max(limit.current.unwrap_or(ENOUGH)));
    let wanted = Rlimit {
        current: Some(most),
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, wanted)?;
    Ok(clients(most))
}

fn clients(files: u64) -> usize {
    usize::try_from(files.saturating_sub(OTHERS)).unwrap_or(usize::MAX)
}
