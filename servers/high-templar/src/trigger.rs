//! Triggers: what the backend sends to rooms, over AMQP or by a signed POST.

use std::collections::HashMap;

use gripware_axum::{Item, WsMessage};
use serde_json::value::RawValue;
use thiserror::Error;

use crate::{connection::Slot, room::Room};

/// How many rooms one trigger may name.
pub(crate) const MAX_ROOMS: usize = 10_000;

/// The longest trigger as JSON, in bytes.
pub(crate) const MAX_BODY: usize = 1024 * 1024;

/// How many items of a trigger are published at a time, and how many bytes of its data are in them.
const MAX_ITEMS: usize = 1024;
const ITEM_BYTES: usize = 4 * MAX_BODY;

/// Data for everybody who hears one of the rooms.
#[derive(Debug)]
pub struct Trigger {
    pub(crate) rooms: Vec<Room>,
    data: Box<RawValue>,
}

/// A text is no [`Trigger`]. high-templar 2.5 answered with the same words.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TriggerError {
    /// It has more than 1 MiB.
    #[error("a trigger has at most {MAX_BODY} bytes")]
    TooLong,
    /// It is no JSON object.
    #[error("no JSON object: {0}")]
    Json(#[source] serde_json::Error),
    /// `rooms` is missing.
    #[error("rooms not specified")]
    NoRooms,
    /// `rooms` is not a list of rooms: see [`RoomError`](crate::RoomError).
    #[error("rooms not valid: {0}")]
    Rooms(#[source] serde_json::Error),
    /// `rooms` names more than 10 000.
    #[error("a trigger has at most {MAX_ROOMS} rooms")]
    TooManyRooms,
    /// `data` is missing.
    #[error("data not specified")]
    NoData,
}

impl Trigger {
    /// Reads `{"rooms": [{…}, …], "data": …}`.
    ///
    /// # Errors
    /// [`TriggerError`] says what is missing or wrong.
    pub fn parse(json: &[u8]) -> Result<Self, TriggerError> {
        if json.len() > MAX_BODY {
            return Err(TriggerError::TooLong);
        }
        let mut body: HashMap<String, Box<RawValue>> =
            serde_json::from_slice(json).map_err(TriggerError::Json)?;
        let rooms = body.remove("rooms").ok_or(TriggerError::NoRooms)?;
        let data = body.remove("data").ok_or(TriggerError::NoData)?;
        let rooms: Vec<Room> = serde_json::from_str(rooms.get()).map_err(TriggerError::Rooms)?;
        if rooms.len() > MAX_ROOMS {
            return Err(TriggerError::TooManyRooms);
        }
        Ok(Self { rooms, data })
    }

    /// The items that the trigger is made of where rooms are exact, each with its channel: for every
    /// room one for each of the request ids that a connection may have for it. Filters of the
    /// subscriptions put those in.
    ///
    /// ```
    /// use gripware_templar::Trigger;
    ///
    /// let trigger = Trigger::parse(br#"{"rooms": [{"target": "chat"}], "data": "hello"}"#)?;
    /// assert_eq!(trigger.items().count(), 4); // publisher.publish_all(trigger.items()).await?;
    /// # Ok::<(), gripware_templar::TriggerError>(())
    /// ```
    pub fn items(&self) -> impl Iterator<Item = (String, Item)> {
        self.items_for(&self.rooms)
    }

    /// How many items are made at a time: each has the data once more.
    pub(crate) fn items_at_a_time(&self) -> usize {
        (ITEM_BYTES / self.data.get().len().max(1)).clamp(1, MAX_ITEMS)
    }

    /// The data as items for rooms, in one frame for each of their subscriptions.
    pub(crate) fn items_for<'a>(
        &self,
        rooms: impl IntoIterator<Item = &'a Room>,
    ) -> impl Iterator<Item = (String, Item)> {
        // `%` begins a variable in the item's template, and can only stand in a JSON string.
        let data = self.data.get().replace('%', "\\u0025");
        rooms.into_iter().flat_map(Slot::all).map(move |slot| {
            let text = format!(
                r#"{{"type":"publish","data":{data},"requestId":%({})s}}"#,
                slot.meta
            );
            (slot.channel, Item::from(WsMessage::text(text)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_BODY, Trigger, TriggerError};

    #[test]
    fn what_is_missing_is_told() {
        let error = |json: &str| Trigger::parse(json.as_bytes()).unwrap_err();
        assert!(matches!(error("["), TriggerError::Json(_)));
        assert!(matches!(error(r#"{"data": 1}"#), TriggerError::NoRooms));
        assert!(matches!(error(r#"{"rooms": []}"#), TriggerError::NoData));
        assert!(matches!(
            error(r#"{"rooms": ["a"], "data": 1}"#),
            TriggerError::Rooms(_)
        ));
        let many = format!(
            r#"{{"rooms": [{}], "data": 1}}"#,
            vec!["{}"; 10_001].join(",")
        );
        assert!(matches!(error(&many), TriggerError::TooManyRooms));
        let long = format!(r#"{{"rooms": [], "data": "{}"}}"#, "x".repeat(MAX_BODY));
        assert!(matches!(error(&long), TriggerError::TooLong));
    }

    #[test]
    fn data_may_be_null() {
        assert!(Trigger::parse(br#"{"rooms": [], "data": null}"#).is_ok());
    }
}
