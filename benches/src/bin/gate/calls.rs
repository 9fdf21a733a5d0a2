//! What is counted as calls of a function, in a process of its own.

use std::{hint::black_box, path::Path};

use gripware_benches::{Case, codec, instructions, middleware, middleware_actix, signature};

use crate::{Error, Figure, callgrind::Callgrind};

/// The argument that makes this program the one that is counted.
pub(crate) const ARGUMENT: &str = "--count-calls";

/// How often each is done. Hash maps have another order in each run, which this evens out.
const TIMES: u32 = 100;

/// How often that is counted, of which the least is the figure: what is done once a second is in one
/// of them.
const ROUNDS: usize = 5;

/// The figures, and the cases of the benchmarks that they are of.
const FIGURES: &[(&str, &str)] = &[
    ("decode 200 small events", "read small events"),
    ("encode 200 small events", "write small events"),
    ("verify a token at first sight", "HS256 at first sight"),
    (
        "verify a token seen before",
        "the newest token, seen before",
    ),
    ("headers of a hold", "headers of a stream"),
    ("the layer, not proxied", "not proxied"),
    ("the layer, proxied", "proxied, token seen before"),
    ("the layer, a hold", "proxied, and held"),
    (
        "the layer, a WebSocket message",
        "a WebSocket message echoed",
    ),
    (
        "the layer on actix-web, not proxied",
        "actix-web, not proxied",
    ),
    (
        "the layer on actix-web, proxied",
        "actix-web, proxied, token seen before",
    ),
];

/// The same requests with a layer that does nothing, without which they are the layer's own.
const BESIDE: &[(&str, &str)] = &[
    ("a layer that does nothing", "not proxied"),
    (
        "a layer that does nothing, proxied",
        "proxied, token seen before",
    ),
    (
        "a middleware of actix-web that does nothing",
        "actix-web, not proxied",
    ),
    (
        "a middleware of actix-web that does nothing, proxied",
        "actix-web, proxied, token seen before",
    ),
];

/// Counts all that are asked for.
pub(crate) fn measure(
    callgrind: &Callgrind,
    is_asked_for: impl Fn(&str) -> bool,
) -> Result<Vec<Figure>, Error> {
    const RUN: &str = "calls";
    if !names().any(&is_asked_for) {
        return Ok(Vec::new());
    }
    let program = std::env::current_exe()?;
    let mut command = callgrind.command(Path::new(&program), RUN, Some("gate::calls::counted"));
    let status = command.arg(ARGUMENT).status()?;
    if !status.success() {
        return Err(format!("the counting failed: {status}").into());
    }
    let mut figures = Vec::new();
    for (index, name) in names().enumerate() {
        let rounds = (1..=ROUNDS).map(|round| callgrind.of_call(RUN, ROUNDS * index + round));
        let counts = rounds.collect::<Result<Vec<_>, _>>()?;
        let least = counts.into_iter().min().unwrap_or_default();
        if is_asked_for(name) {
            figures.push((name, least / u64::from(TIMES)));
        }
    }
    Ok(figures)
}

fn names() -> impl Iterator<Item = &'static str> {
    FIGURES.iter().chain(BESIDE).map(|(name, _)| *name)
}

/// Does what is to be counted, in the order of the names.
pub(crate) fn run() -> Result<(), Error> {
    let mut cases = Vec::new();
    for made in [
        codec::cases(),
        signature::cases(),
        instructions::cases(),
        middleware::cases(),
        middleware_actix::cases(),
    ] {
        cases.extend(made.map_err(|error| error.to_string())?);
    }
    for (_, case) in FIGURES {
        count(&mut find(&mut cases, case)?.ours);
    }
    for (_, case) in BESIDE {
        let limit = find(&mut cases, case)?.limit.as_mut();
        count(&mut limit.ok_or("nothing is beside it")?.operation);
    }
    Ok(())
}

fn find<'a>(cases: &'a mut [Case], name: &str) -> Result<&'a mut Case, Error> {
    let found = cases.iter_mut().find(|case| case.name == name);
    found.ok_or_else(|| format!("no such case: {name}").into())
}

fn count(operation: &mut gripware_benches::Operation) {
    // What is set up at the first use has been.
    operation.once(&mut |run| run());
    for _ in 0..ROUNDS {
        operation.repeat(TIMES, &mut |run| counted(run));
    }
}

/// What callgrind is told to count, by its name.
#[inline(never)]
fn counted(run: &mut dyn FnMut()) {
    black_box(&mut *run)();
}
