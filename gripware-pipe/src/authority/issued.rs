use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// What a certificate is for. It is no good for the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    Server,
    Client,
}

/// A line of the list of certificates.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Issued {
    pub(super) serial: Vec<u8>,
    pub(super) role: Role,
    pub(super) name: String,
    pub(super) until: OffsetDateTime,
    pub(super) revoked: Option<OffsetDateTime>,
}

impl Role {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

impl Issued {
    pub(super) fn line(&self) -> String {
        let serial: String = self
            .serial
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        // Times of this century can always be written.
        let text = |time: OffsetDateTime| time.format(&Rfc3339).unwrap_or_default();
        let role = self.role.as_str();
        let line = format!("{serial} {role} {} {}", self.name, text(self.until));
        match self.revoked {
            Some(time) => format!("{line} revoked {}\n", text(time)),
            None => format!("{line}\n"),
        }
    }

    pub(super) fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let serial = words.next()?;
        let pairs = (0..serial.len()).step_by(2);
        let serial: Option<Vec<u8>> = pairs
            .map(|at| u8::from_str_radix(serial.get(at..at + 2)?, 16).ok())
            .collect();
        let role = match words.next()? {
            "server" => Role::Server,
            "client" => Role::Client,
            _ => return None,
        };
        let time = |text: &str| OffsetDateTime::parse(text, &Rfc3339).ok();
        Some(Self {
            serial: serial.filter(|it| !it.is_empty())?,
            role,
            name: words.next()?.to_owned(),
            until: time(words.next()?)?,
            revoked: match words.next() {
                None => None,
                Some("revoked") => Some(time(words.next()?)?),
                Some(_) => return None,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_reads_as_it_was_written(
            serial in prop::collection::vec(any::<u8>(), 1..20),
            seconds in 0_i64..4_000_000_000,
            is_revoked: bool,
        ) {
            let until = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            let (role, name) = (Role::Client, "app".to_owned());
            let issued = Issued { serial, role, name, until, revoked: is_revoked.then_some(until) };
            prop_assert_eq!(Issued::parse(issued.line().trim_ascii_end()), Some(issued));
        }

        #[test]
        fn no_line_panics(line in "[0-9a-fé]{0,5} (server|client)? ?.{0,30}") {
            let _ = Issued::parse(&line);
        }
    }
}
