use std::fmt;

use thiserror::Error;

use crate::proxy::lenient_json::shown;

/// Why the body of a publish request is refused, in the words that Pushpin answers it with
/// (GRIP 3.1). They are meant for the publisher, beside a status of 400.
///
/// They are one line. A part of the body that is repeated in them is cut at 100 characters, without
/// its control characters.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct DecodeError(Words);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Words {
    NoJson,
    NoObject,
    Invalid(String),
}

impl DecodeError {
    pub(super) const NO_JSON: Self = Self(Words::NoJson);
    pub(super) const NO_OBJECT: Self = Self(Words::NoObject);

    pub(super) fn invalid(words: impl Into<String>) -> Self {
        Self(Words::Invalid(words.into()))
    }

    pub(super) fn wrong_type(of: &str, member: &str) -> Self {
        Self::invalid(format!("{of} contains '{}' with wrong type", shown(member)))
    }

    pub(super) fn wrong_value(of: &str, member: &str) -> Self {
        Self::invalid(format!("{of} contains '{member}' with invalid value"))
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Words::NoJson => f.write_str("Body is not valid JSON."),
            Words::NoObject => f.write_str("Invalid format."),
            Words::Invalid(words) => write!(f, "Invalid format: {words}"),
        }
    }
}
