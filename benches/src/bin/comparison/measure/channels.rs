use std::time::{Duration, Instant};

use super::{plain::median, quiet::quiet};
use crate::{
    Error,
    clients::{Control, Crowd, Guests, Kind, message},
    plan::Plan,
    report::{Report, Section, count},
    sides::{Proxy, Running, Side, Starter},
};

/// How many messages go to a hub before it is the turn of the other.
const SLICE: usize = 100;

/// The channel that is published to, which nobody is in but the one.
const ALONE: &str = "alone";

/// How long a message may be under way.
const PATIENCE: Duration = Duration::from_secs(5);

/// The name of a row.
pub(crate) const MEMORY: &str = "memory of a subscription beyond its connection, bytes";

/// The name of a row.
pub(crate) fn processor(channels: usize) -> String {
    format!(
        "publish to one subscriber, {}: processor time, µs",
        of(channels)
    )
}

fn of(channels: usize) -> String {
    let plural = if channels == 1 { "" } else { "s" };
    format!("{} channel{plural}", count(channels))
}

/// What it costs that there are many channels: a subscription to each of them, and a message to one.
pub(crate) async fn measure(
    starter: &Starter,
    plan: &Plan,
    report: &mut Report,
) -> Result<(), Error> {
    let section = Section::Channels;
    let each = (plan.sizes.channels / plan.streams).max(2);
    let mut few = Subscribed::start(starter, plan, None).await?;
    let mut many = Subscribed::start(starter, plan, Some(each)).await?;
    let beyond = (many.grown - few.grown) / (plan.streams * (each - 1)) as f64;
    report.add(section, MEMORY, Side::Hub, beyond);
    let held = count(plan.streams);
    report.add(
        section,
        format!("memory of a stream with {each} channels, {held} held, KiB"),
        Side::Hub,
        many.grown / plan.streams as f64 / 1024.0,
    );
    for _ in 0..plan.publishes.div_ceil(SLICE) {
        for (hub, channels) in [(&mut few, 1), (&mut many, plan.sizes.channels)] {
            let before = hub.hub.usage().processor;
            let mut times = Vec::with_capacity(SLICE);
            for _ in 0..SLICE {
                times.push(hub.one_message().await?);
            }
            let used = hub.hub.usage().processor.saturating_sub(before);
            let each = used.as_secs_f64() * 1e6 / SLICE as f64;
            report.add(section, processor(channels), Side::Hub, each);
            let p50 = median(&mut times).as_secs_f64() * 1e6;
            let row = format!("publish to one subscriber, {}: p50, µs", of(channels));
            report.add(section, row, Side::Hub, p50);
        }
    }
    Ok(())
}

/// A hub, those who are held there, and one of them.
struct Subscribed {
    hub: Running,
    control: Control,
    /// All others.
    _crowd: Crowd,
    listener: Crowd,
    /// By what its memory has grown, in bytes.
    grown: f64,
}

impl Subscribed {
    /// So many streams with so many channels of their own each, or all in one.
    async fn start(starter: &Starter, plan: &Plan, own: Option<usize>) -> Result<Self, Error> {
        let most = own.unwrap_or(1).to_string();
        let hub = starter.hub(Side::Hub, &["--max-channels", &most])?;
        drop(
            Guests::of(Kind::Stream, 200.min(plan.streams))
                .gather(&hub)
                .await?,
        );
        quiet(&hub, plan.settle).await;
        let before = hub.usage().resident as f64;
        let guests = Guests {
            own,
            ..Guests::of(Kind::Stream, plan.streams)
        };
        let crowd = guests.gather(&hub).await?;
        quiet(&hub, plan.settle).await;
        let grown = hub.usage().resident as f64 - before;
        let guests = Guests {
            channel: Some(ALONE),
            ..Guests::of(Kind::Stream, 1)
        };
        let listener = guests.gather(&hub).await?;
        Ok(Self {
            control: hub.control(),
            hub,
            _crowd: crowd,
            listener,
            grown,
        })
    }

    /// Publishes a message, and returns how long it took to the one who gets it.
    async fn one_message(&mut self) -> Result<Duration, Error> {
        let tally = &self.listener.tally;
        tally.expect(tally.received() + 1);
        let start = Instant::now();
        self.control.publish_to(ALONE, &[message()]).await?;
        let reached = tally.reached(PATIENCE).await;
        let reached = reached.ok_or("the one subscriber did not get a message")?;
        Ok(reached - start)
    }
}
