use std::{fs, num::NonZero, thread, time::SystemTime};

use serde::Serialize;

use crate::sides::first_line;

/// Where and when it was measured.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    /// When it began, in UTC.
    pub(super) date: String,
    pub(super) processor: String,
    pub(super) cores: usize,
    pub(super) memory_mib: u64,
    pub(super) system: String,
    pub(super) kernel: String,
    /// Of one minute, before anything was started.
    pub(super) load: String,
    /// Of gripware, where it is a checkout.
    pub(super) commit: Option<String>,
    pub(super) rust: Option<String>,
    /// The arguments of the command.
    pub(super) arguments: String,
    /// How long it took. Unknown until the end.
    pub(super) minutes: Option<f64>,
    pub(super) rounds: Option<usize>,
}

impl Machine {
    /// This one, now.
    pub(crate) fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let date = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
        let memory = field(&read("/proc/meminfo"), "MemTotal:", "");
        let memory = memory
            .strip_suffix(" kB")
            .and_then(|it| it.parse::<u64>().ok());
        let load = read("/proc/loadavg");
        Self {
            date,
            processor: field(&read("/proc/cpuinfo"), "model name", ": "),
            cores: thread::available_parallelism().map_or(1, NonZero::get),
            memory_mib: memory.unwrap_or_default() / 1024,
            system: field(&read("/etc/os-release"), "PRETTY_NAME=", "").replace('"', ""),
            kernel: read("/proc/sys/kernel/osrelease").trim_ascii().to_owned(),
            load: load.split(' ').next().unwrap_or_default().to_owned(),
            commit: first_line("git", &["describe", "--always", "--dirty"]),
            rust: first_line("rustc", &["--version"]),
            arguments: std::env::args().skip(1).collect::<Vec<_>>().join(" "),
            minutes: None,
            rounds: None,
        }
    }

    /// Says how long it took, and how many rounds of it there were.
    pub(crate) fn took(&mut self, minutes: f64, rounds: usize) {
        self.rounds = Some(rounds);
        self.minutes = Some((minutes * 10.0).round() / 10.0);
    }

    /// A sentence about it.
    pub(crate) fn sentence(&self) -> String {
        let Self {
            date,
            processor,
            cores,
            memory_mib,
            system,
            kernel,
            load,
            ..
        } = self;
        let commit = self.commit.as_deref().unwrap_or("unknown");
        let rust = self.rust.as_deref().unwrap_or("Rust of unknown version");
        let rounds = self.rounds.unwrap_or_default();
        let plural = if rounds == 1 { "" } else { "s" };
        let minutes = self.minutes.unwrap_or_default();
        format!(
            "{cores} cores of {processor}, {memory_mib} MiB of memory, {system}, Linux {kernel}, \
             {rust}, {date}, commit {commit}; load {load} before it began; it took {minutes} minutes, with {rounds} round{plural}."
        )
    }
}

/// What stands in a line behind this name, and behind this mark after it.
fn field(text: &str, name: &str, mark: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let value = line.unwrap_or("unknown");
    let value = value.split_once(mark).map_or(value, |(_, value)| value);
    value.trim_ascii().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_from_the_files_of_linux() {
        assert_eq!(
            field("a: 1\nmodel name\t: AMD EPYC\n", "model name", ": "),
            "AMD EPYC"
        );
        assert_eq!(
            field("MemTotal:       24105 kB\n", "MemTotal:", ""),
            "24105 kB"
        );
        assert_eq!(field("", "MemTotal:", ""), "unknown");
    }

    #[test]
    fn the_sentence_says_when_where_and_how_long() {
        let mut machine = Machine::here();
        machine.took(21.234, 3);
        let sentence = machine.sentence();
        assert!(
            sentence.contains("it took 21.2 minutes, with 3 rounds."),
            "{sentence}"
        );
        assert!(machine.date.ends_with('Z') && sentence.contains(&machine.date));
        assert!(machine.cores > 0 && machine.memory_mib > 0);
    }
}
