use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::{
    Error,
    control::Control,
    crowd::{Crowd, Kind},
    lag::message,
    report::Report,
};

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
}

/// Publishes as fast as the clients receive, with more and more items under way, as long as none
/// is lost and none is late, and reports the fastest.
pub(crate) async fn measure(
    name: &'static str,
    control: &mut Control,
    crowd: &Crowd,
    receivers: u64,
    time: Duration,
    kind: Kind,
    report: &mut Report,
) -> Result<(), Error> {
    let size = crowd.size();
    let mut best: Option<Figures> = None;
    for window in WINDOWS {
        let figures = run(control, crowd, receivers, time, window).await?;
        eprintln!(
            "  {kind}s, {window} under way: {:.0} deliveries/s, {} lost, p99 {:.0} ms",
            figures.rate,
            figures.lost,
            figures.p99.as_secs_f64() * 1e3
        );
        if figures.lost > 0 {
            report.note(format!(
                "{name}: with {window} items under way to {size} {kind}s, {} deliveries were lost",
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
    if let Some(best) = best {
        let row = format!("sustained, {size} {kind}s");
        report.add(format!("{row}: deliveries per second"), name, best.rate);
        report.add(format!("{row}: lost"), name, best.lost as f64);
        report.add(
            format!("{row}: p99, ms"),
            name,
            best.p99.as_secs_f64() * 1e3,
        );
    }
    Ok(())
}

async fn run(
    control: &mut Control,
    crowd: &Crowd,
    size: u64,
    time: Duration,
    window: u64,
) -> Result<Figures, Error> {
    let before = crowd.tally.received();
    let received = || crowd.tally.received() - before;
    let _ = crowd.lag.p99();
    let start = Instant::now();
    let mut sent = 0;
    let mut moved = (0, start);
    while start.elapsed() < time {
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
        let messages: Vec<String> = (0..batch).map(|_| message()).collect();
        control.publish(&messages).await?;
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
    Ok(Figures {
        rate: last as f64 / (end - start).as_secs_f64(),
        lost: (sent * size).saturating_sub(last),
        p99: crowd.lag.p99(),
    })
}
