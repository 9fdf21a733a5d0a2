use std::fmt;

/// The figures so far, and what a reader of them has to know.
#[derive(Debug, Default)]
pub(crate) struct Report {
    rows: Vec<Row>,
    notes: Vec<String>,
}

#[derive(Debug)]
struct Row {
    name: String,
    figures: Vec<(&'static str, f64)>,
}

impl Report {
    /// Adds a figure. What the table has of all that were added to a row is the median.
    pub(crate) fn add(&mut self, row: impl Into<String>, column: &'static str, figure: f64) {
        let name = row.into();
        match self.rows.iter_mut().find(|row| row.name == name) {
            Some(row) => row.figures.push((column, figure)),
            None => self.rows.push(Row {
                name,
                figures: vec![(column, figure)],
            }),
        }
    }

    pub(crate) fn note(&mut self, note: String) {
        self.notes.push(note);
    }
}

impl Row {
    fn median(&self, column: &str) -> Option<f64> {
        let figures = self.figures.iter().filter(|(of, _)| *of == column);
        let mut figures: Vec<f64> = figures.map(|(_, figure)| *figure).collect();
        figures.sort_by(f64::total_cmp);
        figures.get(figures.len() / 2).copied()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| | hub | Pushpin | hub / Pushpin | bare write loop | origin alone |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|")?;
        for row in &self.rows {
            let (hub, pushpin) = (row.median("hub"), row.median("pushpin"));
            let ratio = hub.zip(pushpin).filter(|(_, pushpin)| *pushpin > 0.0);
            let ratio = ratio.map(|(hub, pushpin)| hub / pushpin);
            writeln!(
                f,
                "| {} | {} | {} | {} | {} | {} |",
                row.name,
                short(hub),
                short(pushpin),
                short(ratio),
                short(row.median("bare")),
                short(row.median("origin"))
            )?;
        }
        for note in &self.notes {
            writeln!(f, "\n{note}")?;
        }
        Ok(())
    }
}

/// Three digits, or all before the point.
fn short(figure: Option<f64>) -> String {
    match figure {
        None => String::new(),
        Some(figure) if figure >= 100.0 => format!("{figure:.0}"),
        Some(figure) if figure >= 10.0 => format!("{figure:.1}"),
        Some(figure) => format!("{figure:.2}"),
    }
}
