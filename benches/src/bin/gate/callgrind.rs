//! Running a program under callgrind, and reading what it counted.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use crate::Error;

/// Valgrind, and where it writes.
#[derive(Debug)]
pub(crate) struct Callgrind {
    folder: PathBuf,
}

impl Callgrind {
    /// # Errors
    /// If Valgrind is not installed.
    pub(crate) fn new(folder: &Path) -> Result<Self, Error> {
        let version = Command::new("valgrind").arg("--version").output();
        version.map_err(|error| format!("valgrind does not start: {error} (see tests/peers)"))?;
        Ok(Self {
            folder: folder.canonicalize()?,
        })
    }

    /// Returns a command that counts all of a program, or one function alone, by its full name;
    /// then there is a count for each of its calls.
    pub(crate) fn command(&self, program: &Path, run: &str, function: Option<&str>) -> Command {
        let mut command = Command::new("valgrind");
        command.args(["--tool=callgrind", "--quiet"]);
        // Valgrind's own limit of threads that it runs at once is one: the same order each time.
        command.arg("--fair-sched=yes");
        command.arg(format!(
            "--callgrind-out-file={}",
            self.file(run, None).display()
        ));
        if let Some(function) = function {
            command.arg(format!("--toggle-collect={function}"));
            command.arg(format!("--dump-after={function}"));
        }
        command.arg(program);
        command
    }

    /// Returns what a run has counted in all.
    pub(crate) fn total(&self, run: &str) -> Result<u64, Error> {
        read(&self.file(run, None))
    }

    /// Returns what the `number`-th call of the function has counted, from one on.
    pub(crate) fn of_call(&self, run: &str, number: usize) -> Result<u64, Error> {
        read(&self.file(run, Some(number)))
    }

    fn file(&self, run: &str, number: Option<usize>) -> PathBuf {
        let number = number
            .map(|number| format!(".{number}"))
            .unwrap_or_default();
        self.folder.join(format!("{run}.callgrind{number}"))
    }
}

fn read(path: &Path) -> Result<u64, Error> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut lines = text.lines();
    let total = lines.find_map(|line| {
        line.strip_prefix("totals:")
            .or(line.strip_prefix("summary:"))
    });
    let total = total.ok_or_else(|| format!("{} has no sum", path.display()))?;
    Ok(total.trim_ascii().parse()?)
}
