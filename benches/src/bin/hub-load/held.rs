use std::time::Duration;

use tokio::time::sleep;

use crate::{
    Error, Options,
    control::Control,
    crowd::{Crowd, Kind},
    fan_out,
    lag::message,
    origin::Origin,
    proxy::Proxy,
    report::Report,
    sustained,
};

/// How many connections come and go before anything is measured.
const WARM: usize = 200;

/// How long a proxy is left alone before its memory is read.
const SETTLE: Duration = Duration::from_secs(2);

/// What clients of one kind cost: to hold them, to keep them, to send them one message, and many.
pub(crate) async fn measure(
    proxy: &dyn Proxy,
    origin: &Origin,
    kind: Kind,
    options: &Options,
    report: &mut Report,
) -> Result<(), Error> {
    let name = proxy.name();
    let mut control = Control::new(proxy.control());
    drop(Crowd::gather(kind, proxy.client(), WARM, origin).await?);
    sleep(SETTLE).await;

    let before = proxy.usage();
    let mut crowd = Crowd::gather(kind, proxy.client(), options.many, origin).await?;
    report.add(format!("{kind}s held per second"), name, crowd.rate);
    sleep(SETTLE).await;
    let after = proxy.usage();
    let growth = after.resident.saturating_sub(before.resident) as f64;
    let each = growth / crowd.size() as f64 / 1024.0;
    report.add(format!("resident memory per {kind}, KiB"), name, each);

    if kind == Kind::Response {
        // The one message answers them all.
        fan_out::measure(proxy, &mut control, &crowd, 1, kind, report).await?;
        return Ok(());
    }
    fan_out::measure(proxy, &mut control, &crowd, 10, kind, report).await?;
    crowd.shrink(options.few);
    sleep(SETTLE).await;
    let receivers = fan_out::measure(proxy, &mut control, &crowd, 10, kind, report).await?;
    let time = Duration::from_secs_f64(options.seconds);
    sustained::measure(name, &mut control, &crowd, receivers, time, kind, report).await?;
    if crowd.tally.are_gone() > 0 {
        eprintln!("{name}: {} {kind}s ended", crowd.tally.are_gone());
    }
    Ok(())
}

/// One message to as many, written by the bare loop.
pub(crate) async fn measure_bare(
    bare: &dyn Proxy,
    origin: &Origin,
    options: &Options,
    report: &mut Report,
) -> Result<(), Error> {
    let kind = Kind::Stream;
    let mut control = Control::new(bare.control());
    let mut crowd = Crowd::gather(kind, bare.client(), options.many, origin).await?;
    fan_out::measure(bare, &mut control, &crowd, 10, kind, report).await?;
    crowd.shrink(options.few);
    sleep(SETTLE).await;
    // Closed connections are found by writing to them.
    control.publish(&[message()]).await?;
    control.publish(&[message()]).await?;
    sleep(SETTLE).await;
    fan_out::measure(bare, &mut control, &crowd, 10, kind, report).await?;
    Ok(())
}
