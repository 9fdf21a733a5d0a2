//! The broker as high-templar's setting `RABBITMQ` has it.

use std::fmt::Write as _;

use serde::Deserialize;

use crate::options::Secret;

/// One entry of the setting.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RabbitmqEntry {
    /// A name or an address, which a port and `/vhost` may follow.
    Host(String),
    Username(String),
    Password(Secret),
    ExchangeName(String),
    /// high-templar 3 does not read it. Here there is no broker where it is `false`.
    Enabled(bool),
}

/// All entries.
#[derive(Clone, Debug)]
pub(crate) struct Rabbitmq {
    pub(crate) url: Secret,
    pub(crate) exchange_name: Option<String>,
}

/// Reads an entry as a line of TOML.
pub(crate) fn entry(text: &str) -> Result<RabbitmqEntry, &'static str> {
    // What is wrong with it is not told by the reader, which would show a password.
    let entry = text.parse::<toml::Table>().ok();
    entry
        .filter(|table| table.len() == 1)
        .and_then(|table| table.try_into().ok())
        .ok_or(
            "it has to have host, username, password and exchange_name, which are texts, or enabled, \
             which is true or false",
        )
}

impl Rabbitmq {
    /// Puts entries together, or returns `None` if they say that there is no broker. The user is
    /// RabbitMQ's own, `guest`, where none is named.
    pub(crate) fn new(entries: &[RabbitmqEntry]) -> Result<Option<Self>, &'static str> {
        let mut host = None;
        let mut exchange_name = None;
        let (mut username, mut password) = ("guest", "guest");
        let mut is_enabled = !entries.is_empty();
        for entry in entries {
            match entry {
                RabbitmqEntry::Host(text) => host = Some(text),
                RabbitmqEntry::Username(text) => username = text,
                RabbitmqEntry::Password(text) => password = &text.0,
                RabbitmqEntry::ExchangeName(text) => exchange_name = Some(text.clone()),
                RabbitmqEntry::Enabled(enabled) => is_enabled &= *enabled,
            }
        }
        if !is_enabled {
            return Ok(None);
        }
        let host = host.ok_or("host is missing")?;
        let (username, password) = (escaped(username), escaped(password));
        Ok(Some(Self {
            url: Secret(format!("amqp://{username}:{password}@{host}")),
            exchange_name,
        }))
    }
}

/// A text as the user or the password of a URL.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            // Writing into a string does not fail.
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{Rabbitmq, entry};

    fn read(lines: &[&str]) -> Result<Option<Rabbitmq>, &'static str> {
        let entries: Result<Vec<_>, _> = lines.iter().map(|line| entry(line)).collect();
        Rabbitmq::new(&entries?)
    }

    #[test]
    fn a_broker_is_what_high_templar_has_as_one() {
        let lines = [
            "host = \"mq.example:5673\"",
            "username = \"us:er\"",
            "password = \"p@ss\"",
            "exchange_name = \"own\"",
            "enabled = true",
        ];
        let broker = read(&lines).unwrap().unwrap();
        assert_eq!(broker.url.0, "amqp://us%3Aer:p%40ss@mq.example:5673");
        assert_eq!(broker.exchange_name.as_deref(), Some("own"));
        assert!(!format!("{broker:?}").contains("p%40ss"));
        let broker = read(&["host = \"mq\""]).unwrap().unwrap();
        assert_eq!(broker.url.0, "amqp://guest:guest@mq");
        assert!(
            read(&["host = \"mq\"", "enabled = false"])
                .unwrap()
                .is_none()
        );
        assert!(read(&[]).unwrap().is_none());
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        assert_eq!(read(&["username = \"a\""]).unwrap_err(), "host is missing");
        for line in ["password = 1234", "passwd = \"1234\"", "password = \"1234"] {
            let error = read(&[line]).unwrap_err();
            assert!(
                error.contains("exchange_name") && !error.contains("1234"),
                "{error}"
            );
        }
    }
}
