use serde_json::{Map, Value, json};

use super::{Machine, Report, Section, Sizes, targets};
use crate::sides::Brokering;

impl Report {
    /// All of it for programs: each figure with its median and all that it is the median of.
    pub(crate) fn json(&self, machine: &Machine, sizes: &Sizes) -> Value {
        let sides: Map<String, Value> = self
            .sides(None)
            .into_iter()
            .map(|side| {
                let about = json!({
                    "title": side.title(),
                    "version": side.version(),
                    "settings": side.settings(),
                });
                (side.key().to_owned(), about)
            })
            .collect();
        let brokers: Map<String, Value> = Brokering::ALL
            .into_iter()
            .map(|broker| (broker.title().to_owned(), broker.version().into()))
            .collect();
        json!({
            "machine": machine,
            "sides": sides,
            "brokers": brokers,
            "targets": targets::json(self, sizes),
            "figures": self.figures(),
            "failures": self.failures.iter().map(|failure| json!({
                "section": failure.section.key(),
                "what": failure.what,
                "side": failure.side.key(),
                "why": failure.why,
            })).collect::<Vec<_>>(),
            "notes": self.notes,
        })
    }

    fn figures(&self) -> Vec<Value> {
        let mut figures = Vec::new();
        for section in Section::ALL {
            for row in self.rows.iter().filter(|row| row.section == section) {
                let sides = self.sides(Some(section)).into_iter();
                let sides: Map<String, Value> = sides
                    .filter_map(|side| {
                        let median = row.median(side)?;
                        let all = row.figures(side);
                        Some((side.key().to_owned(), json!({"median": median, "all": all})))
                    })
                    .collect();
                figures.push(json!({"section": section.key(), "name": row.name, "sides": sides}));
            }
        }
        figures
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sides::Side;

    #[test]
    fn every_figure_and_failure_is_there_with_the_settings_of_its_side() {
        let mut report = Report::default();
        for figure in [3.0, 1.0, 2.0] {
            report.add(Section::Echo, "per second", Side::Hub, figure);
        }
        report.fail(Section::Plain, "requests", Side::Pushpin, &"gone".into());
        let json = report.json(&Machine::here(), &Sizes::default());
        assert_eq!(
            json.pointer("/figures/0"),
            Some(&json!({"section": "echo", "name": "per second", "sides": {
                "hub": {"median": 2.0, "all": [3.0, 1.0, 2.0]},
            }}))
        );
        assert_eq!(json.pointer("/failures/0/why"), Some(&json!("gone")));
        assert!(json.pointer("/sides/pushpin/settings").is_some());
        assert!(json.pointer("/machine/cores").is_some());
    }
}
