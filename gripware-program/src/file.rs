//! Files of settings: TOML with the names of the flags.

use std::{collections::HashMap, fs::File, io::Read, path::Path};

use clap::{Arg, ArgAction, Command};
use toml::de::{DeTable, DeValue};

use crate::{
    ConfigError,
    settings::{CONFIG, Given},
};

/// The most bytes that a file of settings may have.
const MAX_FILE: u64 = 1 << 20;

/// Reads a file of settings: for each name of a flag a text, a number or a boolean, or for a flag
/// that may be repeated a list of texts. Returns the values by the flags' names.
pub(crate) fn read(command: &Command, path: &Path) -> Result<HashMap<String, Given>, ConfigError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text));
    let shown = path.display();
    match read {
        Ok(length) if length as u64 > MAX_FILE => {
            let what = format_args!("{shown}: it has more than {MAX_FILE} bytes");
            Err(ConfigError::new(what))
        }
        Ok(_) => parse(command, &text, path),
        Err(error) => Err(ConfigError::new(format_args!("{shown}: {error}"))),
    }
}

fn parse(
    command: &Command,
    text: &str,
    path: &Path,
) -> Result<HashMap<String, Given>, ConfigError> {
    let line = |offset: usize| 1 + text.bytes().take(offset).filter(|b| *b == b'\n').count();
    let shown = path.display();
    let table = DeTable::parse(text).map_err(|error| {
        let line = line(error.span().map_or(0, |span| span.start));
        ConfigError::new(format_args!("{shown}, line {line}: {}", error.message()))
    })?;
    let mut values = HashMap::new();
    for (key, value) in table.into_inner() {
        let line = line(key.span().start);
        let key = key.get_ref();
        let source = format!("{shown}, line {line}: {key}");
        // A value is not shown: it may be a secret in the wrong place.
        let wrong = |what| ConfigError::new(format_args!("{source}: {what}"));
        let is_named = |arg: &&Arg| arg.get_long() == Some(key.as_ref()) && *key != CONFIG;
        let arg = command.get_arguments().find(is_named);
        let arg = arg.ok_or_else(|| wrong("there is no setting of this name"))?;
        let mut texts = texts(arg, value.into_inner())
            .ok_or_else(|| wrong("it has to be a text, a number or a boolean"))?;
        for text in &mut texts {
            if is_key(arg) {
                *text = beside(path, text);
            }
        }
        values.insert(key.to_string(), Given { texts, source });
    }
    Ok(values)
}

fn texts(arg: &Arg, value: DeValue<'_>) -> Option<Vec<String>> {
    let text = match value {
        DeValue::String(text) => text.into_owned(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Array(all) if matches!(arg.get_action(), ArgAction::Append) => {
            let text = |value: &toml::Spanned<DeValue<'_>>| {
                value.get_ref().as_str().map(ToOwned::to_owned)
            };
            return all.iter().map(text).collect();
        }
        _ => return None,
    };
    Some(vec![text])
}

fn is_key(arg: &Arg) -> bool {
    arg.get_value_names()
        .is_some_and(|names| names.iter().any(|name| name == "KEY"))
}

/// A relative path in a file of settings starts from where that file is, as in Pushpin's.
fn beside(settings: &Path, text: &str) -> String {
    match (text.strip_prefix("file:"), settings.parent()) {
        (Some(path), Some(folder)) => format!("file:{}", folder.join(path).display()),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command() -> Command {
        let arg = |name: &'static str| Arg::new(name).long(name);
        Command::new("test").args([
            arg("listen"),
            arg("max"),
            arg("drain"),
            arg("development"),
            arg("config"),
            arg("key").value_name("KEY"),
            arg("server").action(ArgAction::Append),
        ])
    }

    fn read(text: &str) -> Result<HashMap<String, Given>, ConfigError> {
        parse(&command(), text, Path::new("etc/hub.toml"))
    }

    #[test]
    fn a_file_has_texts_numbers_booleans_and_lists() {
        let values = read(
            "listen = \"[::1]:80\"\nmax = 1_000\n\ndrain = 2.5\ndevelopment = true\n\
             server = [\"a:1\", \"b:2\"]\nkey = \"file:key.hex\"\n",
        );
        let values = values.unwrap();
        assert_eq!(values["listen"].texts, ["[::1]:80"]);
        assert_eq!(values["max"].texts, ["1000"]);
        assert_eq!(values["drain"].texts, ["2.5"]);
        assert_eq!(values["drain"].source, "etc/hub.toml, line 4: drain");
        assert_eq!(values["development"].texts, ["true"]);
        assert_eq!(values["server"].texts, ["a:1", "b:2"]);
        assert_eq!(values["key"].texts, ["file:etc/key.hex"]);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_without_its_value() {
        for (text, what) in [
            (
                "listen = \"x\"\n\nlisten-on = \"y\"\n",
                "etc/hub.toml, line 3: listen-on: there is no setting of this name",
            ),
            (
                "config = \"x\"",
                "etc/hub.toml, line 1: config: there is no setting of this name",
            ),
            (
                "key = [\"s3cret\"]",
                "etc/hub.toml, line 1: key: it has to be a text, a number or a boolean",
            ),
            (
                "server = [1]",
                "etc/hub.toml, line 1: server: it has to be a text, a number or a boolean",
            ),
        ] {
            assert_eq!(read(text).unwrap_err().to_string(), what);
        }
        for broken in [
            "\nkey = s3cret\n",
            "\nkey = \"s3cret\n",
            "\nkey = 's3cret\" s3cret\n",
            "\nkey = \"\\s3cret\"\n",
            "\nkey \"s3cret\"\n",
            "\nlisten = \"a\"\nlisten = \"s3cret\"\n",
        ] {
            let refused = read(broken).unwrap_err().to_string();
            assert!(!refused.contains("s3cret"), "{refused}");
            assert!(refused.starts_with("etc/hub.toml, line "), "{refused}");
            assert!(!refused.contains('\n'), "{refused}");
        }
    }
}
