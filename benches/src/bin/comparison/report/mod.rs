//! What was measured, and the forms in which it is told.

mod json;
mod machine;
mod markdown;
mod number;
mod page;
mod plot;
mod section;
mod targets;

use std::collections::BTreeSet;

pub(crate) use self::{
    machine::Machine, number::count, plot::svg, section::Section, targets::Sizes,
};
use crate::{Error, sides::Side};

/// The figures so far, and what a reader of them has to know.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    failures: Vec<Failure>,
    notes: Vec<String>,
}

/// One figure of all sides that have it.
#[derive(Debug)]
struct Row {
    section: Section,
    name: String,
    figures: Vec<(Side, f64)>,
}

/// A side that could not be measured.
#[derive(Debug)]
struct Failure {
    section: Section,
    what: String,
    side: Side,
    why: String,
}

impl Report {
    /// Adds a figure. What the table has of all that were added to a row is the median.
    pub(crate) fn add(
        &mut self,
        section: Section,
        row: impl Into<String>,
        side: Side,
        figure: f64,
    ) {
        let name = row.into();
        let row = self
            .rows
            .iter_mut()
            .find(|row| row.section == section && row.name == name);
        match row {
            Some(row) => row.figures.push((side, figure)),
            None => self.rows.push(Row {
                section,
                name,
                figures: vec![(side, figure)],
            }),
        }
    }

    /// Says that a side could not be measured, and why. The rest goes on.
    pub(crate) fn fail(
        &mut self,
        section: Section,
        what: impl Into<String>,
        side: Side,
        why: &Error,
    ) {
        let what = what.into();
        eprintln!("  {}: {what}: FAILED: {why}", side.title());
        self.failures.push(Failure {
            section,
            what,
            side,
            why: why.to_string(),
        });
    }

    /// Says what is wrong, where something is.
    pub(crate) fn check(
        &mut self,
        section: Section,
        what: impl Into<String>,
        side: Side,
        result: Result<(), Error>,
    ) {
        if let Err(why) = result {
            self.fail(section, what, side, &why);
        }
    }

    /// Says something beside the figures.
    pub(crate) fn note(&mut self, note: String) {
        eprintln!("  {note}");
        self.notes.push(note);
    }

    /// Whether every side could be measured.
    pub(crate) fn is_whole(&self) -> bool {
        self.failures.is_empty()
    }

    /// The median of a side in a row.
    fn median(&self, section: Section, name: &str, side: Side) -> Option<f64> {
        let mut rows = self.rows.iter();
        rows.find(|row| row.section == section && row.name == name)?
            .median(side)
    }

    /// The sides of a section, or of all, that have a figure or failed.
    fn sides(&self, section: Option<Section>) -> Vec<Side> {
        let is_asked_for = |of: Section| section.is_none_or(|section| section == of);
        let rows = self.rows.iter().filter(|row| is_asked_for(row.section));
        let measured = rows.flat_map(|row| row.figures.iter().map(|(side, _)| *side));
        let failed = self
            .failures
            .iter()
            .filter(|failure| is_asked_for(failure.section))
            .map(|failure| failure.side);
        let sides: BTreeSet<Side> = measured.chain(failed).collect();
        sides.into_iter().collect()
    }
}

impl Row {
    fn figures(&self, side: Side) -> Vec<f64> {
        let figures = self.figures.iter().filter(|(of, _)| *of == side);
        figures.map(|(_, figure)| *figure).collect()
    }

    fn median(&self, side: Side) -> Option<f64> {
        median(self.figures(side))
    }
}

/// The middle one, the upper of two.
fn median(mut figures: Vec<f64>) -> Option<f64> {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_the_median_of_each_side_and_a_failure_is_told() {
        let mut report = Report::default();
        for (side, figure) in [
            (Side::Hub, 3.0),
            (Side::Pushpin, 40.0),
            (Side::Hub, 1.0),
            (Side::Hub, 2.0),
        ] {
            report.add(Section::Echo, "p50, µs", side, figure);
        }
        report.add(Section::Plain, "p50, µs", Side::Hub, 9.0);
        let median = |side| report.median(Section::Echo, "p50, µs", side);
        assert_eq!(median(Side::Hub), Some(2.0));
        assert_eq!(median(Side::Pushpin), Some(40.0));
        assert_eq!(median(Side::Nchan), None);
        assert!(report.is_whole());

        report.fail(Section::Echo, "echoes", Side::Inside, &"no answer".into());
        assert!(!report.is_whole());
        let sides = report.sides(Some(Section::Echo));
        assert_eq!(sides, [Side::Inside, Side::Hub, Side::Pushpin]);
    }
}
