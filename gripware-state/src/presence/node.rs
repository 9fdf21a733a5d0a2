use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{Change, Joining, Lease, LeaseId, Member, Presence};
use crate::{StateError, StateErrorKind};

/// How long a node's lease lasts without being renewed: three renewals may be lost.
pub const LEASE_TTL: Duration = Duration::from_secs(15);

/// How often a node renews its lease.
pub const RENEW_INTERVAL: Duration = Duration::from_secs(5);

/// The most connections that join under one node's lease, each in each channel.
pub const MAX_NODE_MEMBERS: usize = 1_000_000;

/// How often a connection tries to join when its node's lease is lost meanwhile.
const JOIN_ATTEMPTS: usize = 3;

/// A node's lease, and all that joined under it: they join again where it is lost.
#[derive(Debug, Default)]
pub(super) struct Node {
    inner: Mutex<Inner>,
    /// One at a time opens a lease.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct Inner {
    lease: Option<LeaseId>,
    members: HashMap<(String, String), Member>,
}

impl Node {
    /// Joins under the node's lease, which is opened first where there is none.
    pub(super) async fn join(
        &self,
        presence: &Presence,
        channel: &str,
        member: &Member,
    ) -> Result<Change, StateError> {
        self.check_room(channel, member)?;
        let mut lease = self.lease();
        for _ in 0..JOIN_ATTEMPTS {
            let Some(under) = &lease else {
                lease = self.reopen(presence, None).await?;
                continue;
            };
            let joining = Joining::new(member, Lease::Node(under), presence.grace);
            match presence.backend.join(channel, joining).await {
                Ok(change) => {
                    self.remember(channel, member);
                    // Where another lease was opened meanwhile, nobody knew of this one.
                    if self.lease() != lease {
                        self.rejoin(presence, channel, member).await?;
                    }
                    return Ok(change);
                }
                Err(error) if error.kind() == StateErrorKind::LeaseLost => {
                    lease = self.reopen(presence, lease).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Err(StateErrorKind::LeaseLost.into())
    }

    async fn rejoin(
        &self,
        presence: &Presence,
        channel: &str,
        member: &Member,
    ) -> Result<(), StateError> {
        if let Some(lease) = self.lease() {
            let joining = Joining::new(member, Lease::Node(&lease), presence.grace);
            let change = presence.backend.join(channel, joining).await?;
            presence.announce(&change.announcements).await;
        }
        Ok(())
    }

    fn check_room(&self, channel: &str, member: &Member) -> Result<(), StateError> {
        let is_full = self.inner().members.len() >= MAX_NODE_MEMBERS;
        if is_full && !self.has(channel, member.connection()) {
            return Err(StateErrorKind::Full.into());
        }
        Ok(())
    }

    fn remember(&self, channel: &str, member: &Member) {
        let key = (channel.to_owned(), member.connection().to_owned());
        self.inner().members.insert(key, member.clone());
    }

    pub(super) fn forget(&self, channel: &str, connection: &str) {
        let key = (channel.to_owned(), connection.to_owned());
        self.inner().members.remove(&key);
    }

    /// Renews the lease; where it is lost, opens another and lets all members join again.
    pub(super) async fn renew(&self, presence: &Presence) -> Result<(), StateError> {
        let lease = self.lease();
        if let Some(lease) = &lease
            && !presence.backend.renew_lease(lease, LEASE_TTL).await?
        {
            self.reopen(presence, Some(lease.clone())).await?;
        }
        Ok(())
    }

    /// Opens another lease than the one that is `lost`, and lets all members join under it. Their
    /// users have a grace, so that nobody is told of it where that has not ended. Returns the lease
    /// that is open then.
    async fn reopen(
        &self,
        presence: &Presence,
        lost: Option<LeaseId>,
    ) -> Result<Option<LeaseId>, StateError> {
        let _one = self.opening.lock().await;
        let now = self.lease();
        if now != lost {
            // Somebody else was first.
            return Ok(now);
        }
        let lease = LeaseId::random();
        presence.backend.open_lease(&lease, LEASE_TTL).await?;
        let mut renewed = Instant::now();
        for (channel, member) in self.members() {
            // One that has left meanwhile does not come back.
            if !self.has(&channel, member.connection()) {
                continue;
            }
            let joining = Joining::new(&member, Lease::Node(&lease), presence.grace);
            let change = presence.backend.join(&channel, joining).await?;
            presence.announce(&change.announcements).await;
            if !self.has(&channel, member.connection()) {
                let grace = presence.grace;
                let change = presence
                    .backend
                    .leave(&channel, member.connection(), grace)
                    .await?;
                presence.announce(&change.announcements).await;
            }
            if renewed.elapsed() >= RENEW_INTERVAL {
                presence.backend.renew_lease(&lease, LEASE_TTL).await?;
                renewed = Instant::now();
            }
        }
        // Not before all have joined: where that fails it begins again, under another lease.
        self.inner().lease = Some(lease.clone());
        Ok(Some(lease))
    }

    fn members(&self) -> Vec<(String, Member)> {
        let inner = self.inner();
        let members = inner.members.iter();
        members
            .map(|((channel, _), member)| (channel.clone(), member.clone()))
            .collect()
    }

    fn has(&self, channel: &str, connection: &str) -> bool {
        let key = (channel.to_owned(), connection.to_owned());
        self.inner().members.contains_key(&key)
    }

    pub(super) fn lease(&self) -> Option<LeaseId> {
        self.inner().lease.clone()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing panics while it is locked.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tokio::{sync::oneshot, time::sleep};

    use super::*;
    use crate::{
        history::MemoryHistory,
        presence::{MemoryPresence, PresenceBackend},
    };

    #[tokio::test(start_paused = true)]
    async fn connections_may_have_leases_of_their_own_with_the_proxy_inside() {
        let backend: Arc<dyn PresenceBackend> =
            Arc::new(MemoryPresence::new(MemoryHistory::default(), 100));
        let presence = Presence::new(backend)
            .by_node()
            .by_connection()
            .grace(Duration::ZERO)
            .member_ttl(Duration::from_secs(60));
        let member = Member::new("anna", "1").unwrap();
        presence.join("room", &member).await.unwrap();
        assert_eq!(presence.touch(&[("room", "1")]).await.unwrap(), [0; 0]);
        sleep(Duration::from_secs(61)).await;
        presence.sweep().await.unwrap();
        assert_eq!(presence.count("room").await.unwrap().connections, 0);
    }

    /// Presence by node, and what it announces.
    fn node(backend: &Arc<dyn PresenceBackend>) -> (Presence, Arc<Mutex<Vec<String>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&told);
        let presence =
            Presence::new(Arc::clone(backend))
                .by_node()
                .announcing(move |channel, item| {
                    let stream = item.into_parts().unwrap().http_stream.unwrap();
                    let text = stream.content().as_text().unwrap();
                    let name = text
                        .lines()
                        .next()
                        .unwrap()
                        .trim_start_matches("event: ")
                        .to_owned();
                    heard.lock().unwrap().push(format!("{channel} {name}"));
                    async { Ok(()) }
                });
        (presence, told)
    }

    fn backend() -> Arc<dyn PresenceBackend> {
        Arc::new(MemoryPresence::new(MemoryHistory::default(), 100))
    }

    fn anna() -> Member {
        Member::new("anna", "c1").unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_slept_is_back_before_anybody_is_told() {
        let backend = backend();
        let (sleeper, told) = node(&backend);
        let (other, told_by_other) = node(&backend);
        sleeper.join("room", &anna()).await.unwrap();
        let lease = sleeper.node.as_ref().unwrap().lease();

        // Longer than its lease, shorter than that and the grace.
        for _ in 0..20 {
            sleep(Duration::from_secs(1)).await;
            other.sweep().await.unwrap();
        }
        assert_eq!(other.count("room").await.unwrap().connections, 0);
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn({
            let sleeper = sleeper.clone();
            async move { sleeper.run(async { drop(stopped.await) }).await }
        });
        sleep(Duration::from_secs(60)).await;
        assert_ne!(sleeper.node.as_ref().unwrap().lease(), lease);
        let count = other.count("room").await.unwrap();
        assert_eq!((count.users, count.connections), (1, 1));
        assert_eq!(*told.lock().unwrap(), ["room:presence join"]);
        assert!(told_by_other.lock().unwrap().is_empty());

        // It ends in order, and nobody waits for its lease.
        drop(stop);
        running.await.unwrap();
        other.sweep().await.unwrap();
        assert_eq!(other.count("room").await.unwrap().connections, 0);
        sleep(Duration::from_secs(11)).await;
        other.sweep().await.unwrap();
        assert_eq!(*told_by_other.lock().unwrap(), ["room:presence leave"]);
    }

    #[tokio::test(start_paused = true)]
    async fn who_left_while_the_lease_was_lost_stays_away() {
        let backend = backend();
        let (sleeper, told) = node(&backend);
        sleeper.join("room", &anna()).await.unwrap();
        sleeper
            .join("room", &Member::new("ben", "c2").unwrap())
            .await
            .unwrap();
        sleep(LEASE_TTL).await;
        sleeper.sweep().await.unwrap();
        sleeper.leave("room", "c2").await.unwrap();

        // Joining finds that the lease is lost.
        sleeper.join("other", &anna()).await.unwrap();
        assert_eq!(sleeper.count("room").await.unwrap().connections, 1);
        sleep(Duration::from_secs(11)).await;
        sleeper.sweep().await.unwrap();
        let list = sleeper.list("room", None, 10).await.unwrap();
        assert_eq!(list.users.len(), 1);
        assert_eq!(told.lock().unwrap().last().unwrap(), "room:presence leave");
    }
}
