//! Who joins and who leaves, and what is told of it.

use std::time::Duration;

use tokio::time::Instant;

use super::{
    MemoryPresence,
    store::{Due, Store},
};
use crate::{
    StateError, StateErrorKind,
    history::{DEFAULT_SIZE, DEFAULT_TTL, NewEntry},
    presence::{
        Announcement, Change, Count, Joining, Lease, PresenceEvent, SUFFIX, Swept,
        room::{Connection, Told},
    },
};

impl MemoryPresence {
    /// Appends what is told to the history.
    fn tell(&self, channel: &str, event: &PresenceEvent<'_>) -> Result<Announcement, StateError> {
        let template = event.template(channel, "")?;
        let channel = format!("{channel}{SUFFIX}");
        let entry = NewEntry {
            template: &template,
            relayed: None,
            key: None,
            size: DEFAULT_SIZE,
            ttl: DEFAULT_TTL,
        };
        let appended = self.history.append_now(&channel, &entry)?;
        Ok(Announcement {
            channel,
            json: template.fill(&appended.id),
            is_relayed: false,
        })
    }

    /// Tells what `told` says of a user.
    fn tell_of(
        &self,
        store: &mut Store,
        channel: &str,
        told: &Told,
        user: &PresenceEvent<'_>,
    ) -> Result<Option<Announcement>, StateError> {
        match *told {
            Told::Join | Told::Leave => self.tell(channel, user).map(Some),
            Told::Count => {
                let Count { users, connections } = store.count(channel);
                let count = PresenceEvent::Count { users, connections };
                self.tell(channel, &count).map(Some)
            }
            Told::CountAt(at) => {
                store.schedule(at, Due::Count(channel.to_owned()));
                Ok(None)
            }
            Told::Nothing => Ok(None),
        }
    }

    pub(super) fn join_now(
        &self,
        channel: &str,
        joining: &Joining<'_>,
    ) -> Result<Change, StateError> {
        let (now, member) = (Instant::now(), joining.member);
        let mut store = self.store();
        if let Lease::Node(lease) = joining.lease
            && !store.leases.contains_key(lease)
        {
            return Err(StateErrorKind::LeaseLost.into());
        }
        let known = store.user_of(channel, member.connection());
        let mut change = Change::default();
        if known.as_deref().is_some_and(|user| user != member.user()) {
            change =
                self.leave_now(&mut store, channel, member.connection(), joining.grace, now)?;
            change.last = false;
        }
        let is_known = known.as_deref() == Some(member.user());
        if is_known {
            store.release(channel, member.connection());
        } else if store.members >= self.max_members {
            return Err(StateErrorKind::Full.into());
        } else {
            store.members += 1;
        }
        let lease = store.hold(channel, member.connection(), joining.lease, now);
        let room = store.rooms.entry(channel.to_owned()).or_default();
        let connection = Connection {
            user: member.user().to_owned(),
            lease,
        };
        room.connections
            .insert(member.connection().to_owned(), connection);
        if is_known {
            room.set_info(member.user(), member.info_json());
            return Ok(change);
        }
        let (is_first, grace) = room.add(member.user(), member.info_json());
        let told = if is_first {
            room.joined(now)
        } else {
            Told::Nothing
        };
        if let Some(place) = grace {
            store.due.remove(&place);
        }
        change.first = is_first;
        let join = PresenceEvent::Join {
            user: member.user(),
            info: member.info_json().map(|json| &**json),
        };
        change
            .announcements
            .extend(self.tell_of(&mut store, channel, &told, &join)?);
        Ok(change)
    }

    pub(super) fn leave_now(
        &self,
        store: &mut Store,
        channel: &str,
        connection: &str,
        grace: Duration,
        now: Instant,
    ) -> Result<Change, StateError> {
        let mut change = Change::default();
        store.release(channel, connection);
        let Some(room) = store.rooms.get_mut(channel) else {
            return Ok(change);
        };
        let Some(left) = room.connections.remove(connection) else {
            return Ok(change);
        };
        change.last = room.subtract(&left.user);
        store.members -= 1;
        if change.last && grace.is_zero() {
            change
                .announcements
                .extend(self.remove_now(store, channel, &left.user, now)?);
        } else if change.last {
            let place = store.schedule(
                now + grace,
                Due::User(channel.to_owned(), left.user.clone()),
            );
            if let Some(user) = store
                .rooms
                .get_mut(channel)
                .and_then(|room| room.users.get_mut(&left.user))
            {
                user.leaves = Some(place);
            }
        }
        Ok(change)
    }

    /// Removes a user whose grace is over.
    fn remove_now(
        &self,
        store: &mut Store,
        channel: &str,
        user: &str,
        now: Instant,
    ) -> Result<Option<Announcement>, StateError> {
        let Some(room) = store.rooms.get_mut(channel) else {
            return Ok(None);
        };
        if !room.remove(user) {
            return Ok(None);
        }
        let told = room.left(now);
        let leave = PresenceEvent::Leave { user };
        let announcement = self.tell_of(store, channel, &told, &leave);
        if store
            .rooms
            .get(channel)
            .is_some_and(|room| room.users.is_empty())
        {
            store.rooms.remove(channel);
        }
        announcement
    }

    pub(super) fn sweep_now(&self, limit: usize, grace: Duration) -> Result<Swept, StateError> {
        let now = Instant::now();
        let mut store = self.store();
        store.bury_leases(now);
        let mut swept = Swept::default();
        while swept.due < limit
            && let Some((channel, connection)) = store.next_orphan()
        {
            swept.due += 1;
            let change = self.leave_now(&mut store, &channel, &connection, grace, now)?;
            swept.announcements.extend(change.announcements);
        }
        while swept.due < limit
            && let Some(due) = store.next_due(now)
        {
            swept.due += 1;
            match due {
                Due::Connection(channel, connection) => {
                    let change = self.leave_now(&mut store, &channel, &connection, grace, now)?;
                    swept.announcements.extend(change.announcements);
                }
                Due::User(channel, user) => {
                    let left = self.remove_now(&mut store, &channel, &user, now)?;
                    swept.announcements.extend(left);
                }
                Due::Count(channel) => {
                    let Some(room) = store.rooms.get_mut(&channel) else {
                        continue;
                    };
                    let told = room.count_is_due(now);
                    let nobody = PresenceEvent::Leave { user: "" };
                    let count = self.tell_of(&mut store, &channel, &told, &nobody)?;
                    swept.announcements.extend(count);
                }
            }
        }
        swept.has_more = swept.due >= limit;
        Ok(swept)
    }
}
