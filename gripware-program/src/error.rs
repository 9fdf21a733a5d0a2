use std::fmt;

use thiserror::Error;

/// Why a program does not start, on one line. No secret is in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct ConfigError(String);

/// Why a program ends in another way than it was asked to.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum Failure {
    /// A setting is wrong: exit status 2.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// Something else: exit status 1.
    #[error("{0}")]
    Other(String),
}

impl ConfigError {
    /// An error with this text.
    pub fn new(what: impl fmt::Display) -> Self {
        Self(one_line(what))
    }
}

impl Failure {
    /// A failure about the value of a setting, which is called by the name of its flag or variable.
    pub fn setting(name: &str, what: impl fmt::Display) -> Self {
        ConfigError::new(format_args!("{name}: {what}")).into()
    }

    /// A failure with this text that is not about a setting.
    pub fn other(what: impl fmt::Display) -> Self {
        Self::Other(one_line(what))
    }
}

/// Names and paths may have line breaks in them.
fn one_line(what: impl fmt::Display) -> String {
    what.to_string().replace(char::is_control, " ")
}
