use bytes::Bytes;

/// A record, read as a value of the application's.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record<T> {
    /// The value.
    pub value: T,
    /// The version, for [`Expect::Version`].
    pub version: u64,
}

/// What has to be there for a change to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Expect {
    /// Anything, or nothing.
    Any,
    /// No record. One that has expired is none.
    Absent,
    /// The record of this version. Versions are never used again, also for another record of the
    /// same key.
    Version(u64),
}

impl Expect {
    /// Returns `true` if a record of this version, or none, is what is expected.
    #[must_use]
    pub fn matches(self, version: Option<u64>) -> bool {
        match self {
            Self::Any => true,
            Self::Absent => version.is_none(),
            Self::Version(expected) => version == Some(expected),
        }
    }
}

/// A record as a backend stores it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "backends build it")]
pub struct StoredRecord {
    /// The value as JSON.
    pub value: Bytes,
    /// The version.
    pub version: u64,
}

/// A record that has expired, with its last value.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::exhaustive_structs, reason = "backends build it")]
pub struct Expired {
    /// The key.
    pub key: String,
    /// The value as JSON.
    pub value: Bytes,
    /// The version.
    pub version: u64,
}
