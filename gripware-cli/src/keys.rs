//! Keys as values of flags. No error has a part of one in it.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use gripware_core::sig::{Key, KeyError, MAX_KEY_LEN, SignError, Signer};
use gripware_relay::{RelayUrl, RelayUrlError};
use thiserror::Error;

/// A text that never prints.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

const FILE: &str = "file:";

/// Why a key cannot be used. No part of it is in here.
#[derive(Debug, Error)]
pub(crate) enum KeyProblem {
    #[error("it is empty")]
    Empty,
    #[error("{}: {error}", path.display())]
    File { path: PathBuf, error: io::Error },
    #[error("{}: it has more than {limit} bytes", path.display())]
    TooLong { path: PathBuf, limit: usize },
    #[error("{}: it is neither PEM nor a secret in hex", path.display())]
    NoHex { path: PathBuf },
    #[error("{}: it is not UTF-8", path.display())]
    NoText { path: PathBuf },
    #[error("{0}")]
    Key(#[from] KeyError),
    #[error("{0}")]
    Sign(#[from] SignError),
}

/// A key to sign with, in one of Pushpin's forms (GRIP 1.3): the text of a secret, `base64:`, or
/// `file:` with the path of a PEM file or of one with a secret in hex.
pub(crate) fn signing_key(text: &str) -> Result<Key, KeyProblem> {
    let key = match path(text) {
        None if text.is_empty() => return Err(KeyProblem::Empty),
        None => Key::parse(text)?,
        Some(path) => {
            let bytes = read(&path)?;
            let content = bytes.trim_ascii();
            if content.starts_with(b"-----BEGIN") {
                Key::parse(content)?
            } else {
                Key::secret(unhex(content).ok_or(KeyProblem::NoHex { path })?)?
            }
        }
    };
    let _ = Signer::new(key.clone())?;
    Ok(key)
}

/// The text of a secret, or that of the file which it names.
pub(crate) fn secret(text: &str) -> Result<Secret, KeyProblem> {
    let text = match path(text) {
        None => text.to_owned(),
        Some(path) => {
            let bytes = read(&path)?;
            let text = std::str::from_utf8(bytes.trim_ascii());
            text.map_err(|_| KeyProblem::NoText { path })?.to_owned()
        }
    };
    if text.is_empty() {
        return Err(KeyProblem::Empty);
    }
    Ok(Secret(text))
}

/// The URL of a broker, or that in the file which it names. It may have a password.
pub(crate) fn relay(text: &str) -> Result<RelayUrl, String> {
    let url = secret(text).map_err(|error| error.to_string())?;
    url.0
        .parse()
        .map_err(|error: RelayUrlError| error.to_string())
}

fn path(text: &str) -> Option<PathBuf> {
    text.strip_prefix(FILE).map(PathBuf::from)
}

fn read(path: &Path) -> Result<Vec<u8>, KeyProblem> {
    let mut bytes = Vec::new();
    let limit = MAX_KEY_LEN as u64 + 1;
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(|error| KeyProblem::File {
            path: path.to_owned(),
            error,
        })?;
    if bytes.len() > MAX_KEY_LEN {
        return Err(KeyProblem::TooLong {
            path: path.to_owned(),
            limit: MAX_KEY_LEN,
        });
    }
    Ok(bytes)
}

fn unhex(text: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let pairs = text.chunks(2).map(|pair| match pair {
        [high, low] => u8::try_from(digit(*high)? << 4 | digit(*low)?).ok(),
        _ => None,
    });
    pairs.collect()
}
