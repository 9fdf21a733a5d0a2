use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::{
    Error,
    control::Control,
    crowd::{Crowd, Kind},
    lag::message,
    proxy::Proxy,
    report::Report,
};

const PATIENCE: Duration = Duration::from_secs(5);

/// Between two messages, so that the processor time of one is not counted for the next.
const PAUSE: Duration = Duration::from_millis(100);

/// One message to all, several times. Returns how many are left who receive it.
pub(crate) async fn measure(
    proxy: &dyn Proxy,
    control: &mut Control,
    crowd: &Crowd,
    times: usize,
    kind: Kind,
    report: &mut Report,
) -> Result<u64, Error> {
    let size = crowd.size();
    let mut receivers = size as u64;
    for _ in 0..times {
        sleep(PAUSE).await;
        let before = proxy.usage().processor;
        let received = crowd.tally.received();
        crowd.tally.expect(received + receivers);
        let start = Instant::now();
        control.publish(&[message()]).await?;
        let reached = crowd.tally.reached(PATIENCE).await;
        sleep(PAUSE).await;
        let used = proxy.usage().processor.saturating_sub(before);
        let Some(reached) = reached else {
            // Who was cut does not come back.
            receivers = crowd.tally.received() - received;
            report.note(format!(
                "{}: one message to {size} {kind}s reached {receivers}",
                proxy.name(),
            ));
            continue;
        };
        report.add(
            format!("one message to {size} {kind}s: last receipt, ms"),
            proxy.name(),
            (reached - start).as_secs_f64() * 1e3,
        );
        report.add(
            format!("one message to {size} {kind}s: processor time each, µs"),
            proxy.name(),
            used.as_secs_f64() * 1e6 / receivers as f64,
        );
    }
    Ok(receivers)
}
