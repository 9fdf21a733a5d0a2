use std::{collections::HashMap, fs::File, io::Read, path::Path};

use toml::{Table, Value};

use super::{given::ConfigError, settings::Program};

/// The most bytes that a file of settings may have.
const MAX_FILE: u64 = 1 << 20;

/// Reads a file of settings: the names of the flags, each with a text, a number, a boolean, or a list
/// of texts.
pub(super) fn read(
    program: &Program,
    path: &Path,
) -> Result<HashMap<&'static str, (String, String)>, ConfigError> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text));
    match read {
        Ok(length) if length as u64 > MAX_FILE => {
            let what = format_args!("{}: it has more than {MAX_FILE} bytes", path.display());
            Err(ConfigError::new(what))
        }
        Ok(_) => parse(program, &text, path),
        Err(error) => Err(ConfigError::new(format_args!(
            "{}: {error}",
            path.display()
        ))),
    }
}

fn parse(
    program: &Program,
    text: &str,
    path: &Path,
) -> Result<HashMap<&'static str, (String, String)>, ConfigError> {
    let path = path.display();
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        ConfigError::new(format_args!("{path}: {}", error.message()))
    })?;
    let mut values = HashMap::new();
    for (key, value) in table {
        let setting = program.settings.iter().find(|it| it.name == key);
        let wrong = |what| ConfigError::new(format_args!("{path}: {key}: {what}"));
        let setting = setting.ok_or_else(|| wrong("there is no setting of this name"))?;
        let text = match value {
            Value::String(text) => Some(text),
            Value::Integer(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Boolean(is) => Some(is.to_string()),
            Value::Array(all) if setting.is_list() => {
                let all: Option<Vec<_>> = all.iter().map(Value::as_str).collect();
                all.map(|all| all.join(","))
            }
            _ => None,
        };
        let text = text.ok_or_else(|| wrong("it has to be a text, a number or a boolean"))?;
        values.insert(setting.name, (text, format!("{path}: {key}")));
    }
    Ok(values)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::program::settings::CLIENT;

    #[test]
    fn a_file_has_the_names_of_the_flags() {
        let read = |text| parse(&CLIENT, text, Path::new("f"));
        let text = "server = [\"a:1\", \"b:2\"]\nmax-calls = 3\nwait = 0.5\nrepeat = false";
        let values = read(text).unwrap();
        assert_eq!(values["server"].0, "a:1,b:2");
        assert_eq!(values["max-calls"].0, "3");
        assert_eq!(values["wait"], ("0.5".to_owned(), "f: wait".to_owned()));
        for (wrong, what) in [
            ("x = 1", "f: x: there is no setting of this name"),
            (
                "ca = [\"a\"]",
                "f: ca: it has to be a text, a number or a boolean",
            ),
            (
                "pipe = \"a:1\"",
                "f: pipe: there is no setting of this name",
            ),
        ] {
            assert_eq!(read(wrong).unwrap_err().to_string(), what);
        }
        assert!(!read("=").unwrap_err().to_string().contains('\n'));
    }
}
