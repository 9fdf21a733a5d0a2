//! The application's memory of the connection.

use super::*;

impl WebSocketContext {
    /// Sets an item of the connection's meta. It comes back with every later request.
    ///
    /// Names are compared without regard to case. An empty value removes the item: a proxy knows
    /// no difference. Setting the value that an item has already sends nothing.
    ///
    /// # Errors
    /// Where a header cannot carry the name or the value, or there would be more than
    /// [`Limits::meta`] items or [`Limits::instruct_headers`] bytes of them.
    pub fn insert_meta(&mut self, name: &str, value: &str) -> Result<(), WebSocketError> {
        self.meta
            .insert(name, value)
            .map_err(|error| self.error_by(WebSocketErrorKind::InvalidMeta, error))
    }

    /// Removes an item of the connection's meta, where there is one.
    ///
    /// # Errors
    /// Where a header cannot carry the name.
    pub fn remove_meta(&mut self, name: &str) -> Result<(), WebSocketError> {
        self.meta
            .remove(name)
            .map_err(|error| self.error_by(WebSocketErrorKind::InvalidMeta, error))
    }

    /// An item of the connection's meta, with what this handler has changed. Names are compared
    /// without regard to case; a value that is not UTF-8 is not shown.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.meta.get(name)
    }

    /// All items of the connection's meta, in no particular order, with their names in lower
    /// case.
    pub fn meta_items(&self) -> impl Iterator<Item = (&str, &str)> {
        self.meta.iter()
    }
}
