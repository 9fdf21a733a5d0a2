use std::path::PathBuf;

use clap::Parser;

use crate::{Error, plan::Plan, report::Section, sides::Side};

/// Compares what holding and publishing cost, by the hub and by others.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// A small run of about two minutes, to see that all works. Without it about 25 minutes.
    #[arg(long)]
    quick: bool,

    /// The hub's program. By default the one beside this program.
    #[arg(long, value_name = "FILE")]
    hub: Option<PathBuf>,

    /// Only these sides, with commas between them: inside, no-op, router, hub, deflate, pushpin,
    /// nchan, nginx, floor, bare, origin.
    #[arg(long, value_name = "SIDES", value_delimiter = ',', value_parser = side)]
    only: Vec<Side>,

    /// Only these parts, with commas between them: plain, echo, held (with one message and sustained
    /// publishing), sweep, stalled, deflate, channels, publish.
    #[arg(long, value_name = "PARTS", value_delimiter = ',', value_parser = part)]
    part: Vec<Section>,

    /// How often each is measured, by turns. The tables have the medians.
    #[arg(long)]
    rounds: Option<usize>,

    /// How many connections are held for one message and for memory.
    #[arg(long)]
    many: Option<usize>,

    /// How many connections are held for sustained publishing.
    #[arg(long)]
    few: Option<usize>,

    /// The numbers of subscribers that one message is sent to.
    #[arg(long, value_name = "NUMBERS", value_delimiter = ',')]
    sweep: Vec<usize>,

    /// Write the figures as JSON.
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,

    /// Draw cost against subscribers.
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Write the figures as a page of the documentation, with the plot beside it.
    #[arg(long, value_name = "FILE")]
    pub(crate) page: Option<PathBuf>,

    /// Instead of all this, let clients come and go at the hub for so many minutes, and see whether
    /// anything of them stays.
    #[arg(long, value_name = "MINUTES")]
    pub(crate) soak: Option<f64>,

    /// How many clients there are at a time for that. Each needs an open file here and in the hub.
    #[arg(long, default_value_t = 10_000)]
    pub(crate) soak_clients: usize,
}

impl Options {
    /// The hub's program.
    pub(crate) fn program(&self) -> Result<PathBuf, Error> {
        Ok(match &self.hub {
            Some(program) => program.clone(),
            None => std::env::current_exe()?.with_file_name("gripware-hub"),
        })
    }

    /// How much is to be measured.
    pub(crate) fn plan(&self) -> Plan {
        let mut plan = if self.quick {
            Plan::quick()
        } else {
            Plan::full()
        };
        plan.rounds = self.rounds.unwrap_or(plan.rounds).max(1);
        plan.sizes.many = self.many.unwrap_or(plan.sizes.many).max(1);
        plan.sizes.few = self.few.unwrap_or(plan.sizes.few).clamp(1, plan.sizes.many);
        if !self.sweep.is_empty() {
            plan.sizes.sweep.clone_from(&self.sweep);
        }
        plan.sizes.sweep.retain(|size| *size > 0);
        plan.sizes
            .sweep
            .sort_unstable_by(|one, other| other.cmp(one));
        plan
    }

    /// Those of these sides that are asked for.
    pub(crate) fn sides(&self, of: &[Side]) -> Vec<Side> {
        let is_asked_for = |side: &Side| self.only.is_empty() || self.only.contains(side);
        of.iter().copied().filter(is_asked_for).collect()
    }

    /// Whether a part is asked for.
    pub(crate) fn has(&self, part: Section) -> bool {
        self.part.is_empty() || self.part.contains(&part)
    }
}

fn side(name: &str) -> Result<Side, String> {
    let side = Side::ALL.into_iter().find(|side| side.key() == name);
    side.ok_or_else(|| format!("there is no side {name}"))
}

fn part(name: &str) -> Result<Section, String> {
    let part = Section::PARTS.into_iter().find(|part| part.key() == name);
    part.ok_or_else(|| format!("there is no part {name}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_names_every_side_and_part() {
        Options::command().debug_assert();
        let help = Options::command().render_long_help().to_string();
        for side in Side::ALL {
            assert!(help.contains(side.key()), "{side:?}");
        }
        for part in Section::PARTS {
            assert!(help.contains(part.key()), "{part:?}");
        }
        let arguments = [
            "comparison",
            "--quick",
            "--only",
            "hub,nchan",
            "--part",
            "sweep",
        ];
        let options = Options::parse_from(arguments);
        assert_eq!(options.sides(&[Side::Hub, Side::Bare]), [Side::Hub]);
        assert!(options.has(Section::Sweep) && !options.has(Section::Plain));
        assert!(Options::try_parse_from(["comparison", "--only", "nobody"]).is_err());
    }

    #[test]
    fn numbers_of_subscribers_go_from_the_largest_down() {
        let options = Options::parse_from(["comparison", "--sweep", "5,0,20,10", "--few", "9000"]);
        let plan = options.plan();
        assert_eq!(plan.sizes.sweep, [20, 10, 5]);
        assert_eq!(plan.sizes.few, plan.sizes.many);
    }
}
