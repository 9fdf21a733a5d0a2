use std::{cell::RefCell, env, time::Duration};

use criterion::{BenchmarkGroup, Criterion, SamplingMode, measurement::WallTime};

use crate::{Case, Target};

/// How often each case is sampled. Every sample runs ours and the limit, one after the other, for a
/// millisecond each: most are then over before anything else gets the processor.
const SAMPLES: usize = 500;

/// Times the cases of a topic, and prints a table of them.
///
/// Criterion decides how often an operation is repeated for one sample, prints what it makes of
/// our own times, and compares them with the last run.
pub fn time(topic: &str, cases: Vec<Case>) {
    let mut criterion = Criterion::default()
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500))
        .nresamples(1_000)
        .configure_from_args();
    let mut group = criterion.benchmark_group(topic);
    group.sampling_mode(SamplingMode::Flat);
    let rows: Vec<_> = cases
        .into_iter()
        .filter_map(|case| sample(&mut group, case))
        .collect();
    group.finish();

    // Under `cargo test` everything runs once, and there is nothing to tell.
    if env::args().any(|argument| argument == "--bench") && !rows.is_empty() {
        println!("| {topic} | ours | beside it | | ratio | target |");
        println!("|---|---:|---|---:|---:|---|");
        for row in rows {
            println!("{row}");
        }
        println!();
    }
}

/// The row of a case, where its name is among those that were asked for.
fn sample(group: &mut BenchmarkGroup<'_, WallTime>, mut case: Case) -> Option<String> {
    let samples = RefCell::new(Vec::new());
    group.bench_function(case.name, |bencher| {
        bencher.iter_custom(|times| {
            let ours = case.ours.time(times);
            let limit = case.limit.as_mut();
            let limit = limit.map_or(Duration::ZERO, |limit| limit.operation.time(times));
            let each =
                |time: Duration| time.as_secs_f64() * 1e9 / times as f64 / f64::from(case.things);
            samples.borrow_mut().push((each(ours), each(limit)));
            ours
        });
    });

    // What came before the samples was for warming up.
    let samples = samples.into_inner();
    let samples = samples.get(samples.len().saturating_sub(SAMPLES)..)?;
    let of = |value: fn(&(f64, f64)) -> f64| median(samples.iter().map(value).collect());
    let ours = of(|(ours, _)| *ours)?;
    let limit = of(|(_, limit)| *limit)?;
    let ratio = of(|(ours, limit)| ours / limit)?;
    let above = of(|(ours, limit)| ours - limit)?;

    let missed = if case.target.is_met(ours, ratio, above) {
        ""
    } else {
        ", missed"
    };
    let ratio = match case.target {
        _ if case.limit.is_none() => String::new(),
        Target::Above(_) => format!("{above:+.0} ns"),
        Target::Faster(_) => format!("1 / {:.1}", ratio.recip()),
        Target::None | Target::Within(_) | Target::Ratio(_) => format!("{ratio:.2}"),
    };
    let (beside, limit) = match &case.limit {
        Some(beside) => (beside.name, figure(limit)),
        None => ("", String::new()),
    };
    Some(format!(
        "| {} | {} | {beside} | {limit} | {ratio} | {}{missed} |",
        case.name,
        figure(ours),
        case.target,
    ))
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

/// Three digits are more than a small machine is good for.
fn figure(nanoseconds: f64) -> String {
    match nanoseconds {
        few if few < 100.0 => format!("{few:.1} ns"),
        some if some < 10_000.0 => format!("{some:.0} ns"),
        many => format!("{:.1} µs", many / 1000.0),
    }
}
