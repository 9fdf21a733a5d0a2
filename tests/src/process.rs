use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// A program that a test started. It ends with the test, and what it wrote is printed where the
/// test failed.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    output: PathBuf,
    errors: PathBuf,
}

impl Process {
    /// Starts a program. What it writes goes to files of this name in the directory.
    ///
    /// # Panics
    /// Where the program cannot be started, mostly because it is not installed.
    #[must_use]
    pub fn start(mut command: Command, directory: &Path, name: &str) -> Self {
        let output = directory.join(format!("{name}.out"));
        let errors = directory.join(format!("{name}.err"));
        command
            .stdin(Stdio::null())
            .stdout(appending(&output))
            .stderr(appending(&errors));
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{name} does not start ({error}): run tests/peers, which installs it")
        });
        Self {
            name: name.to_owned(),
            child,
            output,
            errors,
        }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has written to its standard output so far.
    #[must_use]
    pub fn output(&self) -> String {
        read(&self.output)
    }

    /// What it has written to its standard error so far.
    #[must_use]
    pub fn errors(&self) -> String {
        read(&self.errors)
    }

    /// Its exit status, where it has ended.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        send(self.id(), Signal::TERM);
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// Where it has not ended after `limit`.
    pub async fn stop(&mut self, limit: Duration) -> ExitStatus {
        self.terminate();
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(
                start.elapsed() < limit,
                "{} still runs {limit:?} after SIGTERM",
                self.name
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Ends it without a chance to say goodbye, and everything it started.
    pub fn kill(&mut self) {
        let children = descendants(self.id());
        send(self.id(), Signal::KILL);
        for child in children {
            send(child, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- {}:\n{}{}---", self.name, self.output(), self.errors());
        }
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        self.terminate();
        for _ in 0..300 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.kill();
    }
}

fn appending(path: &Path) -> File {
    File::options()
        .create(true)
        .append(true)
        .open(path)
        .expect("a file in a directory of the test")
}

fn read(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned()
}

fn send(id: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(id).ok().and_then(Pid::from_raw) {
        // It fails where the process is gone already, which is what is wanted.
        let _ = kill_process(pid, signal);
    }
}

/// The processes that a process started, and that these started.
fn descendants(id: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    let mut found = Vec::new();
    for child in list
        .split_ascii_whitespace()
        .filter_map(|id| id.parse().ok())
    {
        found.push(child);
        found.extend(descendants(child));
    }
    found
}
