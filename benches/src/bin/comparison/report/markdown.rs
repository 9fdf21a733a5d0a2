use std::fmt::{self, Write};

use super::{Report, Row, Section, Sizes, number::short, targets};
use crate::sides::{Brokering, Side};

impl Report {
    /// All of it as tables, the targets first.
    pub(crate) fn markdown(&self, sizes: &Sizes) -> Result<String, fmt::Error> {
        let mut text = targets::table(self, sizes)?;
        for section in Section::ALL {
            self.section(section, &mut text)?;
        }
        if !self.notes.is_empty() {
            text.push_str("\n## Notes\n");
            for note in &self.notes {
                writeln!(text, "- {note}")?;
            }
        }
        text.push_str("\n## Settings\n");
        for side in self.sides(None) {
            let version = side.version().unwrap_or_else(|| "version unknown".into());
            writeln!(
                text,
                "- **{}** ({version}): {}.",
                side.title(),
                side.settings()
            )?;
        }
        if self.rows.iter().any(|row| row.section == Section::Publish) {
            for broker in Brokering::ALL {
                let version = broker.version().unwrap_or_else(|| "version unknown".into());
                let title = broker.title();
                writeln!(
                    text,
                    "- **{title}** ({version}): nothing of it is written to disk."
                )?;
            }
        }
        Ok(text)
    }

    fn section(&self, section: Section, text: &mut String) -> fmt::Result {
        let sides = self.sides(Some(section));
        if sides.is_empty() {
            return Ok(());
        }
        write!(text, "\n## {}\n{}\n\n|", section.title(), section.how())?;
        for side in &sides {
            write!(text, " | {}", side.title())?;
        }
        write!(text, " |\n|---|{}\n", "---:|".repeat(sides.len()))?;
        for row in self.rows.iter().filter(|row| row.section == section) {
            write!(text, "| {}", row.name)?;
            for side in &sides {
                write!(text, " | {}", cell(row, *side))?;
            }
            text.push_str(" |\n");
        }
        for failure in self.failures.iter().filter(|it| it.section == section) {
            write!(text, "| {}", inline(&failure.what))?;
            for side in &sides {
                let why = if *side == failure.side {
                    format!("failed: {}", inline(&failure.why))
                } else {
                    String::new()
                };
                write!(text, " | {why}")?;
            }
            text.push_str(" |\n");
        }
        Ok(())
    }
}

fn cell(row: &Row, side: Side) -> String {
    row.median(side).map(short).unwrap_or_default()
}

/// What somebody else said, so that it stays within its cell.
fn inline(text: &str) -> String {
    let text = text.replace('|', "\\|");
    let short: String = text.chars().take(200).collect();
    short.split(['\r', '\n']).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_a_table_of_its_sides_and_a_failure_is_a_row() {
        let mut report = Report::default();
        report.add(Section::Echo, "per second", Side::Hub, 18_000.0);
        report.add(Section::Echo, "per second", Side::Inside, 20_000.0);
        let why = "an answer with | and\nlines".into();
        report.fail(Section::Echo, "echoes", Side::Pushpin, &why);
        let mut text = String::new();
        report.section(Section::Echo, &mut text).unwrap();
        let lines: Vec<_> = text
            .lines()
            .skip_while(|line| !line.starts_with('|'))
            .collect();
        assert_eq!(
            lines,
            [
                "| | hub inside | hub program | Pushpin |",
                "|---|---:|---:|---:|",
                "| per second | 20 000 | 18 000 |  |",
                "| echoes |  |  | failed: an answer with \\| and lines |",
            ]
        );
        let mut empty = String::new();
        report.section(Section::Plain, &mut empty).unwrap();
        assert_eq!(empty, "");
    }
}
