//! The settings of high-templar that are read by their own names from the environment.

use std::{collections::HashMap, env};

use gripware_program::{ConfigError, Given};
use serde_json::{Map, Value};

/// Those that are one text.
const TEXTS: [(&str, &str); 3] = [
    ("API_URL", "api-url"),
    ("API_SOCKET", "api-socket"),
    ("FORWARD_IP", "forward-ip"),
];

/// Those that have entries: JSON objects, of which each entry becomes a line of TOML.
const OBJECTS: [(&str, &str); 3] = [
    ("RABBITMQ", "rabbitmq"),
    ("CONNECTION_HEADERS", "headers"),
    ("REQUEST_KWARGS", "request-kwargs"),
];

/// Those that are several texts: JSON lists.
const LISTS: [(&str, &str); 1] = [("USER_ID_PATH", "user-id-path")];

/// How the text of a variable is read; `None` if it is not what it has to be.
type Reader = fn(&str) -> Option<Vec<String>>;

/// What is set of them, by the names of flags.
pub(crate) fn read() -> Result<HashMap<String, Given>, ConfigError> {
    let mut older = HashMap::new();
    let texts: (&[_], Reader, _) = (&TEXTS, |text| Some(vec![text.to_owned()]), "a text");
    let objects: (&[_], Reader, _) = (
        &OBJECTS,
        lines,
        "a JSON object of texts, numbers, booleans and such objects",
    );
    let lists: (&[_], Reader, _) = (&LISTS, names, "a JSON list of texts");
    let kinds = [texts, objects, lists];
    let all = kinds.iter().flat_map(|(settings, read, what)| {
        let setting = move |(variable, flag): &(_, _)| (*variable, *flag, read, what);
        settings.iter().map(setting)
    });
    for (variable, flag, read, what) in all {
        let text = match env::var(variable) {
            Ok(text) if !text.is_empty() => text,
            Err(env::VarError::NotUnicode(_)) => {
                return Err(ConfigError::new(format_args!(
                    "{variable}: it is not UTF-8"
                )));
            }
            _ => continue,
        };
        // A value is not shown: it may be a password.
        let texts = read(&text)
            .ok_or_else(|| ConfigError::new(format_args!("{variable}: it has to be {what}")))?;
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

fn names(json: &str) -> Option<Vec<String>> {
    serde_json::from_str(json).ok()
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
