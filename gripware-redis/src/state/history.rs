use std::sync::Arc;

use bytes::Bytes;
use gripware_state::{
    EntryId, Epoch, Position, StateError, Task, Template,
    history::{AppendedAt, EPOCH_TTL, HistoryBackend, MAX_PAGE_LEN, NewEntry, StoredPage},
};
use redis::ScriptInvocation;

use super::{connection::Repeat, error::corrupt, provider::Shared};

/// The history of channels in Redis.
#[derive(Debug)]
pub(super) struct RedisHistory(pub(super) Arc<Shared>);

impl HistoryBackend for RedisHistory {
    fn append<'a>(
        &'a self,
        channel: &'a str,
        entry: NewEntry<'a>,
    ) -> Task<'a, Result<AppendedAt, StateError>> {
        Box::pin(async move {
            let Shared { scripts, keys, .. } = &*self.0;
            let mut script = scripts.append.prepare_invoke();
            script
                .key(keys.position(channel))
                .key(keys.entries(channel));
            if let Some(key) = entry.key {
                script.key(keys.result(channel, key));
            }
            if entry.relayed.is_some() {
                script.key(keys.items());
            }
            script
                .arg(Epoch::random().as_str())
                .arg(entry.size)
                .arg(millis(entry.ttl))
                .arg(millis(EPOCH_TTL))
                .arg(u8::from(entry.key.is_some()))
                .arg(u8::from(entry.relayed.is_some()));
            parts(&mut script, entry.template);
            if let Some(relayed) = entry.relayed {
                parts(&mut script, relayed);
            }
            let repeat = match entry.key {
                Some(_) => Repeat::Allowed,
                None => Repeat::Never,
            };
            let (id, is_duplicate): (String, u8) = self.0.connection.run(&script, repeat).await?;
            Ok(AppendedAt {
                id: id.parse().map_err(|_| corrupt())?,
                is_duplicate: is_duplicate == 1,
            })
        })
    }

    fn read<'a>(
        &'a self,
        channel: &'a str,
        after: Position,
        limit: usize,
    ) -> Task<'a, Result<StoredPage, StateError>> {
        Box::pin(async move {
            let Shared { scripts, keys, .. } = &*self.0;
            let epoch = after.epoch();
            let mut script = scripts.read.prepare_invoke();
            script
                .key(keys.position(channel))
                .key(keys.entries(channel))
                .arg(epoch.as_ref().map_or("", Epoch::as_str))
                .arg(after.number())
                .arg(limit)
                .arg(MAX_PAGE_LEN);
            let read = self.0.connection.run(&script, Repeat::Allowed).await?;
            let (last, first, reached, entries): (String, u64, u64, Vec<Vec<u8>>) = read;
            Ok(StoredPage {
                entries: entries.into_iter().map(Bytes::from).collect(),
                first,
                reached,
                last: Position::parse(&last).ok_or_else(corrupt)?,
            })
        })
    }

    fn last<'a>(&'a self, channel: &'a str) -> Task<'a, Result<Position, StateError>> {
        Box::pin(async move { Ok(self.read(channel, Position::Start, 1).await?.last) })
    }

    fn clear<'a>(&'a self, channel: &'a str) -> Task<'a, Result<EntryId, StateError>> {
        Box::pin(async move {
            let Shared { scripts, keys, .. } = &*self.0;
            let mut script = scripts.clear.prepare_invoke();
            script
                .key(keys.position(channel))
                .key(keys.entries(channel))
                .arg(Epoch::random().as_str())
                .arg(millis(EPOCH_TTL));
            let id: String = self.0.connection.run(&script, Repeat::Allowed).await?;
            id.parse().map_err(|_| corrupt())
        })
    }

    fn replace<'a>(
        &'a self,
        channel: &'a str,
        name: &'a str,
        entry: Option<&'a Template>,
    ) -> Task<'a, Result<Option<EntryId>, StateError>> {
        Box::pin(async move {
            let Shared { scripts, keys, .. } = &*self.0;
            let id = name.parse::<EntryId>().ok();
            let epoch = id.map(|id| id.epoch());
            let mut script = scripts.replace.prepare_invoke();
            script
                .key(keys.position(channel))
                .key(keys.entries(channel))
                .key(keys.result(channel, name))
                .arg(epoch.as_ref().map_or("", Epoch::as_str))
                .arg(id.map_or(0, |id| id.number()));
            if let Some(entry) = entry {
                script.arg(&entry.head()[..]).arg(&entry.middle()[..]);
                for part in entry.rest() {
                    script.arg(&part[..]);
                }
            }
            // A removed entry is not found a second time.
            let repeat = match entry {
                Some(_) => Repeat::Allowed,
                None => Repeat::Never,
            };
            let id: Option<String> = self.0.connection.run(&script, repeat).await?;
            id.map(|id| id.parse().map_err(|_| corrupt())).transpose()
        })
    }

    fn relay_prefix(&self) -> Option<&str> {
        self.0.relay_prefix.as_deref()
    }
}

/// Adds how many parts a template has, and each.
fn parts(script: &mut ScriptInvocation<'_>, template: &Template) {
    script
        .arg(2 + template.rest().len())
        .arg(&template.head()[..])
        .arg(&template.middle()[..]);
    for part in template.rest() {
        script.arg(&part[..]);
    }
}

/// A time as Redis takes it: whole milliseconds, at least one.
pub(super) fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}
