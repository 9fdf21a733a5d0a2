use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use gripware_core::sig::{Key, KeyError, MAX_KEY_LEN, SignError, Signer};
use thiserror::Error;

use crate::given::{Given, Source};

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
pub(crate) fn signing_key(given: &Given) -> Result<Key, KeyProblem> {
    let key = match path(given) {
        None if given.text.is_empty() => return Err(KeyProblem::Empty),
        None => Key::parse(&given.text)?,
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
pub(crate) fn secret(given: &Given) -> Result<String, KeyProblem> {
    let text = match path(given) {
        None => given.text.clone(),
        Some(path) => {
            let bytes = read(&path)?;
            let text = std::str::from_utf8(bytes.trim_ascii());
            text.map_err(|_| KeyProblem::NoText { path })?.to_owned()
        }
    };
    if text.is_empty() {
        return Err(KeyProblem::Empty);
    }
    Ok(text)
}

/// A path in a file of settings starts from where that file is, as in Pushpin's.
fn path(given: &Given) -> Option<PathBuf> {
    let path = Path::new(given.text.strip_prefix(FILE)?);
    Some(match &given.source {
        Source::File { path: settings, .. } => match settings.parent() {
            Some(folder) => folder.join(path),
            None => path.to_owned(),
        },
        _ => path.to_owned(),
    })
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
