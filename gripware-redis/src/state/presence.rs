use std::{num::ParseIntError, sync::Arc, time::Duration};

use bytes::Bytes;
use gripware_state::{
    Epoch, Position, StateError, StateErrorKind, Task,
    presence::{
        Announcement, Change, Count, Joining, Lease, LeaseId, Members, PresenceBackend, Present,
        Swept,
    },
};
use redis::{Script, ScriptInvocation};

use super::{connection::Repeat, error::corrupt, history::millis, provider::Shared};

/// Who is in channels, in Redis.
#[derive(Debug)]
pub(super) struct RedisPresence(pub(super) Arc<Shared>);

impl RedisPresence {
    /// A script with the arguments that all of presence have.
    fn script<'a>(&self, script: &'a Script, grace: Duration) -> ScriptInvocation<'a> {
        let Shared {
            keys, relay_prefix, ..
        } = &*self.0;
        let stream = relay_prefix.as_ref().map(|_| keys.items());
        let mut invocation = script.prepare_invoke();
        invocation
            .arg(keys.base())
            .arg(u64::try_from(grace.as_millis()).unwrap_or(u64::MAX))
            .arg(Epoch::random().as_str())
            .arg(relay_prefix.as_deref().unwrap_or_default())
            .arg(stream.unwrap_or_default());
        invocation
    }

    /// What a script has appended.
    fn announcements(&self, told: Vec<Vec<u8>>) -> Result<Vec<Announcement>, StateError> {
        let mut told = told.into_iter();
        let mut announcements = Vec::with_capacity(told.len() / 2);
        while let (Some(channel), Some(json)) = (told.next(), told.next()) {
            announcements.push(Announcement {
                channel: String::from_utf8(channel).map_err(|_| corrupt())?,
                json: json.into(),
                is_relayed: self.0.relay_prefix.is_some(),
            });
        }
        Ok(announcements)
    }

    async fn lease(&self, lease: &LeaseId, ttl: Duration, what: &str) -> Result<bool, StateError> {
        let mut script = self.script(&self.0.scripts.lease, Duration::ZERO);
        script.arg(lease.as_str()).arg(millis(ttl)).arg(what);
        self.0.connection.run(&script, Repeat::Allowed).await
    }
}

impl PresenceBackend for RedisPresence {
    fn join<'a>(
        &'a self,
        channel: &'a str,
        joining: Joining<'a>,
    ) -> Task<'a, Result<Change, StateError>> {
        Box::pin(async move {
            let member = joining.member;
            let (lease, ttl) = match joining.lease {
                Lease::Node(lease) => (lease.as_str(), 0),
                Lease::Own(ttl) => ("", millis(ttl)),
                _ => return Err(StateErrorKind::Invalid.into()),
            };
            let mut script = self.script(&self.0.scripts.join, joining.grace);
            script
                .arg(channel)
                .arg(member.connection())
                .arg(member.user())
                .arg(member.info_json().map_or(&[][..], |json| &json[..]))
                .arg(lease)
                .arg(ttl);
            let joined: Option<(bool, Vec<Vec<u8>>)> =
                self.0.connection.run(&script, Repeat::Never).await?;
            let (first, told) = joined.ok_or(StateErrorKind::LeaseLost)?;
            Ok(Change {
                first,
                last: false,
                announcements: self.announcements(told)?,
            })
        })
    }

    fn leave<'a>(
        &'a self,
        channel: &'a str,
        connection: &'a str,
        grace: Duration,
    ) -> Task<'a, Result<Change, StateError>> {
        Box::pin(async move {
            let mut script = self.script(&self.0.scripts.leave, grace);
            script.arg(channel).arg(connection);
            let (last, told) = self.0.connection.run(&script, Repeat::Never).await?;
            Ok(Change {
                first: false,
                last,
                announcements: self.announcements(told)?,
            })
        })
    }

    fn touch<'a>(
        &'a self,
        connections: &'a [(&'a str, &'a str)],
        ttl: Duration,
    ) -> Task<'a, Result<Vec<usize>, StateError>> {
        Box::pin(async move {
            let mut script = self.script(&self.0.scripts.touch, Duration::ZERO);
            script.arg(millis(ttl));
            for (channel, connection) in connections {
                script.arg(*channel).arg(*connection);
            }
            self.0.connection.run(&script, Repeat::Allowed).await
        })
    }

    fn list<'a>(
        &'a self,
        channel: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Task<'a, Result<Members, StateError>> {
        Box::pin(async move {
            let cursor: u64 = match after {
                Some(after) => after.parse().map_err(|error: ParseIntError| {
                    StateError::new(StateErrorKind::Invalid).with_source(error)
                })?,
                None => 0,
            };
            let mut script = self.script(&self.0.scripts.list, Duration::ZERO);
            script.arg(channel).arg(cursor).arg(limit);
            let listed = self.0.connection.run(&script, Repeat::Allowed).await?;
            let (version, next, entries): (String, String, Vec<(String, Vec<u8>)>) = listed;
            let users = entries
                .into_iter()
                .map(|(user, entry)| present(user, entry));
            Ok(Members {
                users: users.collect::<Option<_>>().ok_or_else(corrupt)?,
                next: (next != "0").then_some(next),
                version: Position::parse(&version).ok_or_else(corrupt)?,
            })
        })
    }

    fn count<'a>(&'a self, channel: &'a str) -> Task<'a, Result<Count, StateError>> {
        Box::pin(async move {
            let mut script = self.script(&self.0.scripts.count, Duration::ZERO);
            script.arg(channel);
            let (users, connections) = self.0.connection.run(&script, Repeat::Allowed).await?;
            Ok(Count { users, connections })
        })
    }

    fn open_lease<'a>(
        &'a self,
        lease: &'a LeaseId,
        ttl: Duration,
    ) -> Task<'a, Result<(), StateError>> {
        Box::pin(async move { self.lease(lease, ttl, "open").await.map(drop) })
    }

    fn renew_lease<'a>(
        &'a self,
        lease: &'a LeaseId,
        ttl: Duration,
    ) -> Task<'a, Result<bool, StateError>> {
        Box::pin(self.lease(lease, ttl, "renew"))
    }

    fn end_lease<'a>(&'a self, lease: &'a LeaseId) -> Task<'a, Result<(), StateError>> {
        Box::pin(async move { self.lease(lease, Duration::ZERO, "end").await.map(drop) })
    }

    fn sweep(&self, limit: usize, grace: Duration) -> Task<'_, Result<Swept, StateError>> {
        Box::pin(async move {
            let mut script = self.script(&self.0.scripts.sweep, grace);
            script.arg(limit);
            let (due, told): (usize, _) = self.0.connection.run(&script, Repeat::Never).await?;
            Ok(Swept {
                announcements: self.announcements(told)?,
                due,
                has_more: due >= limit,
            })
        })
    }
}

/// A user by its entry: the number of its connections, LF, and what it tells.
fn present(user: String, entry: Vec<u8>) -> Option<Present> {
    let entry = Bytes::from(entry);
    let end = entry.iter().position(|byte| *byte == b'\n')?;
    let info = entry.slice(end + 1..);
    Some(Present {
        user,
        connections: std::str::from_utf8(entry.get(..end)?).ok()?.parse().ok()?,
        info: (!info.is_empty()).then_some(info),
    })
}
