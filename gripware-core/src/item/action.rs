//! What an item does to the clients of its channel.

/// What an HTTP format asks of a proxy (GRIP 3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Deliver the content.
    #[default]
    Send,
    /// Ask the origin again: a response hold repeats its request, a stream hold follows its next
    /// link.
    Hint,
    /// End the hold. Pushpin acts on it for stream holds.
    Close,
    /// Ask the origin at once whatever the proxy knows. Not before Pushpin 1.38.
    Refresh,
}

impl Action {
    /// Returns the action's name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Send => "send",
            Self::Hint => "hint",
            Self::Close => "close",
            Self::Refresh => "refresh",
        }
    }
}
