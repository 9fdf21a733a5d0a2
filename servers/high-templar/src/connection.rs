//! What is known of a connection between its turns: what its user may hear, and what it hears.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, SystemTime},
};

use gripware_axum::{Channel, ChannelError, Filter};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{frame::Refusal, room::Room};

/// How many request ids one connection may use for the same room at a time. Each is a channel of
/// its own, to which a trigger is published.
pub(crate) const MAX_REQUEST_IDS: usize = 4;

/// The longest request id, in bytes of JSON. It comes with each message.
const MAX_REQUEST_ID: usize = 256;

/// Clones share what they do not change.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Connection {
    allowed: Arc<Vec<Room>>,
    subscriptions: Arc<Vec<Subscription>>,
    /// When the client last said something, in Unix seconds.
    #[serde(skip)]
    last_heard: u64,
    /// What the backend knows its user by, where it is told of those who are gone.
    #[serde(skip)]
    user: Option<Arc<HeaderMap>>,
    #[serde(skip)]
    changes: Vec<Change>,
    #[serde(skip)]
    is_changed: bool,
    #[serde(skip)]
    stored: StoredParts,
}

/// What a turn has changed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// It is subscribed to a room, under one request id more.
    Subscribed(Room),
    /// Under one less.
    Unsubscribed(Room),
}

/// In which records a connection is stored where processes share it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct StoredParts {
    pub(crate) revision: u64,
    /// How many parts the revision has; 0 before the first.
    pub(crate) count: usize,
    /// When they were last kept from expiring, in Unix seconds.
    pub(crate) touched: u64,
}

/// A room that is heard, under one request id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Subscription {
    pub(crate) request_id: Value,
    pub(crate) room: Room,
    slot: usize,
}

/// What a client sees of one request id of one room: a channel, and the meta that an item's
/// template names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) channel: String,
    pub(crate) meta: String,
}

impl Connection {
    pub(crate) fn new(allowed: Vec<Room>, now: SystemTime) -> Self {
        Self {
            allowed: Arc::new(allowed),
            last_heard: unix_seconds(now),
            ..Self::default()
        }
    }

    /// Keeps what the backend knows its user by, to tell it when the proxy is gone with the
    /// connection.
    pub(crate) fn with_user(self, headers: HeaderMap) -> Self {
        Self {
            user: Some(Arc::new(headers)),
            ..self
        }
    }

    /// Notes that the client has said something.
    pub(crate) fn touch(&mut self, now: SystemTime) {
        self.last_heard = unix_seconds(now);
    }

    /// How long ago the client said something.
    pub(crate) fn silence(&self, now: SystemTime) -> Duration {
        Duration::from_secs(unix_seconds(now).saturating_sub(self.last_heard))
    }

    /// Adds a subscription, and returns it, or `None` if it exists already.
    pub(crate) fn subscribe(
        &mut self,
        room: Room,
        request_id: Value,
        max_subscriptions: usize,
    ) -> Result<Option<Subscription>, Refusal> {
        if request_id.to_string().len() > MAX_REQUEST_ID {
            return Err(Refusal::InvalidRequestId);
        }
        if !self.allowed.iter().any(|allowed| allowed.allows(&room)) {
            return Err(Refusal::RoomNotFound);
        }
        let same = self.subscriptions.iter().filter(|one| one.room == room);
        let mut is_free = [true; MAX_REQUEST_IDS];
        for one in same {
            if one.request_id == request_id {
                return Ok(None);
            }
            if let Some(slot) = is_free.get_mut(one.slot) {
                *slot = false;
            }
        }
        let slot = is_free.iter().position(|is_free| *is_free);
        let Some(slot) = slot.filter(|_| self.subscriptions.len() < max_subscriptions) else {
            return Err(Refusal::TooManySubscriptions);
        };
        let subscription = Subscription {
            request_id,
            room,
            slot,
        };
        Arc::make_mut(&mut self.subscriptions).push(subscription.clone());
        self.change(Change::Subscribed(subscription.room.clone()));
        Ok(Some(subscription))
    }

    /// Ends the first subscription with a request id, and returns it.
    pub(crate) fn unsubscribe(&mut self, request_id: &Value) -> Option<Subscription> {
        let mut subscriptions = self.subscriptions.iter();
        let at = subscriptions.position(|one| one.request_id == *request_id)?;
        let ended = Arc::make_mut(&mut self.subscriptions).remove(at);
        self.change(Change::Unsubscribed(ended.room.clone()));
        Some(ended)
    }

    /// Sets what the user may hear from now on, and returns the subscriptions that end by that.
    pub(crate) fn allow(&mut self, allowed: Vec<Room>) -> Vec<Subscription> {
        let is_allowed = |one: &Subscription| allowed.iter().any(|it| it.allows(&one.room));
        let subscriptions = std::mem::take(&mut self.subscriptions);
        let (kept, ended): (_, Vec<_>) = Arc::unwrap_or_clone(subscriptions)
            .into_iter()
            .partition(is_allowed);
        self.subscriptions = Arc::new(kept);
        self.allowed = Arc::new(allowed);
        self.is_changed = true;
        for one in &ended {
            self.change(Change::Unsubscribed(one.room.clone()));
        }
        ended
    }

