//! Puts the hub and Pushpin in front of the same origin, by turns, and measures what each costs.
//!
//! Clients, origin and publisher are in this process; the proxies are processes of their own, whose
//! processor time and memory are read from `/proc`. The clients parse as little as they can, so that
//! on a small machine the proxy has most of it. `benches/README.md` says how to run it.

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
mod sustained;
mod tally;
mod usage;

use std::{path::PathBuf, time::Duration};

use clap::Parser;

use crate::{
    crowd::Kind, hub::Hub, origin::Origin, proxy::Proxy, pushpin::Pushpin, report::Report,
};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Measures the hub beside Pushpin, in front of the same origin.
#[derive(Debug, Parser)]
struct Options {
    /// The hub's program. By default the one beside this program.
    #[arg(long)]
    hub: Option<PathBuf>,

    /// Measure one of the two only: `hub` or `pushpin`.
    #[arg(long)]
    only: Option<String>,

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
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let options = Options::parse();
    let origin = Origin::start().await?;
    let mut report = Report::default();
    for round in 1..=options.rounds {
        for name in ["hub", "pushpin"] {
            if options.only.as_deref().is_some_and(|only| only != name) {
                continue;
            }
            eprintln!("round {round} of {}: {name}", options.rounds);
            measure(&options, name, &origin, &mut report).await?;
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
    let time = Duration::from_secs_f64(options.seconds);
    for kind in Kind::ALL {
        let proxy = start(options, name, origin).await?;
        held::measure(&*proxy, origin, kind, options, report).await?;
    }
    let proxy = start(options, name, origin).await?;
    plain::measure(&*proxy, origin, time, report).await?;
    echo::measure(&*proxy, time, report).await
}

async fn start(options: &Options, name: &str, origin: &Origin) -> Result<Box<dyn Proxy>, Error> {
    let proxy: Box<dyn Proxy> = if name == "hub" {
        let program = match &options.hub {
            Some(program) => program.clone(),
            None => std::env::current_exe()?.with_file_name("gripware-hub"),
        };
        Box::new(Hub::start(&program, origin.address())?)
    } else {
        Box::new(Pushpin::start(origin.address())?)
    };
    plain::wait_until_up(proxy.client()).await?;
    Ok(proxy)
}
