use std::{borrow::Cow, fmt};

use thiserror::Error;

use crate::proxy::lenient_json::shown;

/// What a proxy cannot obey. Its client gets a 502.
///
/// It prints as one line that says what is wrong, with at most 200 characters of what stood on the
/// wire. It is for the log, and for the client only while an application is developed: Pushpin puts
/// `Failed to parse accept instructions: ` before it (GRIP 1.4).
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct InstructionError(Wrong);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Wrong {
    Value {
        part: &'static str,
        value: String,
        why: &'static str,
    },
    Body(Cow<'static, str>),
}

impl InstructionError {
    pub(super) fn new(part: &'static str, value: &str, why: &'static str) -> Self {
        let value = value.chars().take(200).collect();
        Self(Wrong::Value { part, value, why })
    }

    /// What is wrong with an `application/grip-instruct` body.
    pub(super) fn body(words: impl Into<Cow<'static, str>>) -> Self {
        Self(Wrong::Body(words.into()))
    }

    pub(super) fn wrong_type(of: &str, member: &str) -> Self {
        Self::body(format!("{of} contains '{}' with wrong type", shown(member)))
    }

    pub(super) fn wrong_value(of: &str, member: &str) -> Self {
        Self::body(format!(
            "{of} contains '{}' with invalid value",
            shown(member)
        ))
    }
}

impl fmt::Display for InstructionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Wrong::Value { part, value, why } => write!(f, "{part} cannot be {value:?}: {why}"),
            Wrong::Body(words) => write!(f, "application/grip-instruct: {words}"),
        }
    }
}
