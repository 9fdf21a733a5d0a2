//! The application's memory of the connection.

use std::fmt::Write as _;

use serde::Serialize;

use super::*;

impl WebSocketContext {
    /// Sets an item of the connection's meta. It comes back with every later request.
    ///
    /// Names are compared without regard to case. An empty value removes the item: a proxy knows
    /// no difference. Setting the value that an item has already sends nothing.
    ///
    /// # Errors
    /// If a header cannot carry the name or the value, or there would be more than
    /// [`Limits::meta`] items or [`Limits::instruct_headers`] bytes of them.
    pub fn insert_meta(&mut self, name: &str, value: &str) -> Result<(), WebSocketError> {
        self.meta
            .insert(name, value)
            .map_err(|error| self.error_by(WebSocketErrorKind::InvalidMeta, error))
    }

    /// Removes an item of the connection's meta, where there is one.
    ///
    /// # Errors
    /// If a header cannot carry the name.
    pub fn remove_meta(&mut self, name: &str) -> Result<(), WebSocketError> {
        self.meta
            .remove(name)
            .map_err(|error| self.error_by(WebSocketErrorKind::InvalidMeta, error))
    }

    /// Returns an item of the connection's meta, with what this handler has changed. Names are
    /// compared without regard to case; a value that is not UTF-8 is not shown.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.meta.get(name)
    }

    /// Sets an item of the connection's meta to a value as JSON, such as the user that was
    /// authenticated when the connection opened. It is the proxy that repeats it, and a proxy that
    /// signs: no client can set or change it. It is not encrypted, and the proxy can read it.
    ///
    /// # Errors
    /// As [`insert_meta`](Self::insert_meta), and if the value has no JSON form.
    pub fn insert_meta_json<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<(), WebSocketError> {
        let json = serde_json::to_string(value)
            .map_err(|error| self.error_by(WebSocketErrorKind::InvalidMeta, error))?;
        self.insert_meta(name, &ascii(&json))
    }

    /// Returns an item of the connection's meta that was set as JSON; `None` if there is none.
    ///
    /// # Errors
    /// [`WebSocketErrorKind::InvalidMeta`] if it is not JSON of that shape: an earlier version of
    /// the application may have set it.
    pub fn meta_json<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>, WebSocketError> {
        let Some(json) = self.meta(name) else {
            return Ok(None);
        };
        serde_json::from_str(json)
            .map(Some)
            .map_err(|error| self.error_by(WebSocketErrorKind::InvalidMeta, error))
    }

    /// Returns all items of the connection's meta, in no particular order, with their names in
    /// lower case.
    pub fn meta_items(&self) -> impl Iterator<Item = (&str, &str)> {
        self.meta.iter()
    }
}

/// Writes JSON so that a header can carry it: any other character only stands in strings, where it
/// can be escaped.
fn ascii(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for character in json.chars() {
        if character.is_ascii_graphic() || character == ' ' {
            out.push(character);
        } else {
            for unit in character.encode_utf16(&mut [0; 2]) {
                // Writing to a string does not fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}
