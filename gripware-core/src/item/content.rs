//! Text or bytes of an item, and the JSON member for each.

use std::str;

use bytes::Bytes;
use serde::Serialize;

use super::error::{FirstError, ItemError};

/// What a format carries: a text, or bytes. A clone shares them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Content {
    bytes: Bytes,
    is_binary: bool,
}

impl Content {
    pub(crate) fn text(text: String) -> Self {
        Self {
            bytes: Bytes::from(text),
            is_binary: false,
        }
    }

    pub(crate) fn binary(bytes: Bytes) -> Self {
        Self {
            bytes,
            is_binary: true,
        }
    }

    /// A value as JSON, with `end` after it. What cannot be written leaves its error.
    pub(super) fn json<T: Serialize + ?Sized>(
        value: &T,
        end: &str,
        error: &mut FirstError,
    ) -> Self {
        match serde_json::to_string(value) {
            Ok(mut text) => {
                text.push_str(end);
                Self::text(text)
            }
            Err(reason) => {
                error.set(ItemError::Json {
                    reason: reason.to_string(),
                });
                Self::default()
            }
        }
    }

    /// Returns the bytes, which of a text are its UTF-8.
    #[must_use]
    pub fn as_bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Returns the text; `None` for bytes, also for those that happen to be UTF-8.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        if self.is_binary {
            return None;
        }
        str::from_utf8(&self.bytes).ok()
    }

    /// Returns `true` if these are bytes, not a text.
    #[must_use]
    pub fn is_binary(&self) -> bool {
        self.is_binary
    }
}
