use std::{
    process::{Command, Output, Stdio},
    time::Duration,
};

use tokio::time::timeout;

use crate::PATIENCE;

/// Runs a program to its end, and returns what it wrote.
///
/// # Panics
/// Where the program cannot be started, mostly because it is not installed, or does not end.
pub async fn run(command: Command) -> Output {
    let name = format!("{command:?}");
    let output = try_run(command, 3 * PATIENCE).await;
    output.unwrap_or_else(|| panic!("{name} does not end"))
}

/// The same, and `None` where the program has not ended after `limit` and was killed.
///
/// # Panics
/// Where the program cannot be started, mostly because it is not installed.
pub async fn try_run(mut command: Command, limit: Duration) -> Option<Output> {
    command.stdin(Stdio::null());
    let name = command.get_program().display().to_string();
    let running = tokio::process::Command::from(command)
        .kill_on_drop(true)
        .output();
    let output = timeout(limit, running).await.ok()?;
    Some(output.unwrap_or_else(|error| {
        panic!("{name} does not start ({error}): run tests/peers, which installs it")
    }))
}
