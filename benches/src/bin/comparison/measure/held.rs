use std::time::Duration;

use super::{fan_out::FanOut, quiet::quiet, sustained::Sustained};
use crate::{
    Error,
    clients::{Control, Crowd, Guests, Kind, message},
    plan::Plan,
    report::{Report, Section, count},
    sides::{Proxy, Side, Starter},
};

/// How many connections come and go before anything is measured.
const WARM: usize = 200;

/// The name of a row.
pub(crate) fn rate(kind: Kind) -> String {
    format!("{kind}s held per second")
}

/// The name of a row.
pub(crate) fn memory(kind: Kind, size: usize) -> String {
    format!("resident memory per {kind}, {} held, KiB", count(size))
}

/// What clients of one kind cost: to hold them, to keep them, to send them one message, and many.
pub(crate) async fn measure(
    starter: &Starter,
    side: Side,
    kind: Kind,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let proxy = starter.start(side).await?;
    let proxy = &*proxy;
    let mut crowd = gather(proxy, kind, plan.sizes.many, Section::Held, plan, report).await?;
    let mut control = proxy.control();
    let fan_out = |times| FanOut {
        section: Section::OneMessage,
        prefix: "",
        kind,
        times,
        message,
        bytes: false,
    };
    if kind == Kind::Response {
        // The one message answers them all.
        fan_out(1)
            .measure(proxy, &mut control, &crowd, report)
            .await?;
        return Ok(());
    }
    let times = plan.messages;
    fan_out(times)
        .measure(proxy, &mut control, &crowd, report)
        .await?;
    shrink(
        proxy,
        &mut control,
        kind,
        &mut crowd,
        plan.sizes.few,
        plan.settle,
    )
    .await?;
    let receivers = fan_out(times)
        .measure(proxy, &mut control, &crowd, report)
        .await?;
    if side != Side::Bare {
        let sustained = Sustained {
            section: Section::Sustained,
            prefix: "",
            kind,
            time: plan.rate,
            message,
            bytes: false,
        };
        sustained
            .measure(proxy, &mut control, &crowd, receivers, report)
            .await?;
    }
    if crowd.tally.are_gone() > 0 {
        let gone = kind.many(crowd.tally.are_gone());
        report.note(format!("{}: {gone} ended by themselves.", side.title()));
    }
    Ok(())
}

/// Has this many clients held, and says how fast that went and what memory they take.
///
/// # Errors
/// Where a tenth of them is not held, or ended again.
pub(super) async fn gather(
    proxy: &dyn Proxy,
    kind: Kind,
    size: usize,
    section: Section,
    plan: &Plan,
    report: &mut Report,
) -> Result<Crowd, Error> {
    drop(Guests::of(kind, WARM.min(size)).gather(proxy).await?);
    quiet(proxy, plan.settle).await;
    let before = proxy.usage();
    let crowd = Guests::of(kind, size).gather(proxy).await?;
    quiet(proxy, plan.settle).await;
    let gone = crowd.tally.are_gone();
    if gone > size / 10 {
        let (gone, asked) = (count(gone), kind.many(size));
        return Err(format!("{gone} of {asked} were ended by it").into());
    }
    // The loop takes one client after the other.
    if proxy.side() != Side::Bare {
        report.add(section, rate(kind), proxy.side(), crowd.rate);
    }
    let growth = proxy.usage().resident as f64 - before.resident as f64;
    let each = growth / crowd.size() as f64 / 1024.0;
    report.add(section, memory(kind, size), proxy.side(), each);
    Ok(crowd)
}

/// Lets clients go until so many are left.
pub(super) async fn shrink(
    proxy: &dyn Proxy,
    control: &mut Control,
    kind: Kind,
    crowd: &mut Crowd,
    size: usize,
    settle: Duration,
) -> Result<(), Error> {
    crowd.shrink(size);
    if proxy.side() == Side::Bare {
        // It finds closed connections by writing to them.
        for _ in 0..2 {
            control.publish(kind, &[message()]).await?;
        }
    }
    quiet(proxy, settle).await;
    Ok(())
}
