use std::{
    fmt, fs,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::{
    sync::{Semaphore, watch},
    task::JoinSet,
    time::{Instant, MissedTickBehavior, interval, sleep},
};

use crate::{
    Error,
    clients::{Control, Kind, Seen, Visitor, numbered},
    sides::{Proxy, Running, Side, Starter},
};

/// How many channels the clients are spread over, and how long between two items: each channel has
/// one every 4 s.
const CHANNELS: usize = 100;
const PAUSE: Duration = Duration::from_millis(40);

/// How many clients arrive at once.
const AT_ONCE: usize = 64;

/// A crowd of the same kind comes and goes before, for what the hub allocates once.
const WARM: Duration = Duration::from_secs(45);

/// How long the hub has to let go of everything. Idle connections to the origin are kept for a
/// while.
const SETTLE: Duration = Duration::from_secs(120);

/// How often the figures are printed.
const EVERY: Duration = Duration::from_secs(10);

/// What memory may differ by, beside a tenth: what an allocator keeps is not the same each time.
const SLACK: u64 = 8 << 20;

/// Lets clients come and go at a hub for this long under steady publishing, prints what the hub uses
/// meanwhile, and says whether it ends where it was.
///
/// # Errors
/// Where it does not.
pub(crate) async fn run(starter: &Starter, clients: usize, time: Duration) -> Result<(), Error> {
    let hub = starter.hub(Side::Hub, &[])?;
    let mut control = hub.control();
    let idle = Figures::of(&hub, &mut control).await?;
    println!("| after | clients held, in all | messages | {HEAD}\n|---:|---:|---:|{LINE}");
    println!("| idle | 0 | 0 | {idle}");
    let mut soak = Soak {
        hub,
        control,
        clients,
        published: 0,
        seen: Arc::default(),
    };
    soak.crowd(WARM.min(time)).await?;
    let before = soak.settled(&idle).await?;
    println!("| warm, and all gone | {} {before}", soak.counts());
    let full = soak.crowd(time).await?;
    let after = soak.settled(&idle).await?;
    println!("| all gone | {} {after}", soak.counts());
    let verdict = Verdict {
        seen: &soak.seen,
        idle,
        before,
        after,
        full,
        metrics: soak.control.metrics().await?,
    };
    verdict.print()
}

struct Soak {
    hub: Running,
    control: Control,
    clients: usize,
    published: u64,
    seen: Arc<Seen>,
}

impl Soak {
    /// A crowd that comes, stays for so long by turns, and goes. Returns the figures of the time when
    /// all were there.
    async fn crowd(&mut self, time: Duration) -> Result<Vec<Figures>, Error> {
        let (leave, left) = watch::channel(false);
        let door = Arc::new(Semaphore::new(AT_ONCE));
        let mut visitors = JoinSet::new();
        for (seat, kind) in (0..self.clients).zip(Kind::ALL.into_iter().cycle()) {
            let visitor = Visitor {
                seat,
                kind,
                hub: self.hub.client(),
                // Each channel has clients of all kinds.
                channel: format!("c{}", seat / Kind::ALL.len() % CHANNELS),
                seen: Arc::clone(&self.seen),
                door: Arc::clone(&door),
            };
            visitors.spawn(visitor.run(left.clone()));
        }
        let start = Instant::now();
        let mut ticks = interval(PAUSE);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut figures = Vec::new();
        let mut next = EVERY;
        while start.elapsed() < time {
            ticks.tick().await;
            let channel = format!("c{}", self.published % CHANNELS as u64);
            let number = self.published / CHANNELS as u64;
            self.control
                .publish_to(&channel, &[numbered(number)])
                .await?;
            self.published += 1;
            if start.elapsed() >= next {
                next += EVERY;
                let now = Figures::of(&self.hub, &mut self.control).await?;
                println!(
                    "| {} s | {} {now}",
                    start.elapsed().as_secs(),
                    self.counts()
                );
                figures.push(now);
            }
        }
        leave.send_replace(true);
        while visitors.join_next().await.is_some() {}
        Ok(figures)
    }

    /// Waits until the hub has let go of everything, or [`SETTLE`] has passed.
    async fn settled(&mut self, idle: &Figures) -> Result<Figures, Error> {
        let start = Instant::now();
        loop {
            let now = Figures::of(&self.hub, &mut self.control).await?;
            let is_idle = now.held == 0 && now.files <= idle.files && now.threads <= idle.threads;
            if is_idle || start.elapsed() > SETTLE {
                return Ok(now);
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    fn counts(&self) -> String {
        let held = self.seen.held.load(Ordering::Relaxed);
        let messages = self.seen.messages.load(Ordering::Relaxed);
        format!("{held} | {messages} |")
    }
}

const HEAD: &str =
    "held | subscriptions | channels | queued bytes | memory, MiB | open files | threads |";
const LINE: &str = "---:|---:|---:|---:|---:|---:|---:|";

/// What a hub uses at one time.
#[derive(Clone, Copy, Debug)]
struct Figures {
    held: u64,
    subscriptions: u64,
    channels: u64,
    queued: u64,
    resident: u64,
    files: usize,
    threads: usize,
}

impl Figures {
    async fn of(hub: &Running, control: &mut Control) -> Result<Self, Error> {
        let metrics = control.metrics().await?;
        let gauge = |name: &str| {
            let value = metrics.get(&format!("gripware_hub_{name}"));
            value
                .map(|value| *value as u64)
                .ok_or_else(|| format!("no {name}"))
        };
        let count =
            |what: &str| fs::read_dir(format!("/proc/{}/{what}", hub.id())).map(Iterator::count);
        Ok(Self {
            held: gauge("connections")?,
            subscriptions: gauge("subscriptions")?,
            channels: gauge("channels")?,
            queued: gauge("queued_bytes")?,
            resident: hub.usage().resident,
            files: count("fd")?,
            threads: count("task")?,
        })
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            held,
            subscriptions,
            channels,
            queued,
            resident,
            files,
            threads,
        } = self;
        let memory = *resident as f64 / f64::from(1 << 20);
        write!(
            f,
            "{held} | {subscriptions} | {channels} | {queued} | {memory:.1} | {files} | {threads} |"
        )
    }
}

struct Verdict<'a> {
    seen: &'a Seen,
    idle: Figures,
    before: Figures,
    after: Figures,
    full: Vec<Figures>,
    metrics: std::collections::HashMap<String, f64>,
}

impl Verdict<'_> {
    fn print(&self) -> Result<(), Error> {
        let counter = |name: &str| self.metrics.get(name).map_or(0, |value| *value as u64);
        let count = |count: &std::sync::atomic::AtomicU64| count.load(Ordering::Relaxed);
        let quarter = self.full.len().div_ceil(4);
        let first = median(self.full.iter().take(quarter));
        let last = median(self.full.iter().rev().take(quarter));
        let about = |memory: u64| memory + memory / 10 + SLACK;
        let rows = [
            ("held at the end", self.after.held, 0),
            ("subscriptions at the end", self.after.subscriptions, 0),
            ("channels at the end", self.after.channels, 0),
            ("queued bytes at the end", self.after.queued, 0),
            (
                "open files at the end",
                self.after.files as u64,
                self.idle.files as u64,
            ),
            (
                "threads at the end",
                self.after.threads as u64,
                self.idle.threads as u64,
            ),
            (
                "memory at the end, bytes",
                self.after.resident,
                about(self.before.resident),
            ),
            (
                "memory with all there, last quarter, bytes",
                last,
                about(first),
            ),
            ("messages out of order or lost", count(&self.seen.gaps), 0),
            (
                "clients not served to their end",
                count(&self.seen.failed),
                0,
            ),
            (
                "messages dropped by the hub",
                counter("gripware_hub_dropped_total"),
                0,
            ),
            (
                "clients cut by the hub as slow",
                counter("gripware_hub_slow_closed_total"),
                0,
            ),
            ("bad gateways", counter("gripware_hub_bad_gateway_total"), 0),
        ];
        println!("\n| | seen | at most | |\n|---|---:|---:|---|");
        let mut is_good = true;
        for (what, seen, most) in rows {
            is_good &= seen <= most;
            let verdict = if seen <= most { "held" } else { "FAILED" };
            println!("| {what} | {seen} | {most} | {verdict} |");
        }
        if is_good {
            Ok(())
        } else {
            Err("something of the clients stays".into())
        }
    }
}

fn median<'a>(figures: impl Iterator<Item = &'a Figures>) -> u64 {
    let mut resident: Vec<u64> = figures.map(|figures| figures.resident).collect();
    resident.sort_unstable();
    resident
        .get(resident.len() / 2)
        .copied()
        .unwrap_or_default()
}
