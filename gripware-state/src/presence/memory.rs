use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Announcement, Change, Count, Joining, Lease, LeaseId, Members, PresenceBackend, PresenceEvent,
    SUFFIX, Swept,
    room::{Connection, Held, Place, Room, Told},
};
use crate::{
    StateError, StateErrorKind, Task,
    history::{DEFAULT_SIZE, DEFAULT_TTL, HistoryBackend, MemoryHistory, NewEntry},
    task::ready,
};

/// The connections, each in each channel, that a [`MemoryPresence`] keeps where nothing else is
/// set. One takes some 500 bytes, and what its user tells.
pub const DEFAULT_MEMBERS: usize = 200_000;

/// Presence in the memory of this process, which announces into a [`MemoryHistory`]. Clones share
/// it.
///
/// A connection over its bound, [`DEFAULT_MEMBERS`] by default, is refused with
/// [`StateErrorKind::Full`].
#[derive(Clone, Debug)]
pub struct MemoryPresence {
    history: MemoryHistory,
    max_members: usize,
    store: Arc<Mutex<Store>>,
}

impl MemoryPresence {
    /// Presence of at most so many connections, each in each channel.
    #[must_use]
    pub fn new(history: MemoryHistory, max_members: usize) -> Self {
        Self {
            history,
            max_members,
            store: Arc::default(),
        }
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        // Nothing panics while it is locked.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

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

    fn join_now(&self, channel: &str, joining: &Joining<'_>) -> Result<Change, StateError> {
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

    fn leave_now(
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

    fn sweep_now(&self, limit: usize, grace: Duration) -> Result<Swept, StateError> {
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

#[derive(Debug, Default)]
struct Store {
    rooms: HashMap<String, Room>,
    due: BTreeMap<Place, Due>,
    places: u64,
    leases: HashMap<LeaseId, Open>,
    /// Who joined under leases that have ended.
    orphans: VecDeque<(LeaseId, String, String)>,
    members: usize,
}

/// What happens at a time.
#[derive(Debug)]
enum Due {
    /// A connection's own lease ends: channel and connection.
    Connection(String, String),
    /// A user's grace ends: channel and user.
    User(String, String),
    /// A count is told of a channel.
    Count(String),
}

/// A node's lease.
#[derive(Debug)]
struct Open {
    end: Instant,
    /// Channels and connections.
    members: HashSet<(String, String)>,
}

impl Store {
    fn count(&self, channel: &str) -> Count {
        self.rooms.get(channel).map(Room::count).unwrap_or_default()
    }

    fn user_of(&self, channel: &str, connection: &str) -> Option<String> {
        let room = self.rooms.get(channel)?;
        Some(room.connections.get(connection)?.user.clone())
    }

    fn schedule(&mut self, at: Instant, due: Due) -> Place {
        self.places += 1;
        let place = (at, self.places);
        self.due.insert(place, due);
        place
    }

    /// Puts a connection under a lease.
    fn hold(&mut self, channel: &str, connection: &str, lease: Lease<'_>, now: Instant) -> Held {
        let name = (channel.to_owned(), connection.to_owned());
        match lease {
            Lease::Node(id) => {
                if let Some(open) = self.leases.get_mut(id) {
                    open.members.insert(name);
                }
                Held::Node(id.clone())
            }
            Lease::Own(ttl) => Held::Own(self.schedule(now + ttl, Due::Connection(name.0, name.1))),
        }
    }

    /// Takes a connection from under its lease.
    fn release(&mut self, channel: &str, connection: &str) {
        let Some(room) = self.rooms.get(channel) else {
            return;
        };
        match room
            .connections
            .get(connection)
            .map(|connection| &connection.lease)
        {
            Some(Held::Node(id)) => {
                if let Some(open) = self.leases.get_mut(id) {
                    open.members
                        .remove(&(channel.to_owned(), connection.to_owned()));
                }
            }
            Some(Held::Own(place)) => {
                self.due.remove(place);
            }
            None => {}
        }
    }

    fn touch(&mut self, channel: &str, connection: &str, ttl: Duration, now: Instant) -> bool {
        let lease = |store: &Self| {
            let room = store.rooms.get(channel)?;
            match &room.connections.get(connection)?.lease {
                Held::Own(place) => Some(Some(*place)),
                Held::Node(_) => Some(None),
            }
        };
        match lease(self) {
            None => false,
            Some(None) => true,
            Some(Some(place)) => {
                self.due.remove(&place);
                let held = self.hold(channel, connection, Lease::Own(ttl), now);
                let room = self.rooms.get_mut(channel);
                if let Some(found) = room.and_then(|room| room.connections.get_mut(connection)) {
                    found.lease = held;
                }
                true
            }
        }
    }

    /// Takes the members of leases that have ended.
    fn bury_leases(&mut self, now: Instant) {
        let ended = self.leases.extract_if(|_, open| open.end <= now);
        for (lease, open) in ended {
            let members = open.members.into_iter();
            self.orphans
                .extend(members.map(|(channel, connection)| (lease.clone(), channel, connection)));
        }
    }

    /// A connection whose lease has ended, and which has not joined under another one since.
    fn next_orphan(&mut self) -> Option<(String, String)> {
        while let Some((lease, channel, connection)) = self.orphans.pop_front() {
            let room = self.rooms.get(&channel);
            let held = room.and_then(|room| room.connections.get(&connection));
            if held.is_some_and(|held| matches!(&held.lease, Held::Node(id) if *id == lease)) {
                return Some((channel, connection));
            }
        }
        None
    }

    fn next_due(&mut self, now: Instant) -> Option<Due> {
        let first = self.due.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }
}

impl PresenceBackend for MemoryPresence {
    fn join<'a>(
        &'a self,
        channel: &'a str,
        joining: Joining<'a>,
    ) -> Task<'a, Result<Change, StateError>> {
        ready(self.join_now(channel, &joining))
    }

    fn leave<'a>(
        &'a self,
        channel: &'a str,
        connection: &'a str,
        grace: Duration,
    ) -> Task<'a, Result<Change, StateError>> {
        let mut store = self.store();
        ready(self.leave_now(&mut store, channel, connection, grace, Instant::now()))
    }

    fn touch<'a>(
        &'a self,
        connections: &'a [(&'a str, &'a str)],
        ttl: Duration,
    ) -> Task<'a, Result<Vec<usize>, StateError>> {
        let (now, mut store) = (Instant::now(), self.store());
        let unknown = connections
            .iter()
            .enumerate()
            .filter(|(_, (channel, connection))| !store.touch(channel, connection, ttl, now));
        ready(Ok(unknown.map(|(index, _)| index).collect()))
    }

    fn list<'a>(
        &'a self,
        channel: &'a str,
        after: Option<&'a str>,
        limit: usize,
    ) -> Task<'a, Result<Members, StateError>> {
        Box::pin(async move {
            let mut members = Members {
                // Before the list, which may have more: an event that it has already changes
                // nothing.
                version: self.history.last(&format!("{channel}{SUFFIX}")).await?,
                ..Members::default()
            };
            if let Some(room) = self.store().rooms.get(channel) {
                members.users = room.users_after(after, limit);
            }
            if members.users.len() == limit {
                members.next = members.users.last().map(|last| last.user.clone());
            }
            Ok(members)
        })
    }

    fn count<'a>(&'a self, channel: &'a str) -> Task<'a, Result<Count, StateError>> {
        ready(Ok(self.store().count(channel)))
    }

    fn open_lease<'a>(
        &'a self,
        lease: &'a LeaseId,
        ttl: Duration,
    ) -> Task<'a, Result<(), StateError>> {
        let open = Open {
            end: Instant::now() + ttl,
            members: HashSet::new(),
        };
        self.store().leases.insert(lease.clone(), open);
        ready(Ok(()))
    }

    fn renew_lease<'a>(
        &'a self,
        lease: &'a LeaseId,
        ttl: Duration,
    ) -> Task<'a, Result<bool, StateError>> {
        let mut store = self.store();
        let open = store
            .leases
            .get_mut(lease)
            .map(|open| open.end = Instant::now() + ttl);
        ready(Ok(open.is_some()))
    }

    fn end_lease<'a>(&'a self, lease: &'a LeaseId) -> Task<'a, Result<(), StateError>> {
        if let Some(open) = self.store().leases.get_mut(lease) {
            open.end = Instant::now();
        }
        ready(Ok(()))
    }

    fn sweep(&self, limit: usize, grace: Duration) -> Task<'_, Result<Swept, StateError>> {
        ready(self.sweep_now(limit, grace))
    }
}
