//! `make_config`: writes an ini file, as `channelstream_utils make_config` does.

use std::{env, ffi::OsString, fmt::Write as _, fs, io::Write as _, path::PathBuf};

use clap::{CommandFactory as _, Parser as _};
use gripware_program::{Failure, explain};
use serde_json::{Map, Value};

use crate::{PREFIX, options::Options};

/// Writes an ini file with the settings of the JSON or of the variables
#[derive(Debug, clap::Parser)]
#[command(name = "gripware-channelstream make_config")]
struct MakeConfig {
    /// Settings as a JSON object; without it those of the variables
    #[arg(short, long, value_name = "JSON")]
    json: Option<String>,
    /// Where the file is written; without it to standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Settings that are no keys of the file.
const NO_KEYS: [&str; 5] = ["ini", "listen", "help", "version", "debug"];

pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> Result<(), Failure> {
    let parsed = match MakeConfig::try_parse_from(arguments) {
        Err(error) if !error.use_stderr() => {
            let _ = std::io::stdout().write_all(error.to_string().as_bytes());
            return Ok(());
        }
        parsed => parsed.map_err(|error| explain(&error))?,
    };
    let given: Option<Map<String, Value>> = match &parsed.json {
        Some(json) => Some(serde_json::from_str(json).map_err(|_| {
            gripware_program::ConfigError::new("--json: it has to be a JSON object")
        })?),
        None => None,
    };
    let text = text(|key| match &given {
        Some(given) => given.get(key).map(written),
        None => env::var(format!("{PREFIX}_{}", key.to_ascii_uppercase())).ok(),
    });
    match parsed.output {
        Some(path) => fs::write(&path, text)
            .map_err(|error| Failure::other(format_args!("{}: {error}", path.display()))),
        None => {
            let _ = std::io::stdout().write_all(text.as_bytes());
            Ok(())
        }
    }
}

/// Every setting with what it is for, and its value: a line alone where it has the default.
fn text(value: impl Fn(&str) -> Option<String>) -> String {
    let mut text = "[channelstream]\n".to_owned();
    for arg in Options::command().get_arguments() {
        let Some(flag) = arg.get_long().filter(|flag| !NO_KEYS.contains(flag)) else {
            continue;
        };
        let key = flag.replace('-', "_");
        let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
        let default = arg.get_default_values().first();
        let default = default.map(|default| default.to_string_lossy().into_owned());
        let value = value(&key).or(default).unwrap_or_default();
        // What is not set is left out by a comment, as it may not be empty.
        let comment = if value.is_empty() { "# " } else { "" };
        // A value goes on in lines that are indented.
        let value = value.replace('\n', "\n    ");
        let _ = write!(
            text,
            "# {}\n{comment}{key} = {value}\n",
            help.replace('\n', " ")
        );
    }
    text
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(written).collect::<Vec<_>>().join(", "),
        value => value.to_string(),
    }
}
