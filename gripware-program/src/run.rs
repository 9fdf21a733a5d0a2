use std::{
    io::{self, Write},
    process::ExitCode,
    time::Duration,
};

use crate::Failure;

/// Ends a program: its status is 0, or 2 where a setting is wrong, or 1, and then one line on standard
/// error says why.
#[must_use]
pub fn exit(program: &str, result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    // Where nobody can read it, the status says it.
    let _ = writeln!(io::stderr(), "{program}: {failure}");
    ExitCode::from(match failure {
        Failure::Config(_) => 2,
        Failure::Other(_) => 1,
    })
}

/// Runs a program on a runtime of its own. What it has spawned and not awaited is cut off at its end.
///
/// # Errors
/// Those of the program, and where the system has no threads left.
pub fn block_on<F>(start: impl FnOnce() -> Result<F, Failure>) -> Result<(), Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::other(format_args!("no threads: {error}")))?;
    let ended = {
        let _inside = runtime.enter();
        start().and_then(|program| runtime.block_on(program))
    };
    // What is still under way has had its time.
    runtime.shutdown_timeout(Duration::ZERO);
    ended
}

/// Prints lines that say that the program is ready. Where nobody can read them, it is ready all the
/// same.
pub fn announce(lines: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(lines.as_bytes());
    let _ = out.flush();
}
