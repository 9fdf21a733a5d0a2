use std::{fmt, str::FromStr, sync::Arc};

use thiserror::Error;

/// The most characters that a name may have: that of a DNS name (RFC 1035, section 2.3.4).
pub const MAX_NAME_LEN: usize = 253;

/// The name of a client, as a DNS name in the subject alternative names of its certificate.
///
/// Letters, digits, `-`, `_` and dots between them, without regard to case. A wildcard is no name.
///
/// ```
/// use gripware_pipe::{Name, NameError};
///
/// let name: Name = "FileServer".parse()?;
/// assert_eq!(name.as_str(), "fileserver");
/// assert_eq!("*.example".parse::<Name>(), Err(NameError::Character { position: 0 }));
/// # Ok::<(), NameError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Name(Arc<str>);

/// Why a text is no name of a client.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum NameError {
    /// It is empty, or has two dots without anything between them.
    #[error("the name, or a part of it between dots, is empty")]
    Empty,
    /// It is longer than a DNS name may be.
    #[error("the name has {length} characters, more than {MAX_NAME_LEN}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// It has a character that a name cannot have.
    #[error("the character at byte {position} is no letter, digit, dot, `-` or `_`")]
    Character {
        /// Where, in bytes.
        position: usize,
    },
}

impl Name {
    /// Returns the name in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for Name {
    type Error = NameError;

    fn try_from(text: &str) -> Result<Self, NameError> {
        if text.len() > MAX_NAME_LEN {
            return Err(NameError::TooLong { length: text.len() });
        }
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if let Some(position) = text.bytes().position(|byte| !legal(byte)) {
            return Err(NameError::Character { position });
        }
        if text.split('.').any(str::is_empty) {
            return Err(NameError::Empty);
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }
}

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.try_into()
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_no_certificate_can_name_is_refused() {
        for right in ["a", "file-server.example", "_a_", "10.0.0.1"] {
            assert!(right.parse::<Name>().is_ok(), "{right}");
        }
        for wrong in ["", ".", "a.", "a..b", "a b", "a/b", "é", "*.a"] {
            assert!(wrong.parse::<Name>().is_err(), "{wrong}");
        }
        let long = "a".repeat(MAX_NAME_LEN + 1);
        assert_eq!(
            long.parse::<Name>(),
            Err(NameError::TooLong { length: 254 })
        );
    }

    proptest! {
        #[test]
        fn a_name_reads_as_itself(text in "[ -~]{0,20}") {
            if let Ok(name) = text.parse::<Name>() {
                prop_assert_eq!(name.as_str().parse::<Name>(), Ok(name));
            }
        }
    }
}
