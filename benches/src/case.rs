use std::fmt;

use crate::Operation;

/// One operation, beside one that limits it, and what the first is to be.
#[derive(Debug)]
#[must_use]
pub struct Case {
    /// What it is.
    pub name: &'static str,
    /// How many things it does, such as reading so many events. Times are those of one of them,
    /// allocations those of all.
    pub things: u32,
    /// Ours.
    pub ours: Operation,
    /// What it is compared with.
    pub limit: Option<Limit>,
    /// The time that is wanted.
    pub target: Target,
    /// How many allocations are wanted at most; above those of the limit, where the target is a
    /// difference too.
    pub allocations: Option<i64>,
}

/// What a case is compared with.
#[derive(Debug)]
pub struct Limit {
    /// What it is.
    pub name: &'static str,
    /// How it is done.
    pub operation: Operation,
}

impl Case {
    /// A case without a target yet.
    pub fn new(name: &'static str, ours: Operation) -> Self {
        Self {
            name,
            things: 1,
            ours,
            limit: None,
            target: Target::None,
            allocations: None,
        }
    }

    /// Sets how many things it does.
    pub fn of(mut self, things: u32) -> Self {
        self.things = things;
        self
    }

    /// Sets what it is compared with.
    pub fn beside(mut self, name: &'static str, operation: Operation) -> Self {
        self.limit = Some(Limit { name, operation });
        self
    }

    /// Sets the time that is wanted.
    pub fn target(mut self, target: Target) -> Self {
        self.target = target;
        self
    }

    /// Sets how many allocations are wanted at most.
    pub fn allocations(mut self, count: i64) -> Self {
        self.allocations = Some(count);
        self
    }
}

/// A time that is wanted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Target {
    /// None in particular: the figure is for the reader.
    None,
    /// At most so many nanoseconds.
    Within(f64),
    /// At most so many times the time of the limit.
    Ratio(f64),
    /// The limit is to take at least so many times as long.
    Faster(f64),
    /// At most so many nanoseconds more than the limit.
    Above(f64),
}

impl Target {
    /// Whether ours does what the limit does and something more.
    #[must_use]
    pub fn is_difference(self) -> bool {
        matches!(self, Self::Above(_))
    }

    /// Whether these medians reach it: the time, its ratio to that of the limit, and how much more
    /// it is.
    #[must_use]
    pub fn is_met(self, time: f64, ratio: f64, above: f64) -> bool {
        match self {
            Self::None => true,
            Self::Within(target) => time <= target,
            Self::Ratio(target) => ratio <= target,
            Self::Faster(target) => ratio * target <= 1.0,
            Self::Above(target) => above <= target,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => Ok(()),
            Self::Within(target) => write!(f, "<= {target} ns"),
            Self::Ratio(target) => write!(f, "<= {target} x"),
            Self::Faster(target) => write!(f, "{target} x faster"),
            Self::Above(target) => write!(f, "<= +{target} ns"),
        }
    }
}
