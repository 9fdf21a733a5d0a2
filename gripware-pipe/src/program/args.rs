use std::{collections::HashMap, ffi::OsString};

use clap::{
    Arg, ArgAction, ArgMatches, Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::{
    given::ConfigError,
    help,
    settings::{Program, Setting},
};

/// What the command line asks for.
#[derive(Debug)]
pub(super) enum Asked {
    /// With the values of flags, by the names of their settings.
    Run(HashMap<&'static str, String>),
    /// A text to print, and nothing else.
    Print(String),
}

pub(super) fn read(
    program: &'static Program,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Asked, ConfigError> {
    match command(program).try_get_matches_from(arguments) {
        Ok(matches) => Ok(Asked::Run(flags(program, &matches))),
        Err(error) => match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
                Ok(Asked::Print(error.to_string()))
            }
            _ => Err(wrong(&error)),
        },
    }
}

/// What is wrong with a command line, on one line.
pub(super) fn wrong(error: &clap::Error) -> ConfigError {
    let argument = error.get(ContextKind::InvalidArg);
    let is_flag = matches!(argument, Some(ContextValue::String(text)) if text.starts_with("--"));
    // It is not shown: it may be a part of a secret that was not quoted.
    if error.kind() == ErrorKind::UnknownArgument && !is_flag {
        return ConfigError::new("there is a value without a flag in front of it; see --help");
    }
    // The rest is advice on more lines.
    let text = error.to_string();
    let line = text.lines().next().unwrap_or_default();
    let what = line.strip_prefix("error: ").unwrap_or(line);
    let missing = text.lines().nth(1).map_or("", str::trim_ascii);
    let what = if what.ends_with(':') {
        format!("{what} {missing}")
    } else {
        what.to_owned()
    };
    ConfigError::new(format_args!("{what}; see --help"))
}

fn command(program: &'static Program) -> Command {
    Command::new(program.name)
        .version(env!("CARGO_PKG_VERSION"))
        .about(program.about)
        .override_usage(program.usage)
        .after_help(help::after(program))
        .max_term_width(100)
        .args(program.settings.iter().map(|setting| arg(setting)))
}

fn arg(setting: &'static Setting) -> Arg {
    let mut help = format!("{}.", setting.help);
    if let Some(default) = setting.default {
        help = format!("{help} Default: {default}");
    }
    let arg = Arg::new(setting.name)
        .long(setting.name)
        .value_name(setting.value.trim_end_matches('…'))
        .help(help)
        .help_heading(setting.group);
    if setting.is_switch() {
        arg.num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true")
    } else if setting.is_list() {
        arg.action(ArgAction::Append)
    } else {
        arg
    }
}

fn flags(program: &Program, matches: &ArgMatches) -> HashMap<&'static str, String> {
    let settings = program.settings.iter();
    settings
        .filter_map(|setting| {
            let given = matches.get_many::<String>(setting.name)?;
            let given: Vec<_> = given.map(String::as_str).collect();
            Some((setting.name, given.join(",")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::settings::{CLIENT, SERVER};

    #[test]
    fn the_command_lines_are_consistent() {
        command(&SERVER).debug_assert();
        command(&CLIENT).debug_assert();
    }

    #[test]
    fn what_may_be_repeated_is_a_list() {
        let arguments = ["x", "--server", "a:1", "--server", "b:2", "--development"];
        let asked = read(&CLIENT, arguments.map(Into::into)).unwrap();
        let Asked::Run(flags) = asked else { panic!() };
        assert_eq!(flags["server"], "a:1,b:2");
        assert_eq!(flags["development"], "true");
    }
}
