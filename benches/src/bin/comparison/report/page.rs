use std::{fmt, fs, path::Path};

use super::{Machine, Report, Sizes, svg};
use crate::Error;

/// What stands above the figures.
const HEAD: &str = "# What holding and publishing cost, beside the alternatives

Written by `benches/compare --page FILE`, which anyone can repeat: [README.md](README.md) says how. \
Clients, origin and publisher share the machine with what is measured, so that ratios count and not \
times; figures are medians. What a layer costs without sockets is measured by `cargo bench -p \
gripware-benches --bench middleware`.
";

impl Report {
    /// Writes the report as a page, with the plot beside it.
    ///
    /// # Errors
    /// Where one of the two files cannot be written.
    pub(crate) fn write_page(
        &self,
        file: &Path,
        machine: &Machine,
        sizes: &Sizes,
    ) -> Result<(), Error> {
        let plot = file.with_extension("svg");
        let plot_name = plot.file_name().ok_or("the page has no name")?;
        let has_plot = match svg(self, &sizes.sweep) {
            Some(drawn) => {
                fs::write(&plot, drawn)?;
                Some(plot_name.to_string_lossy())
            }
            None => None,
        };
        fs::write(file, self.page(machine, sizes, has_plot.as_deref())?)?;
        Ok(())
    }

    fn page(
        &self,
        machine: &Machine,
        sizes: &Sizes,
        plot: Option<&str>,
    ) -> Result<String, fmt::Error> {
        let mut page = format!("{HEAD}\n{}\n", machine.sentence());
        let tables = self.markdown(sizes)?;
        match plot {
            // Behind the targets, before the first section.
            Some(plot) => {
                let second = tables.match_indices("\n## ").nth(1);
                let end = second.map_or(tables.len(), |(end, _)| end);
                let (targets, rest) = tables.split_at(end);
                page.push_str(targets);
                page.push_str(&format!("\n![Cost against subscribers]({plot})\n"));
                page.push_str(rest);
            }
            None => page.push_str(&tables),
        }
        Ok(page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{report::Section, sides::Side};

    #[test]
    fn the_page_names_the_machine_and_shows_the_plot_beside_it() {
        let mut report = Report::default();
        for (size, ms) in [(1_000, 4.0), (5_000, 21.0)] {
            let name = crate::measure::last_receipt(size, crate::clients::Kind::Stream);
            report.add(Section::Sweep, name, Side::Hub, ms);
        }
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("RESULTS.md");
        let machine = Machine::here();
        let sizes = Sizes {
            sweep: vec![5_000, 1_000],
            ..Sizes::default()
        };
        report.write_page(&file, &machine, &sizes).unwrap();
        let page = fs::read_to_string(&file).unwrap();
        assert!(page.contains(&machine.sentence()));
        assert!(page.contains("![Cost against subscribers](RESULTS.svg)"));
        let at = |text| page.find(text).unwrap();
        assert!(at("## Targets") < at("![Cost") && at("![Cost") < at("## Cost against"));
        let plot = fs::read_to_string(file.with_extension("svg")).unwrap();
        assert!(plot.starts_with("<svg "));
    }
}
