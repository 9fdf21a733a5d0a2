use std::{
    fmt::{self, Write as _},
    mem,
};

/// What a visitor has seen of an application, step by step.
#[derive(Debug, Default)]
pub struct Transcript {
    steps: Vec<Step>,
}

#[derive(Debug)]
struct Step {
    name: &'static str,
    lines: Vec<String>,
}

/// What is not as it was, since gripware is around the application.
#[derive(Clone, Copy, Debug)]
pub struct Difference {
    /// The steps in which it is to be found; none for any.
    pub steps: &'static [&'static str],
    /// Lines that are only there without gripware.
    pub without: &'static [&'static str],
    /// Lines that are only there with it.
    pub with: &'static [&'static str],
    /// Why.
    pub why: &'static str,
}

impl Transcript {
    /// Begins a step, of a name of its own.
    ///
    /// # Panics
    /// Where there is a step of this name.
    pub fn step(&mut self, name: &'static str) {
        let is_new = self.steps.iter().all(|step| step.name != name);
        assert!(is_new, "{name} is the name of two steps");
        self.steps.push(Step {
            name,
            lines: Vec::new(),
        });
    }

    /// Adds a line to the step.
    ///
    /// # Panics
    /// Where no step has begun.
    pub fn line(&mut self, line: impl Into<String>) {
        let step = self.steps.last_mut().expect("a step");
        step.lines.push(line.into());
    }

    /// Adds lines to the step.
    pub fn lines(&mut self, lines: impl IntoIterator<Item = String>) {
        for line in lines {
            self.line(line);
        }
    }

    /// Whether any step has this line.
    #[must_use]
    pub fn has(&self, line: &str) -> bool {
        let mut lines = self.steps.iter().flat_map(|step| &step.lines);
        lines.any(|found| found == line)
    }

    /// Compares this transcript, which is one without gripware, with another.
    ///
    /// # Panics
    /// Where they differ in what is no [`Difference`], or a difference does not occur.
    pub fn is_kept_by(&self, other: &Self, differences: &[Difference]) {
        let mut report = String::new();
        let mut table: Vec<_> = differences.iter().map(Row::from).collect();
        let names = |of: &Self| of.steps.iter().map(|step| step.name).collect::<Vec<_>>();
        assert_eq!(names(self), names(other), "the steps");
        for (without, with) in self.steps.iter().zip(&other.steps) {
            let left = unexplained(without, &mut table, |row| &mut row.without);
            let right = unexplained(with, &mut table, |row| &mut row.with);
            if left != right {
                let _ = writeln!(report, "\n{}:", without.name);
                for line in left.iter().filter(|line| !right.contains(line)) {
                    let _ = writeln!(report, "  - {line}");
                }
                for line in &right {
                    let sign = if left.contains(line) { ' ' } else { '+' };
                    let _ = writeln!(report, "  {sign} {line}");
                }
            }
        }
        for row in &table {
            for (line, _) in row.without.iter().chain(&row.with).filter(|line| !line.1) {
                let why = row.difference.why;
                let _ = writeln!(report, "\nno longer a difference ({why}): {line}");
            }
        }
        assert!(report.is_empty(), "{report}");
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for step in &self.steps {
            writeln!(f, "{}:", step.name)?;
            for line in &step.lines {
                writeln!(f, "    {line}")?;
            }
        }
        Ok(())
    }
}

/// A difference, and which of its lines have been found.
struct Row<'a> {
    difference: &'a Difference,
    without: Vec<(&'static str, bool)>,
    with: Vec<(&'static str, bool)>,
}

impl<'a> From<&'a Difference> for Row<'a> {
    fn from(difference: &'a Difference) -> Self {
        let unseen = |lines: &[&'static str]| lines.iter().map(|line| (*line, false)).collect();
        Self {
            difference,
            without: unseen(difference.without),
            with: unseen(difference.with),
        }
    }
}

/// The lines of a step that no difference is about.
fn unexplained(
    step: &Step,
    table: &mut [Row<'_>],
    side: impl for<'a> Fn(&'a mut Row<'_>) -> &'a mut Vec<(&'static str, bool)>,
) -> Vec<String> {
    let mut lines = step.lines.clone();
    for row in table {
        let steps = row.difference.steps;
        if !steps.is_empty() && !steps.contains(&step.name) {
            continue;
        }
        for (explained, found) in side(row) {
            let before = mem::take(&mut lines);
            let count = before.len();
            lines = before
                .into_iter()
                .filter(|line| line != explained)
                .collect();
            *found |= lines.len() < count;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use std::panic::catch_unwind;

    use super::*;

    fn of(lines: &[&str]) -> Transcript {
        let mut transcript = Transcript::default();
        transcript.step("one");
        transcript.lines(lines.iter().map(|line| (*line).to_owned()));
        transcript
    }

    fn difference(
        steps: &'static [&'static str],
        without: &'static [&'static str],
        with: &'static [&'static str],
    ) -> Difference {
        Difference {
            steps,
            without,
            with,
            why: "",
        }
    }

    fn differ(without: &[&str], with: &[&str], differences: &[Difference]) -> bool {
        let (without, with) = (of(without), of(with));
        catch_unwind(|| without.is_kept_by(&with, differences)).is_err()
    }

    #[test]
    fn a_line_that_is_not_as_it_was_is_found_and_so_is_another_order() {
        assert!(!differ(&["a", "b"], &["a", "b"], &[]));
        assert!(differ(&["a", "b"], &["a", "c"], &[]));
        assert!(differ(&["a", "b"], &["b", "a"], &[]));
        assert!(differ(&["a"], &["a", "a"], &[]));
    }

    #[test]
    fn a_difference_is_one_of_its_steps_and_has_to_occur_whole() {
        let known = difference(&["one"], &["b"], &["c"]);
        assert!(!differ(&["a", "b"], &["a", "c"], &[known]));
        assert!(differ(&["a", "b"], &["a", "b"], &[known]));
        assert!(differ(&["a", "b"], &["a"], &[known]));
        let elsewhere = difference(&["two"], &["b"], &["c"]);
        assert!(differ(&["a", "b"], &["a", "c"], &[elsewhere]));
        let anywhere = difference(&[], &[], &["c"]);
        assert!(!differ(&["a"], &["a", "c"], &[anywhere]));
        assert!(differ(&["a"], &["a"], &[anywhere]));
    }
}
