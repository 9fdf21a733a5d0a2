//! Counts the instructions of the hot paths and compares them with what they may cost.
//!
//! Times of a shared machine are noise; instructions are not, so these can stop a build. Valgrind's
//! callgrind counts them. What is a function call (the codec, the signature, the layer) is counted
//! exactly, from its beginning to its end. What a server does is the difference between two runs of
//! it that differ in the number of requests alone, so that its start and its end cancel out.
//!
//! `benches/README.md` says how to run it, and `benches/budget.txt` has what each may cost.

mod budget;
mod callgrind;
mod calls;
mod client;
mod origin;
mod served;
mod serving;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;

use crate::{budget::Budget, callgrind::Callgrind};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// A figure: its name, and the instructions.
type Figure = (&'static str, u64);

/// Counts the instructions of the hot paths and compares them with what they may cost.
#[derive(Debug, Parser)]
struct Options {
    /// Take what was counted as the new budget.
    #[arg(long)]
    accept: bool,

    /// Count only what has this in its name.
    #[arg(long, default_value = "")]
    only: String,

    /// Keep what callgrind writes in this folder, for `callgrind_annotate`.
    #[arg(long, value_name = "FOLDER")]
    keep: Option<PathBuf>,

    /// The budget.
    #[arg(long, default_value = "benches/budget.txt")]
    budget: PathBuf,
}

fn main() -> Result<ExitCode, Error> {
    // The same program is what is counted.
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        Some(calls::ARGUMENT) => return calls::run().map(|()| ExitCode::SUCCESS),
        Some(serving::ARGUMENT) => {
            return serving::run(arguments.next().as_deref()).map(|()| ExitCode::SUCCESS);
        }
        _ => {}
    }
    let options = Options::parse();
    let scratch = tempfile::tempdir()?;
    let folder = options.keep.as_deref().unwrap_or(scratch.path());
    std::fs::create_dir_all(folder)?;
    let callgrind = Callgrind::new(folder)?;
    let is_asked_for = |name: &str| name.contains(&options.only);
    let mut figures = calls::measure(&callgrind, is_asked_for)?;
    figures.extend(served::measure(&callgrind, is_asked_for)?);

    let mut budget = Budget::read(&options.budget)?;
    let is_kept = budget.compare(&figures, options.only.is_empty());
    if options.accept {
        budget.accept(&figures);
        budget.write(&options.budget)?;
        println!("The budget is now what was counted.");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(if is_kept {
        ExitCode::SUCCESS
    } else {
        println!("Where the change is meant, take it with `benches/gate --accept`.");
        ExitCode::FAILURE
    })
}
