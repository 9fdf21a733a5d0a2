//! The settings of high-templar that are read by their own names from the environment.

use std::{collections::HashMap, env};

use gripware_program::{ConfigError, Given};
use serde_json::{Map, Value};

/// Those that are one text.
const TEXTS: [(&str, &str); 2] = [("API_URL", "api-url"), ("API_SOCKET", "api-socket")];

/// Those that have entries: JSON objects, of which each entry becomes a line of TOML.
const OBJECTS: [(&str, &str); 2] = [("RABBITMQ", "rabbitmq"), ("CONNECTION_HEADERS", "headers")];

/// What is set of them, by the names of flags.
pub(crate) fn read() -> Result<HashMap<String, Given>, ConfigError> {
    let mut older = HashMap::new();
    let texts = TEXTS.map(|(variable, flag)| (variable, flag, false));
    let objects = OBJECTS.map(|(variable, flag)| (variable, flag, true));
    for (variable, flag, has_entries) in texts.into_iter().chain(objects) {
        let text = match env::var(variable) {
            Ok(text) if !text.is_empty() => text,
            Err(env::VarError::NotUnicode(_)) => {
                return Err(ConfigError::new(format_args!(
                    "{variable}: it is not UTF-8"
                )));
            }
            _ => continue,
        };
        let texts = match has_entries {
            true => lines(&text).ok_or_else(|| {
                // A value is not shown: it may be a password.
                ConfigError::new(format_args!(
                    "{variable}: it has to be a JSON object of texts, numbers, booleans and such objects"
                ))
            })?,
            false => vec![text],
        };
        let given = Given {
            texts,
            source: variable.to_owned(),
        };
        older.insert(flag.to_owned(), given);
    }
    Ok(older)
}

fn lines(json: &str) -> Option<Vec<String>> {
    let object: Map<String, Value> = serde_json::from_str(json).ok()?;
    object.iter().map(entry).collect()
}

fn entry((name, value): (&String, &Value)) -> Option<String> {
    let name = toml::Value::from(name.as_str());
    Some(format!("{name} = {}", inline(value)?))
}

/// The reader of JSON bounds how deep objects are.
fn inline(value: &Value) -> Option<String> {
    Some(match value {
        Value::String(text) => toml::Value::from(text.as_str()).to_string(),
        Value::Number(_) | Value::Bool(_) => value.to_string(),
        Value::Object(object) => {
            let entries: Option<Vec<_>> = object.iter().map(entry).collect();
            format!("{{ {} }}", entries?.join(", "))
        }
        Value::Null | Value::Array(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn an_object_is_lines_of_toml() {
        let json = r#"{"x-a": {"format": "\"{}\n", "of": {"param": "a"}}, "enabled": true}"#;
        let lines = lines(json).unwrap();
        let tables = lines
            .iter()
            .map(|line| line.parse::<toml::Table>().unwrap());
        let mut tables: Vec<_> = tables.collect();
        tables.sort_by_key(|table| table.contains_key("x-a"));
        assert_eq!(tables[0]["enabled"].as_bool(), Some(true));
        assert_eq!(tables[1]["x-a"]["format"].as_str(), Some("\"{}\n"));
        assert_eq!(tables[1]["x-a"]["of"]["param"].as_str(), Some("a"));
    }

    #[test]
    fn what_is_no_object_of_entries_is_none() {
        for json in ["", "[]", "{\"a\": null}", "{\"a\": [1]}", "amqp://a/"] {
            assert_eq!(lines(json), None, "{json}");
        }
    }
}