    fn change(&mut self, change: Change) {
        self.is_changed = true;
        self.changes.push(change);
    }

    pub(crate) fn subscriptions(&self) -> &[Subscription] {
        &self.subscriptions
    }

    /// The rooms that it hears, each once.
    pub(crate) fn rooms(&self) -> BTreeSet<&Room> {
        self.subscriptions.iter().map(|one| &one.room).collect()
    }

    pub(crate) fn last_heard(&self) -> u64 {
        self.last_heard
    }

    pub(crate) fn user(&self) -> Option<&Arc<HeaderMap>> {
        self.user.as_ref()
    }

    /// Whether this turn has changed more than when the client was heard.
    pub(crate) fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// What this turn has changed of the rooms that it hears.
    pub(crate) fn changes(&self) -> &[Change] {
        &self.changes
    }

    pub(crate) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    pub(crate) fn stored(&self) -> StoredParts {
        self.stored
    }

    /// A connection as it was stored.
    pub(crate) fn loaded(self, last_heard: u64, stored: StoredParts) -> Self {
        Self {
            last_heard,
            stored,
            ..self
        }
    }
}

impl Change {
    pub(crate) fn room(&self) -> &Room {
        match self {
            Self::Subscribed(room) | Self::Unsubscribed(room) => room,
        }
    }
}

impl Subscription {
    pub(crate) fn slot(&self) -> Slot {
        Slot::new(&self.room.digest(), self.slot)
    }
}

impl Slot {
    fn new(digest: &str, n: usize) -> Self {
        Self {
            channel: format!("room-{digest}-{n}"),
            meta: format!("r{n}{digest}"),
        }
    }

    /// The slots that a trigger for a room is published to.
    pub(crate) fn all(room: &Room) -> impl Iterator<Item = Self> {
        let digest = room.digest();
        (0..MAX_REQUEST_IDS).map(move |n| Self::new(&digest, n))
    }
}

impl TryFrom<Slot> for Channel {
    type Error = ChannelError;

    /// The channel as a client subscribes to it: its request id is put into each item.
    fn try_from(slot: Slot) -> Result<Self, ChannelError> {
        Ok(Self::new(slot.channel)?.with_filter(Filter::VarSubst))
    }
}

/// Processes that share a connection have no other clock in common.
pub(crate) fn unix_seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use serde_json::{Value, json};

    use super::{Connection, MAX_REQUEST_IDS, Slot};
    use crate::{frame::Refusal, room::Room};

    fn room(customer: &str) -> Room {
        Room::try_from(json!({"target": "m", "customer": customer})).unwrap()
    }

    fn connection() -> Connection {
        Connection::new(vec![room("*")], SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn each_request_id_of_a_room_has_a_slot_of_its_own() {
        let mut connection = connection();
        let mut slots = Vec::new();
        for n in 0..MAX_REQUEST_IDS {
            let subscribed = connection.subscribe(room("1"), json!(n), 100).unwrap();
            slots.push(subscribed.unwrap().slot());
        }
        assert_eq!(slots, Slot::all(&room("1")).collect::<Vec<_>>());
        let more = connection.subscribe(room("1"), json!("more"), 100);
        assert_eq!(more, Err(Refusal::TooManySubscriptions));
        // A slot that was given up is used again.
        let ended = connection.unsubscribe(&json!(2)).unwrap();
        let again = connection.subscribe(room("1"), json!("more"), 100).unwrap();
        assert_eq!(again.unwrap().slot(), ended.slot());
    }

    #[test]
    fn the_same_subscription_twice_is_one() {
        let mut connection = connection();
        assert!(
            connection
                .subscribe(room("1"), json!("a"), 100)
                .unwrap()
                .is_some()
        );
        assert_eq!(connection.subscribe(room("1"), json!("a"), 100), Ok(None));
        assert!(connection.unsubscribe(&json!("a")).is_some());
        assert_eq!(connection.unsubscribe(&json!("a")), None);
    }

    #[test]
    fn what_is_not_allowed_or_too_much_is_refused() {
        let mut connection = connection();
        let other = Room::try_from(json!({"target": "x", "customer": "1"})).unwrap();
        let refused = |connection: &mut Connection, room, id: Value, max| {
            connection.subscribe(room, id, max).unwrap_err()
        };
        let not_found = refused(&mut connection, other, json!(1), 100);
        assert_eq!(not_found, Refusal::RoomNotFound);
        let too_long = refused(&mut connection, room("1"), json!("x".repeat(300)), 100);
        assert_eq!(too_long, Refusal::InvalidRequestId);
        let too_many = refused(&mut connection, room("1"), json!(1), 0);
        assert_eq!(too_many, Refusal::TooManySubscriptions);
    }

    #[test]
    fn what_is_allowed_no_longer_ends() {
        let mut connection = connection();
        for customer in ["1", "2"] {
            connection
                .subscribe(room(customer), json!(customer), 100)
                .unwrap();
        }
        let ended = connection.allow(vec![room("2")]);
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0].room, room("1"));
        assert_eq!(connection.subscriptions()[0].room, room("2"));
    }
}
