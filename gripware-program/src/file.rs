//! Files of settings: TOML with the names of the flags.

use std::{
    collections::{HashMap, hash_map::Entry},
    fs::File,
    io::Read,
    path::Path,
};

use clap::{Arg, ArgAction, Command};
use toml::{
    Value,
    de::{DeString, DeTable, DeValue},
};

use crate::{
    ConfigError,
    settings::{CONFIG, Given},
};

/// The most bytes that a file of settings may have.
const MAX_FILE: u64 = 1 << 20;

/// Reads a file of settings: for each name of a flag, or alias of one, a text, a number or a boolean, or for a flag
/// that may be repeated a list of texts, or a table, of which each entry is a text `name = value` in
/// TOML. Returns the values by the flags' names.
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
        let mut arguments = command.get_arguments();
        let found =
            arguments.find_map(|arg| Some((arg, arg.get_long()?)).filter(|_| is_of(arg, key)));
        let (arg, name) = found.ok_or_else(|| wrong("there is no setting of this name"))?;
        let mut texts = texts(arg, value.into_inner())
            .ok_or_else(|| wrong("it has to be a text, a number or a boolean"))?;
        for text in &mut texts {
            if is_key(arg) {
                *text = beside(path, text);
            }
        }
        match values.entry(name.to_owned()) {
            Entry::Vacant(vacant) => drop(vacant.insert(Given { texts, source })),
            Entry::Occupied(_) => return Err(wrong("it is there by another name already")),
        }
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
        DeValue::Table(table) if matches!(arg.get_action(), ArgAction::Append) => {
            return table.iter().map(|(key, value)| entry(key, value)).collect();
        }
        _ => return None,
    };
    Some(vec![text])
}

type Spanned<T> = toml::Spanned<T>;

/// An entry of a table on one line.
fn entry(key: &Spanned<DeString<'_>>, value: &Spanned<DeValue<'_>>) -> Option<String> {
    let key = Value::from(key.get_ref().as_ref());
    Some(format!("{key} = {}", inline(value.get_ref())?))
}

/// The reader bounds how deep tables are.
fn inline(value: &DeValue<'_>) -> Option<String> {
    Some(match value {
        DeValue::String(text) => Value::from(text.as_ref()).to_string(),
        DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Table(table) => {
            let entries = table.iter().map(|(key, value)| entry(key, value));
            let entries: Option<Vec<_>> = entries.collect();
            format!("{{ {} }}", entries?.join(", "))
        }
        _ => return None,
    })
}

/// Whether a key names a flag: as the flag is called or by an alias, or in capitals as variables are.
fn is_of(arg: &Arg, key: &str) -> bool {
    let names = arg.get_long().into_iter();
    let mut names = names.chain(arg.get_all_aliases().unwrap_or_default());
    names.any(|name| {
        let is_named = key == name || key == name.replace('-', "_").to_ascii_uppercase();
        is_named && name != CONFIG
    })
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
            arg("server").alias("at").action(ArgAction::Append),
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
    fn a_table_is_a_list_of_its_entries() {
        let values = read(
            "[server]\nx-a = { format = \"\\\"{}\", of = { param = 'a' } }\n\
             [server.\"x b\"]\nfixed = true\n",
        );
        let texts = &values.unwrap()["server"].texts;
        assert_eq!(texts.len(), 2);
        // In the order of their names.
        let [second, first] = [0, 1].map(|n| texts[n].parse::<toml::Table>().unwrap());
        assert_eq!(first["x-a"]["format"].as_str(), Some("\"{}"));
        assert_eq!(first["x-a"]["of"]["param"].as_str(), Some("a"));
        assert_eq!(second["x b"]["fixed"].as_bool(), Some(true));
        assert!(read("[listen]\na = 'b'").is_err());
    }

    #[test]
    fn a_name_may_be_an_alias_and_in_capitals() {
        let values = read("LISTEN = \"[::1]:80\"\n[AT]\na = 'b'").unwrap();
        assert_eq!(values["listen"].texts, ["[::1]:80"]);
        assert_eq!(values["server"].texts.len(), 1);
        assert_eq!(values["server"].source, "etc/hub.toml, line 2: AT");
        for twice in ["listen = 'a'\nLISTEN = 'b'", "at = ['a']\nserver = ['b']"] {
            let refused = read(twice).unwrap_err().to_string();
            assert!(refused.ends_with("by another name already"), "{refused}");
        }
        assert!(read("CONFIG = \"x\"").is_err());
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
