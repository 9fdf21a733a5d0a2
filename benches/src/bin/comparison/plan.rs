use std::time::Duration;

use crate::{measure::SliceTimes, report::Sizes};

/// How much is measured, and for how long.
#[derive(Clone, Debug)]
pub(crate) struct Plan {
    /// How often each is measured, by turns.
    pub(crate) rounds: usize,
    pub(crate) sizes: Sizes,
    /// How many streams have the channels between them.
    pub(crate) streams: usize,
    /// How many messages go to one subscriber, where those are counted.
    pub(crate) publishes: usize,
    /// How many messages are sent to a crowd, one after the other.
    pub(crate) messages: usize,
    /// How long a sustained rate is measured.
    pub(crate) rate: Duration,
    /// How plain requests and echoes take turns.
    pub(crate) slices: SliceTimes,
    /// How long a side is left alone at least before its memory is read.
    pub(crate) settle: Duration,
}

impl Plan {
    /// Some 25 minutes.
    pub(crate) fn full() -> Self {
        Self {
            rounds: 3,
            sizes: Sizes {
                many: 5_000,
                few: 1_000,
                sweep: vec![18_000, 10_000, 5_000, 2_000, 1_000],
                channels: 1_000_000,
            },
            streams: 5_000,
            publishes: 2_000,
            messages: 10,
            rate: Duration::from_secs(1),
            slices: SliceTimes {
                times: 4,
                each: Duration::from_millis(500),
            },
            settle: Duration::from_secs(2),
        }
    }

    /// Some two minutes: one round, and fewer of everything.
    pub(crate) fn quick() -> Self {
        Self {
            rounds: 1,
            sizes: Sizes {
                many: 1_000,
                few: 200,
                sweep: vec![1_000, 500, 200],
                channels: 100_000,
            },
            streams: 500,
            publishes: 500,
            messages: 4,
            rate: Duration::from_millis(250),
            slices: SliceTimes {
                times: 2,
                each: Duration::from_millis(250),
            },
            settle: Duration::from_millis(500),
        }
    }
}
