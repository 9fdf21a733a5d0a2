use std::{error::Error, fmt};

type Source = Box<dyn Error + Send + Sync>;

/// Why history, presence or records could not do what they were asked.
///
/// The questions tell whose fault it is: the caller's ([`is_invalid`](Self::is_invalid)), or that of
/// the engine behind the backend ([`is_unavailable`](Self::is_unavailable),
/// [`is_uncertain`](Self::is_uncertain)). No URL, user name or password is in it.
///
/// ```
/// use gripware_state::{StateError, StateErrorKind};
///
/// let error = StateError::new(StateErrorKind::Unavailable).with_source("connection refused");
/// assert!(error.is_unavailable() && !error.is_invalid());
/// assert_eq!(error.to_string(), "the backend cannot be reached");
/// ```
#[derive(Debug)]
pub struct StateError {
    kind: StateErrorKind,
    source: Option<Source>,
}

/// The kinds of [`StateError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StateErrorKind {
    /// A channel, item, user, connection or key breaks the rules for it.
    Invalid,
    /// A value is longer than its limit.
    TooLong {
        /// What is too long.
        what: &'static str,
        /// Its length in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A bound of the backend is reached.
    Full,
    /// The lease under which a member joined has ended.
    LeaseLost,
    /// The engine cannot be reached. Nothing was done.
    Unavailable,
    /// The engine did not reply. It is not known whether it did what it was asked.
    Uncertain,
    /// The engine refused: no permission, a wrong password, out of memory.
    Refused,
    /// The application's snapshot failed.
    Snapshot,
    /// What the engine has stored is not what gripware stores.
    Corrupt,
}

impl StateError {
    /// An error of this kind.
    #[must_use]
    pub fn new(kind: StateErrorKind) -> Self {
        Self { kind, source: None }
    }

    /// Sets what it comes from.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn invalid(source: impl Into<Source>) -> Self {
        Self::new(StateErrorKind::Invalid).with_source(source)
    }

    /// Refuses what is longer than `limit` bytes.
    pub(crate) fn check_length(
        what: &'static str,
        length: usize,
        limit: usize,
    ) -> Result<(), Self> {
        if length > limit {
            return Err(Self::new(StateErrorKind::TooLong {
                what,
                length,
                limit,
            }));
        }
        Ok(())
    }

    /// The kind.
    #[must_use]
    pub const fn kind(&self) -> StateErrorKind {
        self.kind
    }

    /// Returns `true` if the caller's values can never be stored.
    #[must_use]
    pub const fn is_invalid(&self) -> bool {
        matches!(
            self.kind,
            StateErrorKind::Invalid | StateErrorKind::TooLong { .. }
        )
    }

    /// Returns `true` if the engine could not be reached, and nothing was done.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        matches!(self.kind, StateErrorKind::Unavailable)
    }

    /// Returns `true` if it is not known whether the engine did what it was asked. An append with
    /// an idempotency key can be repeated.
    #[must_use]
    pub const fn is_uncertain(&self) -> bool {
        matches!(self.kind, StateErrorKind::Uncertain)
    }
}

impl fmt::Display for StateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StateErrorKind::Invalid => "a value cannot be stored",
            StateErrorKind::TooLong {
                what,
                length,
                limit,
            } => {
                return write!(f, "{what} of {length} bytes is over the limit of {limit}");
            }
            StateErrorKind::Full => "the backend is full",
            StateErrorKind::LeaseLost => "the lease of this node has ended",
            StateErrorKind::Unavailable => "the backend cannot be reached",
            StateErrorKind::Uncertain => {
                "the backend did not reply; it is not known whether it did what it was asked"
            }
            StateErrorKind::Refused => "the backend refused",
            StateErrorKind::Snapshot => "the snapshot for a client that has missed too much failed",
            StateErrorKind::Corrupt => "the backend has stored what gripware does not store",
        })
    }
}

impl From<StateErrorKind> for StateError {
    fn from(kind: StateErrorKind) -> Self {
        Self::new(kind)
    }
}

impl Error for StateError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
