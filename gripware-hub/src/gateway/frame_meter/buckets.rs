//! Token buckets: how many frames of each kind may come, and what gives more of them.

use std::time::Duration;

/// A kind of frame that is limited.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::gateway) enum Flood {
    #[error("a flood of SETTINGS")]
    Settings,
    #[error("a flood of PING")]
    Ping,
    #[error("a flood of WINDOW_UPDATE")]
    WindowUpdate,
    #[error("a flood of RST_STREAM (rapid reset)")]
    Reset,
    #[error("a flood of empty DATA")]
    EmptyData,
    #[error("a flood of CONTINUATION")]
    Continuation,
    /// PRIORITY, and frames of no meaning here: both are ignored.
    #[error("a flood of PRIORITY or of unknown frames")]
    Ignored,
}

/// A bucket for each kind of frame that is limited.
#[derive(Debug)]
pub(super) struct Buckets([Bucket; 7]);

impl Buckets {
    /// `streams` is how many the client may have open.
    pub(super) fn new(streams: u32) -> Self {
        Self(Allowance::ALL.map(|mut allowance| {
            if allowance.flood == Flood::Reset {
                allowance.burst += 2 * u64::from(streams);
            }
            Bucket {
                allowance,
                tokens: allowance.burst * Bucket::TOKEN,
            }
        }))
    }

    /// Adds what this time gives.
    pub(super) fn fill(&mut self, elapsed: Duration) {
        self.0.iter_mut().for_each(|it| it.fill(elapsed));
    }

    /// Adds what a request gives.
    pub(super) fn credit_request(&mut self) {
        self.credit(|allowance| allowance.per_request);
    }

    /// Adds what the head of an answer gives.
    pub(super) fn credit_answer(&mut self) {
        self.credit(|allowance| allowance.per_answer);
    }

    /// Adds what a piece of data of an answer gives.
    pub(super) fn credit_data(&mut self) {
        self.credit(|allowance| allowance.per_data);
    }

    /// Takes the token of a frame.
    ///
    /// # Errors
    /// If there is none left for its kind.
    pub(super) fn take(&mut self, flood: Flood) -> Result<(), Flood> {
        let bucket = self.0.iter_mut().find(|it| it.allowance.flood == flood);
        bucket.map_or(Ok(()), Bucket::take)
    }

    fn credit(&mut self, count: impl Fn(&Allowance) -> u64) {
        for bucket in &mut self.0 {
            bucket.credit(count(&bucket.allowance));
        }
    }
}

/// How many frames of a kind may come: so many at once, and then more with time, with each request,
/// and with each head and each piece of data that the hub answers with.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    flood: Flood,
    burst: u64,
    per_second: u64,
    per_request: u64,
    per_answer: u64,
    per_data: u64,
}

impl Allowance {
    /// A tenfold and more of what browsers, curl, gRPC and load balancers were seen to send. The
    /// burst of resets is added to: whoever leaves a page resets all its streams.
    const ALL: [Self; 7] = {
        use Flood::{Continuation, EmptyData, Ignored, Ping, Reset, Settings, WindowUpdate};
        [
            Self::of(Settings, 50, 5, [0, 0, 0]),
            // gRPC measures the line with a ping for each round trip while data comes.
            Self::of(Ping, 200, 20, [0, 1, 1]),
            // One for the stream and one for the connection, for each piece of data, and for each
            // request where the client enlarges windows.
            Self::of(WindowUpdate, 400, 100, [4, 0, 4]),
            // What was answered may be left. Through a proxy all its clients share a connection.
            Self::of(Reset, 100, 30, [0, 1, 0]),
            Self::of(EmptyData, 100, 10, [1, 0, 0]),
            // A head of 64 KiB has three of them.
            Self::of(Continuation, 64, 10, [8, 0, 0]),
            Self::of(Ignored, 200, 20, [4, 0, 0]),
        ]
    };

    const fn of(flood: Flood, burst: u64, per_second: u64, credit: [u64; 3]) -> Self {
        let [per_request, per_answer, per_data] = credit;
        Self {
            flood,
            burst,
            per_second,
            per_request,
            per_answer,
            per_data,
        }
    }
}

#[derive(Debug)]
struct Bucket {
    allowance: Allowance,
    /// In thousandths, since time is counted in milliseconds.
    tokens: u64,
}

impl Bucket {
    const TOKEN: u64 = 1000;
    /// Bound of what may be saved up by requests and answers: as many updates as a window of 1 MiB
    /// may be taken in, by pieces of 16 bytes.
    const MOST: u64 = 65_536 * Self::TOKEN;

    fn fill(&mut self, elapsed: Duration) {
        let burst = self.allowance.burst * Self::TOKEN;
        if self.tokens < burst {
            let millis = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
            let more = millis.saturating_mul(self.allowance.per_second);
            self.tokens = self.tokens.saturating_add(more).min(burst);
        }
    }

    fn credit(&mut self, count: u64) {
        self.tokens = self.tokens.saturating_add(count * Self::TOKEN);
        self.tokens = self
            .tokens
            .min(Self::MOST.max(self.allowance.burst * Self::TOKEN));
    }

    fn take(&mut self) -> Result<(), Flood> {
        self.tokens = self
            .tokens
            .checked_sub(Self::TOKEN)
            .ok_or(self.allowance.flood)?;
        Ok(())
    }
}
