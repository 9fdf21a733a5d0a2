use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::{
    Error,
    clients::{Control, Crowd, Kind},
    report::{Report, Section},
    sides::Proxy,
};

/// The name of a row.
pub(crate) fn rate(size: usize, kind: Kind) -> String {
    format!("{}: deliveries per second", kind.many(size))
}

/// How many items are under way at once, from few to many.
const WINDOWS: [u64; 7] = [4, 16, 64, 256, 1_024, 4_096, 16_384];

/// Items in one request at most.
const BATCH: u64 = 256;

/// A figure counts where 99 of 100 messages arrive within this.
const LAG: Duration = Duration::from_millis(500);

/// How long what is under way at the end may take.
const PATIENCE: Duration = Duration::from_secs(5);

struct Figures {
    /// Deliveries per second.
    rate: f64,
    lost: u64,
    p99: Duration,
    /// Of each delivery, in nanoseconds.
    processor: f64,
    /// Of each delivery.
    bytes: f64,
}

/// Messages as fast as clients receive them.
pub(super) struct Sustained {
    pub(super) section: Section,
    /// Before the names of rows.
    pub(super) prefix: &'static str,
    pub(super) kind: Kind,
    /// How long each rate is measured.
    pub(super) time: Duration,
    pub(super) message: fn() -> String,
    /// Whether bytes are of interest.
    pub(super) bytes: bool,
}

impl Sustained {
    /// Publishes as fast as the clients receive, with more and more items under way, as long as
    /// none is lost and none is late, and reports the fastest.
    pub(super) async fn measure(
        &self,
        proxy: &dyn Proxy,
        control: &mut Control,
        crowd: &Crowd,
        receivers: u64,
        report: &mut Report,
    ) -> Result<(), Error> {
        let (side, size, kind) = (proxy.side(), crowd.asked(), self.kind);
        let mut best: Option<Figures> = None;
        for window in WINDOWS {
            let figures = self.run(proxy, control, crowd, receivers, window).await?;
            eprintln!(
                "  {kind}s, {window} under way: {:.0} deliveries/s, {} lost, p99 {:.0} ms",
                figures.rate,
                figures.lost,
                figures.p99.as_secs_f64() * 1e3
            );
            if figures.lost > 0 {
                report.note(format!(
                    "{}: with {window} items under way to {}, {} deliveries were lost.",
                    side.title(),
                    kind.many(size),
                    figures.lost
                ));
            }
            if figures.lost > 0 || figures.p99 > LAG {
                // The first one stands where nothing better does.
                best = best.or(Some(figures));
                break;
            }
            if best.as_ref().is_none_or(|best| figures.rate > best.rate) {
                best = Some(figures);
            }
        }
        let Some(best) = best else {
            return Ok(());
        };
        let mut add = |row: String, figure| {
            report.add(self.section, format!("{}{row}", self.prefix), side, figure);
        };
        let of = kind.many(size);
        add(rate(size, kind), best.rate);
        add(format!("{of}: lost"), best.lost as f64);
        add(
            format!("{of}: processor time of a sustained delivery, ns"),
            best.processor,
        );
        if self.bytes {
            add(format!("{of}: bytes of a sustained delivery"), best.bytes);
        }
        // Compressed messages are not looked into.
        if best.p99 > Duration::ZERO {
            add(format!("{of}: p99, ms"), best.p99.as_secs_f64() * 1e3);
        }
        Ok(())
    }

    async fn run(
        &self,
        proxy: &dyn Proxy,
        control: &mut Control,
        crowd: &Crowd,
        size: u64,
        window: u64,
    ) -> Result<Figures, Error> {
        let before = crowd.tally.received();
        let (used, bytes) = (proxy.usage().processor, crowd.tally.bytes());
        let received = || crowd.tally.received() - before;
        let _ = crowd.lag.p99();
        let start = Instant::now();
        let mut sent = 0;
        let mut moved = (0, start);
        while start.elapsed() < self.time {
            let room = (received() / size + window).saturating_sub(sent);
            let batch = room.min(window.div_ceil(4)).min(BATCH);
            if batch < window.div_ceil(4).min(BATCH) {
                if received() != moved.0 {
                    moved = (received(), Instant::now());
                } else if moved.1.elapsed() > PATIENCE {
                    break;
                }
                sleep(Duration::from_millis(1)).await;
                continue;
            }
            let messages: Vec<String> = (0..batch).map(|_| (self.message)()).collect();
            control.publish(self.kind, &messages).await?;
            sent += batch;
        }
        let mut end = Instant::now();
        let mut last = received();
        while last < sent * size && end.elapsed() < PATIENCE {
            sleep(Duration::from_millis(1)).await;
            if received() != last {
                (last, end) = (received(), Instant::now());
            }
        }
        let used = proxy.usage().processor.saturating_sub(used);
        let each = |sum: f64| sum / last.max(1) as f64;
        Ok(Figures {
            rate: last as f64 / (end - start).as_secs_f64(),
            lost: (sent * size).saturating_sub(last),
            p99: crowd.lag.p99(),
            processor: each(used.as_secs_f64() * 1e9),
            bytes: each((crowd.tally.bytes() - bytes) as f64),
        })
    }
}
