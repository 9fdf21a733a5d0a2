//! Where a proxy goes on, and whom it tells that a client has gone (GRIP 1.8).
//!
//! ```
//! use gripware_core::Link;
//!
//! let next = Link::new("/feed/news")?;
//! assert_eq!(next.as_str(), "/feed/news");
//!
//! // A proxy splits a header at commas, inside of angle brackets too.
//! assert!(Link::new("/feed/a,b").is_err());
//! assert_eq!(Link::encoded("/feed/a,b")?.as_str(), "/feed/a%2Cb");
//! # Ok::<(), gripware_core::HoldError>(())
//! ```

use std::{fmt, fmt::Write as _};

use super::HoldError;
use crate::MAX_NAME_LEN;

/// The most bytes a link may have.
pub const MAX_LINK_LEN: usize = 4 * MAX_NAME_LEN;

/// A URI that a proxy fetches: absolute, or relative to the request that it answers.
///
/// It has 1 to [`MAX_LINK_LEN`] bytes, all of them printable ASCII, and none of `,` `;` `"` `<`
/// `>` `\` `#` or space: a proxy would cut the link there or refuse the response.
///
/// A proxy fetches a next link once for all clients that wait at the same *path* with the same
/// last ids; it ignores the query when it compares. What differs between clients belongs into the
/// path, and nothing secret or personal behind the `?`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Link(String);

impl Link {
    /// Creates a link as it is.
    ///
    /// # Errors
    /// If it is empty, too long, or has a character that no link may have.
    pub fn new(uri: impl Into<String>) -> Result<Self, HoldError> {
        let uri = uri.into();
        if let Some((position, character)) = uri.char_indices().find(|(_, c)| !is_allowed(*c)) {
            return Err(HoldError::LinkCharacter {
                character,
                position,
            });
        }
        Self::checked(uri)
    }

    /// Creates a link in which the characters that no link may have are percent-encoded.
    ///
    /// # Errors
    /// If it is empty or too long, or has a control character.
    pub fn encoded(uri: &str) -> Result<Self, HoldError> {
        let mut encoded = String::with_capacity(uri.len());
        for (position, character) in uri.char_indices() {
            if character.is_control() {
                return Err(HoldError::LinkCharacter {
                    character,
                    position,
                });
            }
            if is_allowed(character) {
                encoded.push(character);
            } else {
                for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                    // Writing to a string does not fail.
                    let _ = write!(encoded, "%{byte:02X}");
                }
            }
        }
        Self::checked(encoded)
    }

    fn checked(uri: String) -> Result<Self, HoldError> {
        if uri.is_empty() || uri.len() > MAX_LINK_LEN {
            return Err(HoldError::LinkLength {
                length: uri.len(),
                limit: MAX_LINK_LEN,
            });
        }
        Ok(Self(uri))
    }

    /// Returns the URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns `true` if it has a query, which a proxy ignores when it shares an answer.
    #[must_use]
    pub fn has_query(&self) -> bool {
        self.0.contains('?')
    }
}

fn is_allowed(character: char) -> bool {
    character.is_ascii_graphic() && !matches!(character, ',' | ';' | '"' | '<' | '>' | '\\' | '#')
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<&str> for Link {
    type Error = HoldError;

    fn try_from(uri: &str) -> Result<Self, HoldError> {
        Self::new(uri)
    }
}

impl TryFrom<String> for Link {
    type Error = HoldError;

    fn try_from(uri: String) -> Result<Self, HoldError> {
        Self::new(uri)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_proxy_would_misread_is_refused_or_encoded() {
        for (uri, character, position) in [
            ("/a,b", ',', 2),
            ("/a;b", ';', 2),
            ("/a b", ' ', 2),
            ("/<a>", '<', 1),
            ("/\"", '"', 1),
            ("/é", 'é', 1),
            ("/a\r\nb", '\r', 2),
        ] {
            assert_eq!(
                Link::new(uri),
                Err(HoldError::LinkCharacter {
                    character,
                    position
                })
            );
        }
        assert_eq!(
            Link::encoded("/a;b é?x=%2C").unwrap().as_str(),
            "/a%3Bb%20%C3%A9?x=%2C"
        );
        assert_eq!(
            Link::encoded("/\n"),
            Err(HoldError::LinkCharacter {
                character: '\n',
                position: 1
            })
        );
        assert!(matches!(
            Link::new(""),
            Err(HoldError::LinkLength { length: 0, .. })
        ));
        assert!(matches!(
            Link::new("x".repeat(4097)),
            Err(HoldError::LinkLength { .. })
        ));
    }
}
