use std::collections::HashMap;

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use crate::{
    given::{ConfigError, Given, Source},
    help,
    settings::{ALL, Setting},
};

/// What was given by flags.
#[derive(Debug)]
pub(crate) struct Flags(HashMap<&'static str, Given>);

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Asked {
    Run(Flags),
    /// A text to print, and nothing else.
    Print(String),
}

impl Flags {
    pub(crate) fn remove(&mut self, setting: &Setting) -> Option<Given> {
        self.0.remove(setting.name)
    }
}

/// Reads the command line.
pub(crate) fn read(
    arguments: impl IntoIterator<Item = std::ffi::OsString>,
) -> Result<Asked, ConfigError> {
    match command().try_get_matches_from(arguments) {
        Ok(matches) => Ok(Asked::Run(flags(&matches))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Ok(Asked::Print(error.to_string()))
            }
            // It is not shown: it may be a part of a secret that was not quoted.
            ErrorKind::UnknownArgument if !is_flag(&error) => Err(ConfigError::new(
                "there is a value without a flag in front of it; see --help",
            )),
            // The rest is advice on more lines.
            _ => {
                let text = error.to_string();
                let line = text.lines().next().unwrap_or_default();
                let what = line.strip_prefix("error: ").unwrap_or(line);
                Err(ConfigError::new(format_args!("{what}; see --help")))
            }
        },
    }
}

fn command() -> Command {
    Command::new("gripware-hub")
        .version(env!("CARGO_PKG_VERSION"))
        .about(help::ABOUT)
        .override_usage("gripware-hub --origin URL [OPTIONS]")
        .after_help(help::SHORT)
        .after_long_help(help::LONG)
        .max_term_width(100)
        .args(ALL.iter().map(|setting| arg(setting)))
}

fn arg(setting: &'static Setting) -> Arg {
    let mut help = format!("{}.", setting.help);
    if let Some(default) = setting.default {
        help = format!("{help} Default: {default}");
    }
    let arg = Arg::new(setting.name)
        .long(setting.name)
        .value_name(setting.value)
        .help(help)
        .help_heading(setting.group)
        .action(ArgAction::Set);
    if setting.is_switch() {
        arg.num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
    } else {
        arg
    }
}

/// Whether what is wrong begins like a flag.
fn is_flag(error: &clap::Error) -> bool {
    matches!(
        error.get(ContextKind::InvalidArg),
        Some(ContextValue::String(argument)) if argument.starts_with("--")
    )
}

fn flags(matches: &ArgMatches) -> Flags {
    let given = ALL.iter().filter_map(|setting| {
        let text = matches.get_one::<String>(setting.name)?.clone();
        let source = Source::Flag(setting.name);
        Some((setting.name, Given { text, source }))
    });
    Flags(given.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        command().debug_assert();
    }
}
