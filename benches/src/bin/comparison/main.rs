//! Compares what holding and publishing cost: the hub, inside of an application and as a program,
//! beside Pushpin, nginx with and without nchan, and bare loops, alternating in one run.
//!
//! Clients, origin and publisher are in this process; the sides are processes of their own, whose
//! processor time and memory are read from `/proc`. The clients parse as little as they can, so that
//! on a small machine the sides have most of it. `benches/README.md` says how to run it.

mod clients;
mod limits;
mod measure;
mod options;
mod plan;
mod report;
mod run;
mod sides;

use std::{process::ExitCode, time::Duration};

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use crate::{
    measure::soak,
    options::Options,
    sides::{BARE, FLOOR, INSIDE, Origin, Starter},
};

type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<ExitCode, Error> {
    // The same program is some of the sides.
    let mut arguments = std::env::args().skip(1);
    if let (Some(first), Some(second)) = (arguments.next(), arguments.next()) {
        match first.as_str() {
            BARE => return sides::run_bare(&second).map(|()| ExitCode::SUCCESS),
            FLOOR => return sides::run_floor(&second).map(|()| ExitCode::SUCCESS),
            INSIDE => return sides::run_inside(&second).map(|()| ExitCode::SUCCESS),
            _ => {}
        }
    }
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(until_interrupted(&options))
}

async fn until_interrupted(options: &Options) -> Result<ExitCode, Error> {
    let mut interrupted = signal(SignalKind::interrupt())?;
    let mut terminated = signal(SignalKind::terminate())?;
    // The sides end when what was started for them is dropped.
    tokio::select! {
        result = compare(options) => result,
        _ = interrupted.recv() => Err("interrupted".into()),
        _ = terminated.recv() => Err("terminated".into()),
    }
}

async fn compare(options: &Options) -> Result<ExitCode, Error> {
    let most = limits::raise_open_files()?;
    let starter = Starter {
        program: options.program()?,
        origin: Origin::start().await?,
    };
    if let Some(minutes) = options.soak {
        let time = Duration::try_from_secs_f64(minutes * 60.0)?;
        soak::run(&starter, options.soak_clients, time).await?;
        return Ok(ExitCode::SUCCESS);
    }
    run::run(options, &starter, most).await
}
