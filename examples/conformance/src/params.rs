//! Query parameters, where one name may come more than once.

use std::{fmt::Display, str::FromStr, time::Duration};

use gripware_core::ErrorChain;
use thiserror::Error;

/// The parameters of a query, in their order.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

/// A request that cannot be served as it stands. The answer is a 400 with this text.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct BadRequest(String);

impl BadRequest {
    /// A refusal with the cause and what it comes from.
    pub fn because(cause: impl std::error::Error + 'static) -> Self {
        Self(ErrorChain(&cause).to_string())
    }
}

impl Params {
    /// Reads a query string; none is an empty one.
    #[must_use]
    pub fn parse(query: Option<&str>) -> Self {
        Self(
            form_urlencoded::parse(query.unwrap_or_default().as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The refusal of a parameter that cannot be read.
    #[must_use]
    pub fn malformed(name: &str, why: impl Display) -> BadRequest {
        BadRequest(format!("the parameter {name} is malformed: {why}"))
    }

    /// Every value of a parameter.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter.
    #[must_use]
    pub fn first(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// The first value of a parameter that has to be there.
    ///
    /// # Errors
    /// Where it is not.
    pub fn required(&self, name: &str) -> Result<&str, BadRequest> {
        self.first(name)
            .ok_or_else(|| BadRequest(format!("the parameter {name} is missing")))
    }

    /// The first value of a parameter, read as something.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn parsed<T>(&self, name: &str) -> Result<Option<T>, BadRequest>
    where
        T: FromStr,
        T::Err: Display,
    {
        self.first(name)
            .map(|value| value.parse().map_err(|error| Self::malformed(name, error)))
            .transpose()
    }

    /// The first value of a parameter in seconds.
    ///
    /// # Errors
    /// Where it is not a whole number.
    pub fn seconds(&self, name: &str) -> Result<Option<Duration>, BadRequest> {
        Ok(self.parsed(name)?.map(Duration::from_secs))
    }

    /// Every value of a parameter, split at its first `=`.
    ///
    /// # Errors
    /// Where one has none.
    pub fn pairs(&self, name: &str) -> Result<Vec<(&str, &str)>, BadRequest> {
        self.all(name)
            .map(|pair| {
                pair.split_once('=')
                    .ok_or_else(|| BadRequest(format!("the parameter {name} is not key=value")))
            })
            .collect()
    }
}
