use std::{sync::Arc, time::Duration};

use gripware_state::{
    Expect, StateError, StateErrorKind, Task,
    records::{Expired, NewRecord, RecordsBackend, StoredRecord, kind_of},
};
use redis::ScriptInvocation;

use super::{connection::Repeat, history::millis, provider::Shared};

/// Records in Redis.
#[derive(Debug)]
pub(super) struct RedisRecords(pub(super) Arc<Shared>);

impl RedisRecords {
    /// The script, for what is to be done with a record, or for its kind.
    fn script(&self, what: &str, key: &str) -> ScriptInvocation<'_> {
        let Shared { scripts, keys, .. } = &*self.0;
        let mut script = scripts.record.prepare_invoke();
        script
            .key(keys.record(key))
            .key(keys.expiries(kind_of(key)))
            .key(keys.versions())
            .arg(what);
        script
    }
}

impl RecordsBackend for RedisRecords {
    fn get<'a>(&'a self, key: &'a str) -> Task<'a, Result<Option<StoredRecord>, StateError>> {
        Box::pin(async move {
            let script = self.script("get", key);
            let record: Option<(u64, Vec<u8>)> =
                self.0.connection.run(&script, Repeat::Allowed).await?;
            Ok(record.map(|(version, value)| StoredRecord {
                value: value.into(),
                version,
            }))
        })
    }

    fn put<'a>(
        &'a self,
        key: &'a str,
        record: NewRecord<'a>,
    ) -> Task<'a, Result<Option<u64>, StateError>> {
        Box::pin(async move {
            let ttl = record.ttl.map(|ttl| millis(ttl).to_string());
            let mut script = self.script("put", key);
            script
                .arg(key)
                .arg(expected(record.expect)?)
                .arg(record.value)
                .arg(ttl.unwrap_or_default());
            self.0.connection.run(&script, Repeat::Never).await
        })
    }

    fn remove<'a>(&'a self, key: &'a str, expect: Expect) -> Task<'a, Result<bool, StateError>> {
        Box::pin(async move {
            let mut script = self.script("remove", key);
            script.arg(key).arg(expected(expect)?);
            self.0.connection.run(&script, Repeat::Never).await
        })
    }

    fn touch<'a>(&'a self, key: &'a str, ttl: Duration) -> Task<'a, Result<bool, StateError>> {
        Box::pin(async move {
            let mut script = self.script("touch", key);
            script.arg(key).arg(millis(ttl));
            self.0.connection.run(&script, Repeat::Allowed).await
        })
    }

    fn take_expired<'a>(
        &'a self,
        kind: &'a str,
        limit: usize,
    ) -> Task<'a, Result<Vec<Expired>, StateError>> {
        Box::pin(async move {
            let mut script = self.script("take", kind);
            script.arg(self.0.keys.record("")).arg(limit);
            let taken: Vec<(String, u64, Vec<u8>)> =
                self.0.connection.run(&script, Repeat::Never).await?;
            let expired = taken.into_iter().map(|(key, version, value)| Expired {
                key,
                value: value.into(),
                version,
            });
            Ok(expired.collect())
        })
    }
}

/// What is expected, as the script reads it.
fn expected(expect: Expect) -> Result<String, StateError> {
    match expect {
        Expect::Any => Ok("any".to_owned()),
        Expect::Absent => Ok("absent".to_owned()),
        Expect::Version(version) => Ok(version.to_string()),
        _ => Err(StateErrorKind::Invalid.into()),
    }
}
