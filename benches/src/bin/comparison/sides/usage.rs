use std::{
    collections::HashMap,
    fs,
    ops::AddAssign,
    process::Child,
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process};

/// How long those may take that are asked to end.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a proxy's processes have used: processor time since they began, and resident memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    pub(crate) processor: Duration,
    pub(crate) resident: u64,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.processor += other.processor;
        self.resident += other.resident;
    }
}

impl Usage {
    /// Of these processes and all that they started.
    pub(crate) fn of(roots: &[u32]) -> Self {
        let mut usage = Self::default();
        for id in family(roots) {
            usage.processor += processor(id).unwrap_or_default();
            usage.resident += resident(id).unwrap_or_default();
        }
        usage
    }
}

/// These processes and all their descendants.
fn family(roots: &[u32]) -> Vec<u32> {
    let parents: HashMap<u32, u32> = processes()
        .filter_map(|id| Some((id, parent(id)?)))
        .collect();
    let belongs = |mut id: u32| loop {
        if roots.contains(&id) {
            return true;
        }
        match parents.get(&id) {
            Some(&parent) if parent > 1 => id = parent,
            _ => return false,
        }
    };
    parents.keys().copied().filter(|id| belongs(*id)).collect()
}

/// Asks programs that have children to end, and kills what has not ended after a while.
pub(super) fn end(programs: &mut [Child]) {
    let ids: Vec<u32> = programs.iter().map(Child::id).collect();
    let family = family(&ids);
    send(&ids, Signal::TERM);
    let start = Instant::now();
    for program in &mut *programs {
        while matches!(program.try_wait(), Ok(None)) && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_millis(10));
        }
    }
    // Who has not ended by now has a child that hangs.
    let hangs = |program: &mut Child| matches!(program.try_wait(), Ok(None));
    if programs.iter_mut().any(hangs) {
        send(&family, Signal::KILL);
        for program in programs {
            let _ = program.wait();
        }
    }
}

fn send(ids: &[u32], signal: Signal) {
    for id in ids {
        if let Some(id) = i32::try_from(*id).ok().and_then(Pid::from_raw) {
            let _ = kill_process(id, signal);
        }
    }
}

fn processes() -> impl Iterator<Item = u32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn parent(id: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before it may have spaces and parentheses.
    let (_, rest) = stat.rsplit_once(") ")?;
    rest.split(' ').nth(1)?.parse().ok()
}

/// In nanoseconds from the scheduler: the times in `stat` have ticks of 10 ms.
fn processor(id: u32) -> Option<Duration> {
    let threads = fs::read_dir(format!("/proc/{id}/task")).ok()?;
    let nanoseconds = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<u64>().ok()
    });
    Some(Duration::from_nanos(nanoseconds.sum()))
}

fn resident(id: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim_ascii().strip_suffix(" kB")?.parse().ok()?;
    Some(kibibytes * 1024)
}
