use std::fmt::{self, Write};

use serde_json::{Value, json};

use super::{
    Report, Section,
    number::{count, short},
};
use crate::{
    clients::Kind,
    measure::{channels, echo, held, last_receipt, plain, processor_each, stalled, sustained},
    sides::Side,
};

/// How many there were, by which rows are named.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sizes {
    pub(crate) many: usize,
    pub(crate) few: usize,
    /// From the largest to the smallest.
    pub(crate) sweep: Vec<usize>,
    pub(crate) channels: usize,
}

/// A figure of ours and what it is wanted to be.
struct Target {
    name: String,
    /// Ours, and that beside it.
    ours: Option<f64>,
    beside: Option<(&'static str, Option<f64>)>,
    by: By,
    bound: Bound,
}

/// What is made of the two figures.
#[derive(Clone, Copy)]
enum By {
    Ratio,
    Difference,
    /// Ours alone.
    Itself,
}

#[derive(Clone, Copy)]
enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Target {
    /// What counts.
    fn figure(&self) -> Option<f64> {
        let ours = self.ours?;
        let beside = || self.beside.and_then(|(_, figure)| figure);
        match self.by {
            By::Ratio => beside().filter(|beside| *beside > 0.0).map(|it| ours / it),
            By::Difference => beside().map(|beside| ours - beside),
            By::Itself => Some(ours),
        }
    }

    /// Whether it is met. `None` where it was not measured.
    fn is_met(&self) -> Option<bool> {
        self.figure().map(|figure| match self.bound {
            Bound::AtLeast(bound) => figure >= bound,
            Bound::AtMost(bound) => figure <= bound,
        })
    }

    fn wanted(&self) -> String {
        let times = if matches!(self.by, By::Ratio) {
            " x"
        } else {
            ""
        };
        match self.bound {
            Bound::AtLeast(bound) => format!(">= {}{times}", bare(bound)),
            Bound::AtMost(bound) => format!("<= {}{times}", bare(bound)),
        }
    }
}

/// A bound, which is written by people.
fn bare(bound: f64) -> String {
    let text = format!("{bound:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// The table of all targets.
pub(super) fn table(report: &Report, sizes: &Sizes) -> Result<String, fmt::Error> {
    let mut text = String::from(
        "\n## Targets\n\n| figure | hub | beside it | what counts | target | |\n\
         |---|---:|---:|---:|---:|---|\n",
    );
    for target in all(report, sizes) {
        let cell = |figure: Option<f64>| figure.map(short).unwrap_or_default();
        let beside = target.beside.map_or(String::new(), |(who, figure)| {
            figure.map_or(String::new(), |figure| format!("{who} {}", short(figure)))
        });
        let verdict = match target.is_met() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        };
        writeln!(
            text,
            "| {} | {} | {beside} | {} | {} | {verdict} |",
            target.name,
            cell(target.ours),
            cell(target.figure()),
            target.wanted(),
        )?;
    }
    Ok(text)
}

/// The same for programs.
pub(super) fn json(report: &Report, sizes: &Sizes) -> Value {
    let targets = all(report, sizes).into_iter();
    let targets = targets.map(|target| {
        json!({
            "name": target.name,
            "hub": target.ours,
            "beside": target.beside.map(|(who, figure)| json!({"side": who, "figure": figure})),
            "figure": target.figure(),
            "target": target.wanted(),
            "is_met": target.is_met(),
        })
    });
    targets.collect()
}

fn all(report: &Report, sizes: &Sizes) -> Vec<Target> {
    let mut targets = requests(report);
    for kind in [Kind::Stream, Kind::WebSocket] {
        targets.extend(messages(report, sizes, kind));
    }
    targets.extend(memory(report, sizes));
    targets.extend(others(report, sizes));
    targets
}

/// Plain requests and echoes.
fn requests(report: &Report) -> Vec<Target> {
    let of = |section, row: &str, ours: Side, other: Side, by, bound| Target {
        name: format!("{} {}, {row}", asked(section), ours.title()),
        ours: report.median(section, row, ours),
        beside: Some((other.title(), report.median(section, row, other))),
        by,
        bound,
    };
    use Bound::{AtLeast, AtMost};
    use By::{Difference, Ratio};
    use Section::{Echo, Plain};
    use Side::{Hub, Inside, Nginx, Pushpin, Router};
    let p50 = echo::p50(1);
    let rate = echo::rate(32);
    vec![
        of(Plain, plain::RATE, Inside, Router, Ratio, AtLeast(0.95)),
        of(Plain, plain::P50, Inside, Router, Difference, AtMost(5.0)),
        of(Plain, plain::RATE, Hub, Nginx, Ratio, AtLeast(1.0)),
        of(Echo, &p50, Inside, Pushpin, Ratio, AtMost(0.1)),
        of(Echo, &p50, Hub, Pushpin, Ratio, AtMost(0.1)),
        of(Echo, &rate, Inside, Pushpin, Ratio, AtLeast(20.0)),
        of(Echo, &rate, Hub, Pushpin, Ratio, AtLeast(20.0)),
    ]
}

const fn asked(section: Section) -> &'static str {
    match section {
        Section::Echo => "echo,",
        _ => "plain request,",
    }
}

/// What is published, and who is held for it.
fn messages(report: &Report, sizes: &Sizes, kind: Kind) -> Vec<Target> {
    use Bound::{AtLeast, AtMost};
    let of = |section, row: String, other: Side, bound| Target {
        ours: report.median(section, &row, Side::Hub),
        beside: Some((other.title(), report.median(section, &row, other))),
        name: match section {
            Section::OneMessage => format!("one message to {row}"),
            Section::Sustained => format!("sustained, {row}"),
            _ => row,
        },
        by: By::Ratio,
        bound,
    };
    let is_stream = kind == Kind::Stream;
    let receipt = if is_stream { 0.25 } else { 1.0 / 7.0 };
    let sustained_more = if is_stream { 25.0 } else { 40.0 };
    let (one, many) = (Section::OneMessage, sizes.many);
    let rate = || sustained::rate(sizes.few, kind);
    vec![
        of(
            one,
            last_receipt(many, kind),
            Side::Pushpin,
            AtMost(receipt),
        ),
        of(one, processor_each(many, kind), Side::Bare, AtMost(1.2)),
        of(
            Section::Sustained,
            rate(),
            Side::Pushpin,
            AtLeast(sustained_more),
        ),
        of(Section::Sustained, rate(), Side::Nchan, AtLeast(5.0)),
        of(
            Section::Held,
            held::rate(kind),
            Side::Pushpin,
            AtLeast(10.0),
        ),
        flat(report, sizes, kind),
    ]
}

/// The highest and the lowest cost of a delivery over all numbers of subscribers.
fn flat(report: &Report, sizes: &Sizes, kind: Kind) -> Target {
    let costs: Vec<f64> = sizes
        .sweep
        .iter()
        .filter_map(|size| report.median(Section::Sweep, &processor_each(*size, kind), Side::Hub))
        .collect();
    let lowest = costs.iter().copied().reduce(f64::min);
    // Of one there is nothing to say.
    let highest = costs
        .iter()
        .copied()
        .reduce(f64::max)
        .filter(|_| costs.len() > 1);
    Target {
        name: format!("processor time of a delivery, any number of {kind}s, highest"),
        ours: highest,
        beside: Some(("lowest", lowest)),
        by: By::Ratio,
        bound: Bound::AtMost(1.2),
    }
}

/// What it takes to hold somebody.
fn memory(report: &Report, sizes: &Sizes) -> Vec<Target> {
    let largest = sizes.sweep.first().copied().unwrap_or(sizes.many);
    let rows = [Kind::Stream, Kind::WebSocket].map(|kind| {
        let swept = held::memory(kind, largest);
        match report.median(Section::Sweep, &swept, Side::Hub) {
            Some(figure) => (swept, Some(figure)),
            None => of_many(report, sizes, kind),
        }
    });
    let rows = rows
        .into_iter()
        .chain([of_many(report, sizes, Kind::Response)]);
    let targets = rows.map(|(name, ours)| Target {
        name,
        ours,
        beside: None,
        by: By::Itself,
        bound: Bound::AtMost(2.0),
    });
    targets.collect()
}

fn of_many(report: &Report, sizes: &Sizes, kind: Kind) -> (String, Option<f64>) {
    let row = held::memory(kind, sizes.many);
    let figure = report.median(Section::Held, &row, Side::Hub);
    (row, figure)
}

/// Stalled readers, and many channels.
fn others(report: &Report, sizes: &Sizes) -> Vec<Target> {
    let stalled = stalled::row(sizes.few, stalled::RATIO);
    let of = |row: &str| report.median(Section::Channels, row, Side::Hub);
    let (many, one) = (channels::processor(sizes.channels), channels::processor(1));
    vec![
        Target {
            ours: report.median(Section::Stalled, &stalled, Side::Hub),
            name: stalled,
            beside: None,
            by: By::Itself,
            bound: Bound::AtMost(1.25),
        },
        Target {
            name: format!("{} channels, {}", count(sizes.channels), channels::MEMORY),
            ours: of(channels::MEMORY),
            beside: None,
            by: By::Itself,
            bound: Bound::AtMost(300.0),
        },
        Target {
            ours: of(&many),
            beside: Some(("one channel", of(&one))),
            name: many,
            by: By::Ratio,
            bound: Bound::AtMost(1.2),
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(report: &Report) -> Vec<String> {
        let table = table(report, &Sizes::default()).unwrap();
        let rows = table.lines().filter(|line| line.contains(plain::RATE));
        rows.map(str::to_owned).collect()
    }

    #[test]
    fn a_target_is_met_missed_or_not_measured() {
        let mut report = Report::default();
        report.add(Section::Plain, plain::RATE, Side::Inside, 50_000.0);
        report.add(Section::Plain, plain::RATE, Side::Router, 68_000.0);
        report.add(Section::Plain, plain::RATE, Side::Hub, 48_000.0);
        let [inside, program] = verdicts(&report).try_into().unwrap();
        let row = "| 50 000 | router alone 68 000 | 0.74 | >= 0.95 x | missed |";
        assert!(inside.ends_with(row), "{inside}");
        assert!(program.ends_with("| not measured |"), "{program}");

        report.add(Section::Plain, plain::RATE, Side::Nginx, 47_000.0);
        let [_, program] = verdicts(&report).try_into().unwrap();
        assert!(program.ends_with("| 1.02 | >= 1 x | met |"), "{program}");
    }

    #[test]
    fn the_cost_of_a_delivery_is_flat_where_its_extremes_are_near() {
        let mut report = Report::default();
        let sizes = Sizes {
            sweep: vec![2_000, 1_000],
            ..Sizes::default()
        };
        let kind = Kind::WebSocket;
        report.add(Section::Sweep, processor_each(1_000, kind), Side::Hub, 10.0);
        assert_eq!(flat(&report, &sizes, kind).is_met(), None);
        report.add(Section::Sweep, processor_each(2_000, kind), Side::Hub, 11.0);
        assert_eq!(flat(&report, &sizes, kind).is_met(), Some(true));
        report.add(Section::Sweep, processor_each(2_000, kind), Side::Hub, 15.0);
        assert_eq!(flat(&report, &sizes, kind).is_met(), Some(false));
    }
}
