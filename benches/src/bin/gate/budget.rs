//! What each path may cost, as a file that is kept with the code.

use std::{collections::BTreeMap, fs, path::Path};

use crate::{Error, Figure};

/// How far a figure may go beyond its budget, in percent. The counts of calls are the same in every
/// run but for the order in a hash map; those of servers depend on how threads take turns, which moved
/// them by up to 2.2 %.
const TOLERANCE: u64 = 5;

/// Instructions by name.
#[derive(Debug)]
pub(crate) struct Budget {
    by_name: BTreeMap<String, u64>,
}

impl Budget {
    /// Reads lines of a number and a name. A file that is not there is an empty budget.
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = match fs::read_to_string(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            text => text.map_err(|error| format!("{}: {error}", path.display()))?,
        };
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        let by_name = lines
            .map(|line| {
                let wrong = || format!("{}: no number and name: {line:?}", path.display());
                let (count, name) = line.trim_ascii().split_once("  ").ok_or_else(wrong)?;
                Ok((
                    name.trim_ascii().to_owned(),
                    count.parse().map_err(|_| wrong())?,
                ))
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self { by_name })
    }

    /// Prints a table of all figures, and returns whether all are within the budget. With `all`, what
    /// is in the budget has to be among the figures too.
    pub(crate) fn compare(&self, figures: &[Figure], all: bool) -> bool {
        println!("| instructions | counted | budget | moved |");
        println!("|---|---:|---:|---:|");
        let mut is_kept = true;
        for (name, count) in figures {
            let Some(budget) = self.by_name.get(*name).copied() else {
                println!("| {name} | {count} | | new |");
                is_kept = false;
                continue;
            };
            let is_over = *count > budget + budget * TOLERANCE / 100;
            let moved = (*count as f64 / budget.max(1) as f64 - 1.0) * 100.0;
            let verdict = if is_over { ", over" } else { "" };
            println!("| {name} | {count} | {budget} | {moved:+.1} %{verdict} |");
            is_kept &= !is_over;
        }
        let is_counted = |name: &&String| figures.iter().any(|(counted, _)| counted == name);
        for name in self.by_name.keys().filter(|name| !is_counted(name)) {
            if all {
                println!("| {name} | | | not counted any more |");
                is_kept = false;
            }
        }
        println!("\nA figure may be {TOLERANCE} % over its budget.");
        is_kept
    }

    /// Takes the figures over.
    pub(crate) fn accept(&mut self, figures: &[Figure]) {
        let figures = figures.iter();
        self.by_name
            .extend(figures.map(|(name, count)| ((*name).to_owned(), *count)));
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let mut text = String::from(
            "# Instructions: what benches/gate counts. Written by benches/gate --accept.\n",
        );
        for (name, count) in &self.by_name {
            text += &format!("{count:>9}  {name}\n");
        }
        Ok(fs::write(path, text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn budget(text: &str) -> Budget {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("budget.txt");
        fs::write(&path, text).unwrap();
        Budget::read(&path).unwrap()
    }

    #[test]
    fn a_figure_may_be_a_little_over_its_budget_and_no_more() {
        let budget = budget("# a comment\n     1000  decode\n");
        assert!(budget.compare(&[("decode", 1050)], true));
        assert!(budget.compare(&[("decode", 1)], true));
        assert!(!budget.compare(&[("decode", 1051)], true));
    }

    #[test]
    fn what_is_new_or_gone_has_to_be_accepted() {
        let mut budget = budget("     1000  decode\n");
        assert!(!budget.compare(&[("decode", 1000), ("encode", 5)], true));
        assert!(!budget.compare(&[], true));
        assert!(budget.compare(&[], false));
        budget.accept(&[("encode", 5)]);
        assert!(budget.compare(&[("decode", 1000), ("encode", 5)], true));
    }

    #[test]
    fn what_was_written_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("budget.txt");
        let mut written = Budget::read(&path).unwrap();
        written.accept(&[("a plain request", 70_000)]);
        written.write(&path).unwrap();
        let read = Budget::read(&path).unwrap();
        assert_eq!(read.by_name, written.by_name);
    }
}
