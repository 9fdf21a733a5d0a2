use gripware_core::Item;

use crate::EntryId;

/// What an append came to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "the item is not published yet, unless the backend relays it"]
pub struct Appended {
    pub(super) id: EntryId,
    pub(super) item: Item,
    pub(super) is_duplicate: bool,
    pub(super) is_relayed: bool,
}

impl Appended {
    /// The entry's id, which is the item's id.
    #[must_use]
    pub const fn id(&self) -> EntryId {
        self.id
    }

    /// Returns `true` if the idempotency key was known and nothing was appended.
    #[must_use]
    pub const fn is_duplicate(&self) -> bool {
        self.is_duplicate
    }

    /// Returns `true` if the backend has handed the item to all nodes in the same step.
    #[must_use]
    pub const fn is_relayed(&self) -> bool {
        self.is_relayed
    }

    /// The item with its id and previous id.
    pub const fn item(&self) -> &Item {
        &self.item
    }

    /// The item to publish; `None` if the backend has relayed it.
    ///
    /// That of a duplicate is published again: whoever appended it first may have failed before
    /// it published, and proxies drop an id that they have seen within 60 s.
    #[must_use]
    pub fn into_item(self) -> Option<Item> {
        (!self.is_relayed).then_some(self.item)
    }
}
