//! The program, run in a folder of its own.

#![allow(dead_code, reason = "each test uses some of it")]

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::{Child, Command, ExitStatus, Output, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub(crate) const LONG: Duration = Duration::from_secs(30);

/// The program with an environment of its own, in a folder of its own.
pub(crate) struct Program {
    pub(crate) command: Command,
    folder: TempDir,
}

impl Program {
    pub(crate) fn new() -> Self {
        let command = Command::new(env!("CARGO_BIN_EXE_gripware-hub"));
        Self::of(command)
    }

    /// What these commands of a shell set, such as a limit, holds for it.
    pub(crate) fn limited(commands: &str) -> Self {
        let mut command = Command::new("/bin/bash");
        command
            .arg("-c")
            .arg(format!("{commands}; exec \"$0\" \"$@\""))
            .arg(env!("CARGO_BIN_EXE_gripware-hub"));
        Self::of(command)
    }

    fn of(mut command: Command) -> Self {
        let folder = TempDir::new().unwrap();
        command
            .env_clear()
            .current_dir(folder.path())
            .stdin(Stdio::null());
        Self { command, folder }
    }

    /// With all that has to be given, on ports that are free.
    pub(crate) fn ready() -> Self {
        Self::new()
            .flag("--origin=http://127.0.0.1:9")
            .flag("--listen=127.0.0.1:0")
            .flag("--control=127.0.0.1:0")
    }

    pub(crate) fn flag(mut self, flag: impl AsRef<str>) -> Self {
        self.command.arg(flag.as_ref());
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn file(self, name: &str, content: &str) -> Self {
        fs::write(self.path(name), content).unwrap();
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs it to its end.
    pub(crate) fn output(mut self) -> Output {
        self.command.output().unwrap()
    }

    /// Expects that it says one line, ends with this status, and prints nothing.
    pub(crate) fn fails(self, status: i32) -> String {
        let output = self.output();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(status), "{errors}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), "", "{errors}");
        let mut lines = errors.lines();
        let line = lines.next().unwrap_or_default().to_owned();
        assert_eq!(lines.next(), None, "{errors}");
        line
    }

    /// Runs it until it is ready.
    pub(crate) fn start(mut self) -> Running {
        let errors = self.path("errors");
        self.command
            .stdout(Stdio::piped())
            .stderr(fs::File::create(&errors).unwrap());
        let mut child = self.command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |before: &str| -> SocketAddr {
            let line = match lines.next() {
                Some(line) => line.unwrap(),
                None => panic!("it has ended: {}", fs::read_to_string(&errors).unwrap()),
            };
            let address = line.strip_prefix(before);
            address.unwrap_or_else(|| panic!("{line}")).parse().unwrap()
        };
        let front = address("listening on ");
        let control = address("control on ");
        Running {
            child,
            front,
            control,
            errors,
            _folder: self.folder,
        }
    }
}

pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) front: SocketAddr,
    pub(crate) control: SocketAddr,
    pub(crate) errors: PathBuf,
    _folder: TempDir,
}

impl Running {
    pub(crate) fn send(&self, signal: Signal) {
        let process = Pid::from_child(&self.child);
        kill_process(process, signal).unwrap();
    }

    pub(crate) fn ended(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(start.elapsed() < LONG, "it does not end: {}", self.errors());
            thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap()
    }

    /// Sends a request with a body to the control API.
    pub(crate) fn request_with(&self, line: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(self.control).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        let length = body.len();
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// Sends a request to the control API.
    pub(crate) fn request(&self, line: &str, headers: &str) -> String {
        let mut stream = TcpStream::connect(self.control).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        write!(
            stream,
            "{line} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{headers}\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("{}", self.errors());
        }
    }
}
