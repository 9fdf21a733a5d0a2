//! Settings of a program: flags over variables over a file over defaults, all of clap's arguments.

use std::{
    collections::HashMap,
    error::Error as _,
    ffi::{OsStr, OsString},
    io::{self, Write},
    path::Path,
};

use clap::{
    Arg, ArgMatches, Command, CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
    value_parser,
};

use crate::{ConfigError, file};

/// The flag that names the file of settings.
pub(crate) const CONFIG: &str = "config";

/// What was given for a setting, other than by its flag or its variable.
#[derive(Clone, Debug)]
pub struct Given {
    /// The value; several for a flag that may be repeated.
    pub texts: Vec<String>,
    /// Where it was given, for errors.
    pub source: String,
}

/// Reads the settings of a program, or prints what `--help` or `--version` asks for and returns
/// `None`.
///
/// Each flag `--queue-bytes` of `S` is also the variable `PREFIX_QUEUE_BYTES`, and the key
/// `queue-bytes` in the TOML file that the flag `--config` names, where `S` has one. There it may also
/// be an alias of the flag, and in capitals: `QUEUE_BYTES`. A flag wins over
/// its variable, that over `older`, that over the file, and the file over the default. `older` has
/// values by the names of flags, from variables that have other names.
///
/// A flag whose value is called `BOOL` may stand without one for `true`. In a file of settings, a path
/// behind `file:` starts from where that file is, if the value is called `KEY`.
///
/// # Errors
/// Where something is wrong, with where it was given. No value is in it, which may be a secret.
pub fn read<S: CommandFactory + FromArgMatches>(
    prefix: &str,
    arguments: impl IntoIterator<Item = OsString>,
    older: HashMap<String, Given>,
) -> Result<Option<S>, ConfigError> {
    #[cfg(unix)]
    crate::activation::init();
    let arguments: Vec<_> = arguments.into_iter().collect();
    let command = S::command().mut_args(|arg| prepared(arg, prefix));
    // As texts first, for what they are and where they come from.
    let texts = command.clone().mut_args(|arg| {
        let arg = arg.value_parser(value_parser!(OsString));
        arg.required(false)
    });
    let texts = match texts.try_get_matches_from(&arguments) {
        Ok(texts) => texts,
        Err(error) if !error.use_stderr() => {
            let _ = io::stdout().write_all(error.to_string().as_bytes());
            return Ok(None);
        }
        Err(error) => return Err(explain(&error)),
    };
    let mut more = HashMap::new();
    if let Ok(Some(path)) = texts.try_get_one::<OsString>(CONFIG) {
        let path_source = source(&command, &texts, &more, CONFIG);
        more = file::read(&command, Path::new(path))
            .map_err(|error| in_file(&error, path, &path_source))?;
    }
    more.extend(older);
    let sources = |name: &str| source(&command, &texts, &more, name);
    for arg in command.get_arguments() {
        let is_text = |value: &OsStr| value.to_str().is_some();
        let mut values = texts.get_raw(arg.get_id().as_str()).into_iter().flatten();
        if let (Some(name), false) = (arg.get_long(), values.all(is_text)) {
            let source = sources(name);
            return Err(ConfigError::new(format_args!("{source}: it is not UTF-8")));
        }
    }
    let typed = command.clone().mut_args(|arg| {
        let given = arg.get_long().and_then(|name| more.get(name));
        match given.map(|given| given.texts.clone()) {
            Some(texts) if !texts.is_empty() => arg.required(false).default_values(texts),
            _ => arg,
        }
    });
    let matches = typed.try_get_matches_from(&arguments);
    let settings = matches.and_then(|matches| S::from_arg_matches(&matches));
    match settings {
        Ok(settings) => Ok(Some(settings)),
        Err(error) => Err(wrong(&error, prefix, sources)),
    }
}

/// What is wrong with a command line, on one line and without values.
#[must_use]
pub fn explain(error: &clap::Error) -> ConfigError {
    let argument = error.get(ContextKind::InvalidArg);
    let is_flag = matches!(argument, Some(ContextValue::String(text)) if text.starts_with("--"));
    // It is not shown: it may be a part of a secret that was not quoted.
    if error.kind() == ErrorKind::UnknownArgument && !is_flag {
        return ConfigError::new("there is a value without a flag in front of it; see --help");
    }
    // The rest is advice on more lines.
    let text = error.to_string();
    let mut lines = text.lines();
    let line = lines.next().unwrap_or_default();
    let what = line.strip_prefix("error: ").unwrap_or(line);
    // A list on the next line.
    let list = match what.ends_with(':') {
        true => lines.next().map_or("", str::trim_ascii),
        false => "",
    };
    ConfigError::new(
        format_args!("{what} {list}")
            .to_string()
            .trim_ascii_end()
            .to_owned()
            + "; see --help",
    )
}

/// What is wrong with a value, or which one is missing.
fn wrong(error: &clap::Error, prefix: &str, source: impl Fn(&str) -> String) -> ConfigError {
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => argument,
        Some(ContextValue::Strings(arguments)) => arguments.first().map_or("", String::as_str),
        _ => "",
    };
    // As the usage has it: `--drain <TIME>`, `--development[=<BOOL>]`.
    let name = argument.trim_start_matches('-');
    let end = name.find([' ', '[', '=']).unwrap_or(name.len());
    let name = name.get(..end).unwrap_or_default();
    match (error.kind(), error.source()) {
        (ErrorKind::ValueValidation, Some(what)) => {
            ConfigError::new(format_args!("{}: {what}", source(name)))
        }
        (ErrorKind::MissingRequiredArgument, _) => {
            let variable = variable(prefix, name);
            ConfigError::new(format_args!(
                "--{name} is required (or {variable}, or `{name}` in the file of --config)"
            ))
        }
        _ => explain(error),
    }
}

/// A file that cannot be read names itself; where it was named is said in front.
fn in_file(error: &ConfigError, path: &OsStr, source: &str) -> ConfigError {
    let is_of_its_text = error
        .to_string()
        .starts_with(&format!("{}, line ", Path::new(path).display()));
    match is_of_its_text {
        true => error.clone(),
        false => ConfigError::new(format_args!("{source}: {error}")),
    }
}

/// Where the value of a setting was given.
fn source(
    command: &Command,
    texts: &ArgMatches,
    more: &HashMap<String, Given>,
    name: &str,
) -> String {
    let is_named = |arg: &&Arg| arg.get_long() == Some(name);
    let arg = command.get_arguments().find(is_named);
    match arg.map(|arg| (arg, texts.value_source(arg.get_id().as_str()))) {
        Some((_, Some(ValueSource::CommandLine))) => format!("--{name}"),
        Some((arg, Some(ValueSource::EnvVariable))) => {
            let variable = arg.get_env().map(OsStr::to_string_lossy);
            variable.unwrap_or_default().into_owned()
        }
        _ => match more.get(name) {
            Some(given) => given.source.clone(),
            None => format!("the default of --{name}"),
        },
    }
}

/// A flag with its variable, and a switch that may stand without its value.
fn prepared(arg: Arg, prefix: &str) -> Arg {
    let Some(name) = arg.get_long() else {
        return arg;
    };
    let variable = variable(prefix, name);
    let is_switch = arg.get_value_names().is_some_and(|names| names == ["BOOL"]);
    let arg = arg.env(variable).hide_env(true);
    match is_switch {
        true => arg
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        false => arg,
    }
}

fn variable(prefix: &str, name: &str) -> String {
    let name = name.replace('-', "_").to_ascii_uppercase();
    format!("{prefix}_{name}")
}
