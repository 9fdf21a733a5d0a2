//! Counts the allocations of every case, which are exact and the same in every run.
//!
//! It is a program of its own because an allocator that counts is slower, and most so for what
//! allocates most: the figures of whatever is compared with would be too bad.

use allocation_counter::measure;
use gripware_benches::{
    Case, Error, Operation, codec, instructions, items, middleware, middleware_actix, signature,
};

fn main() -> Result<(), Error> {
    println!("\n| allocations | ours | beside it | target |");
    println!("|---|---:|---:|---|");
    for cases in [
        codec::cases()?,
        signature::cases()?,
        instructions::cases()?,
        items::cases()?,
        middleware::cases()?,
        middleware_actix::cases()?,
    ] {
        cases.into_iter().for_each(print);
    }
    Ok(())
}

fn print(mut case: Case) {
    let ours = count(&mut case.ours);
    let limit = case.limit.as_mut().map(|limit| count(&mut limit.operation));
    let (limit, extra) = match limit {
        Some(limit) if case.target.is_difference() => (limit.to_string(), ours - limit),
        Some(limit) => (limit.to_string(), ours),
        None => (String::new(), ours),
    };
    let target = match case.allocations {
        Some(target) if extra <= target => format!("{target}"),
        Some(target) => format!("{target}, missed"),
        None => String::new(),
    };
    let above = if case.target.is_difference() && case.allocations.is_some() {
        " above it"
    } else {
        ""
    };
    println!("| {} | {ours} | {limit} | {target}{above} |", case.name);
}

/// The second time, when whatever is set up at the first use has been.
fn count(operation: &mut Operation) -> i64 {
    operation.once(&mut |run| run());
    let mut count = 0;
    operation.once(&mut |run| {
        let info = measure(run);
        count = i64::try_from(info.count_total).unwrap_or(i64::MAX);
    });
    count
}
