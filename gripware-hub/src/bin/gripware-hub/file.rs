use std::{collections::HashMap, fs::File, io::Read, path::Path};

use toml::de::{DeTable, DeValue};

use crate::{
    given::{ConfigError, Given, Source},
    settings::{self, Setting},
};

/// The most bytes that a file of settings may have.
const MAX_FILE: u64 = 1 << 20;

/// Reads a file of settings: the names of the flags, each with a text, a number or a boolean.
pub(crate) fn read(
    path: &Path,
    source: &Source,
) -> Result<HashMap<&'static str, Given>, ConfigError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text));
    let path_text = path.display();
    match read {
        Ok(length) if length as u64 > MAX_FILE => {
            let what = format_args!("{path_text}: it has more than {MAX_FILE} bytes");
            return Err(ConfigError::at(source, what));
        }
        Ok(_) => {}
        Err(error) => {
            return Err(ConfigError::at(
                source,
                format_args!("{path_text}: {error}"),
            ));
        }
    }
    parse(&text, path)
}

fn parse(text: &str, path: &Path) -> Result<HashMap<&'static str, Given>, ConfigError> {
    let line = |offset: usize| 1 + text.bytes().take(offset).filter(|b| *b == b'\n').count();
    let table = DeTable::parse(text).map_err(|error| {
        let line = line(error.span().map_or(0, |span| span.start));
        let what = error.message();
        ConfigError::new(format_args!("{}, line {line}: {what}", path.display()))
    })?;
    let mut values = HashMap::new();
    for (key, value) in table.into_inner() {
        let source = Source::File {
            path: path.to_owned(),
            line: line(key.span().start),
            key: key.get_ref().to_string(),
        };
        let Some(setting) = setting(key.get_ref()) else {
            return Err(ConfigError::at(&source, "there is no setting of this name"));
        };
        // A value is not shown: it may be a secret in the wrong place.
        let text = match value.into_inner() {
            DeValue::String(text) => text.into_owned(),
            DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
            DeValue::Float(number) => number.as_str().to_owned(),
            DeValue::Boolean(value) => value.to_string(),
            _ => {
                let what = "it has to be a text, a number or a boolean";
                return Err(ConfigError::at(&source, what));
            }
        };
        values.insert(setting.name, Given { text, source });
    }
    Ok(values)
}

/// A file names no other one.
fn setting(key: &str) -> Option<&'static Setting> {
    settings::ALL
        .iter()
        .find(|setting| setting.name == key && setting.name != settings::CONFIG.name)
        .copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        parse(text, Path::new("hub.toml")).unwrap_err().to_string()
    }

    #[test]
    fn a_file_has_texts_numbers_and_booleans() {
        let text =
            "listen = \"[::1]:80\"\nqueue-messages = 1_000\n\ndrain = 2.5\ndevelopment = true\n";
        let values = parse(text, Path::new("hub.toml")).unwrap();
        assert_eq!(values["listen"].text, "[::1]:80");
        assert_eq!(values["queue-messages"].text, "1000");
        assert_eq!(values["drain"].text, "2.5");
        assert_eq!(
            values["drain"].source.to_string(),
            "hub.toml, line 4: drain"
        );
        assert_eq!(values["development"].text, "true");
    }

    #[test]
    fn what_is_wrong_is_said_with_its_line_and_without_its_value() {
        assert_eq!(
            refused("listen = \"x\"\n\nlisten-on = \"y\"\n"),
            "hub.toml, line 3: listen-on: there is no setting of this name"
        );
        assert_eq!(
            refused("config = \"x\""),
            "hub.toml, line 1: config: there is no setting of this name"
        );
        assert_eq!(
            refused("sig-key = [\"s3cret\"]"),
            "hub.toml, line 1: sig-key: it has to be a text, a number or a boolean"
        );
        for broken in [
            "\nsig-key = s3cret\n",
            "\nsig-key = \"s3cret\n",
            "\nsig-key = 's3cret\" s3cret\n",
            "\nsig-key = \"\\s3cret\"\n",
            "\nsig-key \"s3cret\"\n",
            "\nlog = \"a\"\nlog = \"s3cret\"\n",
        ] {
            let refused = refused(broken);
            assert!(!refused.contains("s3cret"), "{refused}");
            assert!(refused.starts_with("hub.toml, line "), "{refused}");
            assert!(!refused.contains('\n'), "{refused}");
        }
    }
}
