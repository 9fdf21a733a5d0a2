//! The values that stand in messages, each of which cannot be longer than the wire allows.

use std::fmt;

use bytes::Bytes;

use crate::{WireError, wire::utf8};

/// Most bytes of whatever has a length of two bytes before it on the wire.
pub const MAX_FIELD: usize = 65_535;

macro_rules! field {
    ($(#[$doc:meta])* $name:ident, $limit:expr, $field:literal) => {
        $(#[$doc])*
        #[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Bytes);

        impl $name {
            /// Most bytes it may have.
            pub const MAX_LEN: usize = $limit;

            /// Takes bytes.
            ///
            /// # Errors
            /// [`WireError::TooLong`] where they are more than [`MAX_LEN`](Self::MAX_LEN).
            pub fn new(bytes: impl Into<Bytes>) -> Result<Self, WireError> {
                let bytes = bytes.into();
                match bytes.len() {
                    length if length > $limit => Err(WireError::TooLong {
                        field: $field,
                        length,
                        limit: $limit,
                    }),
                    _ => Ok(Self(bytes)),
                }
            }

            /// Returns the bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                &self.0
            }

            /// Returns the bytes, shared.
            #[must_use]
            pub fn to_bytes(&self) -> Bytes {
                self.0.clone()
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.0)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl TryFrom<&str> for $name {
            type Error = WireError;

            fn try_from(text: &str) -> Result<Self, WireError> {
                Self::new(Bytes::copy_from_slice(text.as_bytes()))
            }
        }

        impl TryFrom<&[u8]> for $name {
            type Error = WireError;

            fn try_from(bytes: &[u8]) -> Result<Self, WireError> {
                Self::new(Bytes::copy_from_slice(bytes))
            }
        }

        impl<const N: usize> TryFrom<&[u8; N]> for $name {
            type Error = WireError;

            fn try_from(bytes: &[u8; N]) -> Result<Self, WireError> {
                Self::new(Bytes::copy_from_slice(bytes))
            }
        }
    };
}

field! {
    /// What a message is about: any bytes, at most 65 535.
    ///
    /// ```
    /// use gripware_topics::Topic;
    ///
    /// assert_eq!(Topic::try_from("foo/bar")?.as_bytes(), b"foo/bar");
    /// assert!(Topic::new(vec![0; 65_536]).is_err());
    /// # Ok::<(), gripware_topics::WireError>(())
    /// ```
    Topic, MAX_FIELD, "the topic"
}

field! {
    /// What a program that follows messages from service to service has to say: passed on, and
    /// signed, without being read. Mostly empty.
    Tracing, MAX_FIELD, "the tracing"
}

field! {
    /// What relates a confirmation to its message: at most 255 bytes, and at most
    /// [64](crate::ws::MAX_IDENTIFIER) over a WebSocket.
    Identifier, 255, "the identifier"
}

impl Topic {
    /// Returns the topic as text, or `None` where it is not UTF-8.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0).ok()
    }
}

impl fmt::Display for Topic {
    /// As text, with what is not UTF-8 replaced and control characters escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", String::from_utf8_lossy(&self.0).escape_debug())
    }
}

/// The value of an `Authorization` header or field: a signature, or a shared token. Its `Debug` does
/// not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization(Box<str>);

impl Authorization {
    /// Takes a text of 1 to 65 535 bytes.
    ///
    /// # Errors
    /// [`WireError::TooLong`], or [`WireError::Value`] for an empty one.
    pub fn new(text: impl Into<Box<str>>) -> Result<Self, WireError> {
        let text = text.into();
        let field = "the authorization";
        match text.len() {
            0 => Err(WireError::Value { field }),
            length if length > MAX_FIELD => Err(WireError::TooLong {
                field,
                length,
                limit: MAX_FIELD,
            }),
            _ => Ok(Self(text)),
        }
    }

    pub(crate) fn from_wire(bytes: &[u8]) -> Result<Option<Self>, WireError> {
        match bytes.is_empty() {
            true => Ok(None),
            false => Self::new(utf8(bytes, "the authorization")?).map(Some),
        }
    }

    /// Returns the text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authorization_does_not_print() {
        let authorization = Authorization::new("Bearer sesame").unwrap();
        assert_eq!(format!("{authorization:?}"), "Authorization([redacted])");
    }

    #[test]
    fn a_topic_of_any_bytes_prints_on_one_line() {
        let topic = Topic::try_from(b"a\n\xffb").unwrap();
        assert_eq!(topic.to_string(), "a\\n\u{fffd}b");
    }
}
