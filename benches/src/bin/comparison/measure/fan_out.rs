use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::{
    Error,
    clients::{Control, Crowd, Kind},
    report::{Report, Section, count},
    sides::Proxy,
};

const PATIENCE: Duration = Duration::from_secs(10);

/// Between two messages, so that the processor time of one is not counted for the next.
const PAUSE: Duration = Duration::from_millis(100);

/// The name of a row.
pub(crate) fn last_receipt(size: usize, kind: Kind) -> String {
    format!("{}: last receipt, ms", kind.many(size))
}

/// The name of a row.
pub(crate) fn processor_each(size: usize, kind: Kind) -> String {
    format!("{}: processor time each, µs", kind.many(size))
}

/// One message to all, several times.
pub(super) struct FanOut {
    pub(super) section: Section,
    /// Before the names of rows.
    pub(super) prefix: &'static str,
    pub(super) kind: Kind,
    pub(super) times: usize,
    pub(super) message: fn() -> String,
    /// Whether bytes are of interest.
    pub(super) bytes: bool,
}

impl FanOut {
    /// Measures it, and returns how many are left who receive it.
    ///
    /// # Errors
    /// Where nothing can be published, or nobody gets it.
    pub(super) async fn measure(
        &self,
        proxy: &dyn Proxy,
        control: &mut Control,
        crowd: &Crowd,
        report: &mut Report,
    ) -> Result<u64, Error> {
        let (side, size, kind) = (proxy.side(), crowd.asked(), self.kind);
        let mut receivers = crowd.size() as u64;
        let mut measured = 0;
        // A message more for each that was waited for in vain.
        for _ in 0..self.times + 2 {
            if measured == self.times {
                break;
            }
            sleep(PAUSE).await;
            let before = proxy.usage().processor;
            let (received, bytes) = (crowd.tally.received(), crowd.tally.bytes());
            crowd.tally.expect(received + receivers);
            let start = Instant::now();
            control.publish(kind, &[(self.message)()]).await?;
            let reached = crowd.tally.reached(PATIENCE).await;
            sleep(PAUSE).await;
            let used = proxy.usage().processor.saturating_sub(before);
            if reached.is_none() {
                // Who was cut does not come back.
                receivers = crowd.tally.received() - received;
                report.note(format!(
                    "{}: one message to {} reached {}.",
                    side.title(),
                    kind.many(size),
                    count(usize::try_from(receivers)?),
                ));
                if receivers == 0 {
                    return Err("a message has reached nobody".into());
                }
                // A response hold has its one message only.
                if kind != Kind::Response {
                    continue;
                }
            }
            let reached = reached.unwrap_or_else(|| crowd.tally.last());
            measured += 1;
            let mut add = |row: String, figure| {
                report.add(self.section, format!("{}{row}", self.prefix), side, figure);
            };
            add(
                last_receipt(size, kind),
                (reached - start).as_secs_f64() * 1e3,
            );
            add(
                processor_each(size, kind),
                used.as_secs_f64() * 1e6 / receivers as f64,
            );
            if self.bytes {
                let bytes = (crowd.tally.bytes() - bytes) as f64 / receivers as f64;
                add(format!("{}: bytes of a delivery", kind.many(size)), bytes);
            }
        }
        Ok(receivers)
    }
}
