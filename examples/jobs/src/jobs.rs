//! The jobs and their state. Stands for a queue or a database.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

/// The most jobs that are kept; the oldest go first.
const MAX_JOBS: usize = 1000;

/// A job as it is at one moment.
#[derive(Clone, Serialize)]
pub(crate) struct Job {
    pub(crate) name: String,
    /// Grows with every change.
    #[serde(skip)]
    pub(crate) version: u64,
    done: u32,
    steps: u32,
}

/// All jobs, by the numbers that their names are made of.
pub(crate) struct Jobs(Mutex<Inner>);

struct Inner {
    /// Counts on from the time of the start: after a restart no name comes again.
    next: u64,
    jobs: BTreeMap<u64, Job>,
}

impl Job {
    pub(crate) fn is_done(&self) -> bool {
        self.done == self.steps
    }
}

impl Jobs {
    /// Adds a job, and returns its name.
    pub(crate) fn add(&self, steps: u32) -> String {
        let mut inner = self.inner();
        let number = inner.next;
        inner.next += 1;
        let name = number.to_string();
        let job = Job {
            name: name.clone(),
            version: 1,
            done: 0,
            steps,
        };
        inner.jobs.insert(number, job);
        if inner.jobs.len() > MAX_JOBS {
            inner.jobs.pop_first();
        }
        name
    }

    /// Returns a job as it is.
    pub(crate) fn get(&self, name: &str) -> Option<Job> {
        let number: u64 = name.parse().ok()?;
        self.inner().jobs.get(&number).cloned()
    }

    /// Does one step of a job, and returns how it is then.
    pub(crate) fn advance(&self, name: &str) -> Option<Job> {
        let number: u64 = name.parse().ok()?;
        let mut inner = self.inner();
        let job = inner.jobs.get_mut(&number)?;
        if !job.is_done() {
            job.done += 1;
            job.version += 1;
        }
        Some(job.clone())
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Jobs {
    fn default() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
        let millis = since_1970.unwrap_or_default().as_millis();
        Self(Mutex::new(Inner {
            next: u64::try_from(millis).unwrap_or_default(),
            jobs: BTreeMap::new(),
        }))
    }
}
