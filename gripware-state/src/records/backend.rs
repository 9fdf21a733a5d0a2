use std::{fmt, time::Duration};

use super::{Expect, Expired, StoredRecord};
use crate::{StateError, Task};

/// Stores records. Each method is one atomic step, also between nodes; keys and values are within
/// their limits. The feature `suite` has the tests that a backend passes.
pub trait RecordsBackend: fmt::Debug + Send + Sync + 'static {
    /// Reads a record. One that has expired is none, whether it was taken or not.
    fn get<'a>(&'a self, key: &'a str) -> Task<'a, Result<Option<StoredRecord>, StateError>>;

    /// Stores a record where what is there is as expected, and returns its version, which no record
    /// had before. `None` if something else is there.
    fn put<'a>(
        &'a self,
        key: &'a str,
        record: NewRecord<'a>,
    ) -> Task<'a, Result<Option<u64>, StateError>>;

    /// Removes a record where it is as expected; it will not be seen as expired. Returns `false` if
    /// there is none, or another one.
    fn remove<'a>(&'a self, key: &'a str, expect: Expect) -> Task<'a, Result<bool, StateError>>;

    /// Sets a new expiry, counted from now. The version stays. Returns `false` if there is no
    /// record.
    fn touch<'a>(&'a self, key: &'a str, ttl: Duration) -> Task<'a, Result<bool, StateError>>;

    /// Takes out at most `limit` records of a [kind](super::kind_of) that have expired, those that
    /// expired first before the others. Each is returned once, to one caller. It takes no longer
    /// where there are many records of other kinds.
    fn take_expired<'a>(
        &'a self,
        kind: &'a str,
        limit: usize,
    ) -> Task<'a, Result<Vec<Expired>, StateError>>;
}

/// A record to store.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct NewRecord<'a> {
    /// The value as JSON.
    pub value: &'a [u8],
    /// What has to be there.
    pub expect: Expect,
    /// How long it lives; `None` for good.
    pub ttl: Option<Duration>,
}

impl<'a> NewRecord<'a> {
    pub(super) const fn new(value: &'a [u8], expect: Expect, ttl: Option<Duration>) -> Self {
        Self { value, expect, ttl }
    }
}
