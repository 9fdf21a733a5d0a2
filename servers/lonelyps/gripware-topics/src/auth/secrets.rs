//! The file with the secrets, `broadcaster-secrets.json` and `subscriber-secrets.json`: version 2 of
//! the original's, in which both ends have the same.

use std::{
    fs,
    io::{self, Read},
    path::Path,
};

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::{Credential, Kind, SecretError};

/// Most bytes of a file with secrets. It has half a KiB.
const MAX_FILE: usize = 64 * 1024;

/// Both secrets.
///
/// ```
/// use gripware_topics::Auth;
///
/// let auth = Auth::from_json(r#"{
///     "version": "2",
///     "to-broadcaster": {"type": "token", "secret": "sesame"}
/// }"#)?;
/// assert_eq!(auth.to_broadcaster.kind().as_str(), "token");
/// assert_eq!(auth.to_subscriber.kind().as_str(), "none"); // as it is not named
/// assert!(!format!("{auth:?}").contains("sesame"));
/// assert!(Auth::from_json(r#"{"version": "3"}"#).is_err());
/// # Ok::<(), gripware_topics::auth::SecretsError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Auth {
    /// Of what goes to broadcasters: requests, and confirmations of deliveries.
    pub to_broadcaster: Credential,
    /// Of what goes to subscribers: deliveries, and answers to requests.
    pub to_subscriber: Credential,
}

/// Why a file with secrets cannot be used. Contains no part of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretsError {
    /// It cannot be read.
    #[error("the secrets cannot be read")]
    Read(#[from] io::Error),
    /// It is larger than any such file.
    #[error("a file with secrets has at most 65536 bytes")]
    TooLong,
    /// It is not JSON, or not of this form.
    #[error("the secrets are not the JSON of httppubsub, at line {line}, column {column}")]
    Json {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// It is of another version.
    #[error("the version of the secrets is not \"2\"")]
    Version,
    /// One of the secrets cannot be used.
    #[error("the secret `{direction}` cannot be used")]
    Secret {
        /// `to-broadcaster` or `to-subscriber`.
        direction: &'static str,
        /// Why.
        source: SecretError,
    },
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
struct File {
    version: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to_broadcaster: Option<Entry>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    to_subscriber: Option<Entry>,
}

#[derive(Deserialize, Serialize)]
struct Entry {
    r#type: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<String>,
}

impl Auth {
    /// Checks nothing and signs nothing, either way.
    #[must_use]
    pub fn none() -> Self {
        Self {
            to_broadcaster: Credential::none(),
            to_subscriber: Credential::none(),
        }
    }

    /// Makes new secrets.
    ///
    /// # Panics
    /// Where the system has no random numbers.
    ///
    /// # Errors
    /// [`SecretError::OnlyToSubscribers`] for Standard Webhooks to broadcasters.
    pub fn generate(to_broadcaster: Kind, to_subscriber: Kind) -> Result<Self, SecretError> {
        if to_broadcaster == Kind::StandardWebhooks {
            return Err(SecretError::OnlyToSubscribers);
        }
        Ok(Self {
            to_broadcaster: Credential::generate(to_broadcaster)?,
            to_subscriber: Credential::generate(to_subscriber)?,
        })
    }

    /// Reads a file that `--setup` has written, here or with the original.
    ///
    /// # Errors
    /// Where it cannot be read or used.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, SecretsError> {
        let mut text = String::new();
        let file = fs::File::open(path)?;
        // One byte more says that it is too long.
        file.take(MAX_FILE as u64 + 1).read_to_string(&mut text)?;
        Self::from_json(&text)
    }

    /// Reads the content of such a file.
    ///
    /// # Errors
    /// Where it cannot be used.
    pub fn from_json(text: &str) -> Result<Self, SecretsError> {
        if text.len() > MAX_FILE {
            return Err(SecretsError::TooLong);
        }
        let file: File = serde_json::from_str(text).map_err(|error| SecretsError::Json {
            line: error.line(),
            column: error.column(),
        })?;
        if file.version != "2" {
            return Err(SecretsError::Version);
        }
        let to_broadcaster = credential(file.to_broadcaster, "to-broadcaster")?;
        if to_broadcaster.kind() == Kind::StandardWebhooks {
            return Err(SecretsError::Secret {
                direction: "to-broadcaster",
                source: SecretError::OnlyToSubscribers,
            });
        }
        Ok(Self {
            to_broadcaster,
            to_subscriber: credential(file.to_subscriber, "to-subscriber")?,
        })
    }

    /// Returns the content of a file with these secrets. It shows them.
    #[must_use]
    pub fn to_json(&self) -> String {
        let entry = |credential: &Credential| {
            let secret = credential.secret()?.to_owned();
            Some(Entry {
                r#type: credential.kind().as_str().to_owned(),
                secret: Some(secret),
            })
        };
        let file = File {
            version: "2".to_owned(),
            to_broadcaster: entry(&self.to_broadcaster),
            to_subscriber: entry(&self.to_subscriber),
        };
        // Three texts under names that are texts: this cannot fail.
        serde_json::to_string_pretty(&file).unwrap_or_default()
    }
}

fn credential(entry: Option<Entry>, direction: &'static str) -> Result<Credential, SecretsError> {
    let Some(Entry { r#type, secret }) = entry else {
        return Ok(Credential::none());
    };
    let read = || {
        let kind: Kind = r#type.parse()?;
        match (kind, secret) {
            (Kind::None, _) => Ok(Credential::none()),
            (_, None) => Err(SecretError::Missing),
            (kind, Some(secret)) => Credential::new(kind, &secret),
        }
    };
    read().map_err(|source| SecretsError::Secret { direction, source })
}
