//! Puts the hub and Pushpin in front of the same origin, by turns, and measures what each costs.
//!
//! Clients, origin and publisher are in this process; the proxies are processes of their own, whose
//! processor time and memory are read from `/proc`. The clients parse as little as they can, so that
//! on a small machine the proxy has most of it. `benches/README.md` says how to run it.

mod bare;
mod control;
mod crowd;
mod echo;
mod fan_out;
mod held;
mod hub;
mod lag;
mod origin;
mod plain;
mod proxy;
mod pushpin;
mod report;
mod running;
mod soak;
mod stalled;
mod sustained;
mod tally;
mod usage;
mod visitor;

use std::{path::PathBuf, time::Duration};

use clap::Parser;
use tokio::signal::{
    ctrl_c,
    unix::{SignalKind, signal},
};

use crate::{crowd::Kind, origin::Origin, proxy::Proxy, pushpin::Pushpin, report::Report};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Measures the hub beside Pushpin, in front of the same origin.
#[derive(Debug, Parser)]
struct Options {
    /// The hub's program. By default the one beside this program.
    #[arg(long)]
    hub: Option<PathBuf>,

    /// Measure one only: `hub`, `pushpin` or `bare`, a loop that writes to sockets.
    #[arg(long)]
    only: Option<String>,

    /// Measure clients of one kind only: `stream`, `websocket`, `response`, `stalled` (what those who
    /// do not read cost the others) or `none`.
    #[arg(long)]
    kind: Option<String>,

    /// How often each is measured, by turns. The table has the medians.
    #[arg(long, default_value_t = 3)]
    rounds: usize,

    /// How many connections are held for fan-out and memory.
    #[arg(long, default_value_t = 5_000)]
    many: usize,

    /// How many connections are held for sustained publishing.
    #[arg(long, default_value_t = 1_000)]
    few: usize,

    /// How long each rate is measured, in seconds.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,

    /// Instead of all this, let clients come and go at the hub for so many minutes, and see whether
    /// anything of them stays.
    #[arg(long, value_name = "MINUTES")]
    soak: Option<f64>,

    /// How many clients there are at a time for that. Each needs an open file here and in the hub.
    #[arg(long, default_value_t = 10_000)]
    soak_clients: usize,
}

impl Options {
    /// The hub's program.
    fn program(&self) -> Result<PathBuf, Error> {
        Ok(match &self.hub {
            Some(program) => program.clone(),
            None => std::env::current_exe()?.with_file_name("gripware-hub"),
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let mut arguments = std::env::args().skip(1);
    if let (Some(bare::ARGUMENT), Some(origin)) = (arguments.next().as_deref(), arguments.next()) {
        return bare::run(&origin);
    }
    let options = Options::parse();
    let mut terminated = signal(SignalKind::terminate())?;
    // The proxies end when what was started for them is dropped.
    tokio::select! {
        result = run(&options) => result,
        _ = ctrl_c() => Err("interrupted".into()),
        _ = terminated.recv() => Err("terminated".into()),
    }
}

async fn run(options: &Options) -> Result<(), Error> {
    let origin = Origin::start().await?;
    if let Some(minutes) = options.soak {
        let time = Duration::try_from_secs_f64(minutes * 60.0)?;
        return soak::run(&options.program()?, &origin, options.soak_clients, time).await;
    }
    let mut report = Report::default();
    for round in 1..=options.rounds {
        for name in ["hub", "pushpin", "bare"] {
            if options.only.as_deref().is_some_and(|only| only != name) {
                continue;
            }
            eprintln!("round {round} of {}: {name}", options.rounds);
            measure(options, name, &origin, &mut report).await?;
        }
    }
    print!("{report}");
    Ok(())
}

async fn measure(
    options: &Options,
    name: &'static str,
    origin: &Origin,
    report: &mut Report,
) -> Result<(), Error> {
    if name == "bare" {
        let bare = start(options, name, origin).await?;
        return held::measure_bare(&*bare, origin, options, report).await;
    }
    let time = Duration::from_secs_f64(options.seconds);
    for kind in Kind::ALL {
        if options
            .kind
            .as_deref()
            .is_some_and(|only| only != kind.option())
        {
            continue;
        }
        let proxy = start(options, name, origin).await?;
        held::measure(&*proxy, origin, kind, options, report).await?;
    }
    if name == "hub" && options.kind.as_deref().is_none_or(|only| only == "stalled") {
        stalled::measure(&options.program()?, origin, options.few, report).await?;
    }
    if options.kind.as_deref() == Some("stalled") {
        return Ok(());
    }
    let proxy = start(options, name, origin).await?;
    plain::measure(&*proxy, origin, time, report).await?;
    echo::measure(&*proxy, time, report).await
}

async fn start(options: &Options, name: &str, origin: &Origin) -> Result<Box<dyn Proxy>, Error> {
    let proxy: Box<dyn Proxy> = match name {
        "bare" => Box::new(bare::start(origin.address())?),
        "pushpin" => Box::new(Pushpin::start(origin.address())?),
        _ => Box::new(hub::start(&options.program()?, origin.address(), &[])?),
    };
    plain::wait_until_up(proxy.client()).await?;
    Ok(proxy)
}
