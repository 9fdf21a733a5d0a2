//! The body of a publish request, read as Pushpin reads it (GRIP 3.1, 3.2).

mod error;
mod formats;
#[cfg(test)]
mod tests;

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, SeqAccess},
};

pub use self::error::DecodeError;
use self::formats::Formats;
use super::lenient_json::{
    FromJson, Members, Object, Pairs, Scalar, any_value, members, pass_over,
};
use crate::{Channel, Item, channel::checked_name, item::ItemParts, json::lenient};

/// The most items that one body may have. The body itself is at most 1 000 000 bytes, of which an
/// item that says something takes more than 50: fuller ones are no batches but an attempt to fill
/// memory.
pub const MAX_ITEMS: usize = 10_000;

/// The most members that an item's meta may have. Filters search it once for each subscriber.
pub const MAX_ITEM_META: usize = 256;

const ITEM: &str = "publish item object";

/// Reads the body of a `POST` to `/publish/`: the channels, by name only, and what goes to them.
///
/// It takes what Pushpin takes: formats beside the channel rather than under `formats`, numbers in
/// texts, base64 with foreign characters, members it does not know, and escapes of lone surrogates
/// ([`lenient`]). One bad item refuses the whole batch. What Pushpin would hand on to clients that
/// cannot take it is refused as well:
///
/// - a `code` of a response below 200, which ends no request and lets a client take the next answer
///   on its connection for this one (response desynchronization), or a close code that must not be
///   sent ([`CloseCode`](crate::ws::CloseCode)); a close without a code has 1000;
/// - names, values and reasons that would break out of the head of a response;
/// - a channel or an id that breaks the rules for [`Channel`] names (an empty id is none);
/// - a text message that is not UTF-8, and a ping or pong over 125 bytes.
///
/// Headers that are the proxy's to set are left out (GRIP 1.11), and a close reason is cut at
/// [`MAX_REASON_LEN`](crate::ws::MAX_REASON_LEN) bytes. An item that has no format of those three,
/// or only the `hint` that WebSockets ignore, reaches nobody and is left out.
///
/// Bounds: [`MAX_ITEMS`], [`MAX_ITEM_META`], and for each format 1 000 headers and 64 content
/// filters. How large the body may be is for the caller to say.
///
/// ```
/// use gripware_core::proxy::decode_items;
///
/// let items = decode_items(br#"{"items": [
///     {"channel": "news", "id": "2", "prev-id": "1", "formats": {"ws-message": {"content": "hi"}}},
///     {"channel": "news", "http-stream": {"action": "close"}}
/// ]}"#)?;
/// assert_eq!(items.len(), 2);
/// assert_eq!(items[0].0.name(), "news");
/// assert!(items[0].1.has_id());
///
/// let error = decode_items(br#"{"items": [{"channel": "news"}]}"#).unwrap_err();
/// assert_eq!(error.to_string(), "Invalid format: no formats specified");
/// # Ok::<(), gripware_core::proxy::DecodeError>(())
/// ```
///
/// # Errors
/// Where a proxy answers 400; the error's words are the body of that answer.
pub fn decode_items(body: &[u8]) -> Result<Vec<(Channel, Item)>, DecodeError> {
    let body = lenient(body);
    // All of it, also what is passed over.
    let body = std::str::from_utf8(&body).map_err(|_| DecodeError::NO_JSON)?;
    match serde_json::from_str::<Object<BodyMembers>>(body).map_err(|_| DecodeError::NO_JSON)? {
        Object::Members(BodyMembers { items }) => match items {
            Items::Read(items) => Ok(items),
            Items::Refused(error) => Err(error),
            Items::Absent => Err(DecodeError::invalid("object does not contain 'items'")),
            Items::Other => Err(DecodeError::wrong_type("object", "items")),
        },
        _ => Err(DecodeError::NO_OBJECT),
    }
}

/// Reads a message that another program has put into a broker between proxies: one item by itself,
/// or what [`decode_items`] reads.
///
/// ```
/// use gripware_core::proxy::decode_message;
///
/// let one = br#"{"channel": "news", "formats": {"ws-message": {"content": "hi"}}}"#;
/// assert_eq!(decode_message(one)?.len(), 1);
///
/// let many = br#"{"items": [{"channel": "news", "formats": {"ws-message": {"content": "hi"}}}]}"#;
/// assert_eq!(decode_message(many)?, decode_message(one)?);
///
/// assert!(decode_message(br#"{"channel": "news"}"#).is_err());
/// # Ok::<(), gripware_core::proxy::DecodeError>(())
/// ```
///
/// # Errors
/// As [`decode_items`].
pub fn decode_message(message: &[u8]) -> Result<Vec<(Channel, Item)>, DecodeError> {
    let message = lenient(message);
    let message = std::str::from_utf8(&message).map_err(|_| DecodeError::NO_JSON)?;
    let read = serde_json::from_str::<Object<MessageMembers<'_>>>(message);
    match read.map_err(|_| DecodeError::NO_JSON)? {
        Object::Members(MessageMembers { items, item }) => match items {
            Items::Read(items) => Ok(items),
            Items::Refused(error) => Err(error),
            Items::Absent => Ok(item.read()?.into_iter().collect()),
            Items::Other => Err(DecodeError::wrong_type("object", "items")),
        },
        _ => Err(DecodeError::NO_OBJECT),
    }
}

/// A list of items, or the members of one.
#[derive(Debug, Default)]
struct MessageMembers<'de> {
    items: Items,
    item: ItemMembers<'de>,
}

impl<'de> Members<'de> for MessageMembers<'de> {
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "items" => self.items = map.next_value()?,
            _ => self.item.take(name, map)?,
        }
        Ok(())
    }
}

members! {
    BodyMembers { items: Items = "items", }
}

/// The items, each made as it is read, so that what the JSON says of them is kept for one at a time.
#[derive(Debug, Default)]
enum Items {
    #[default]
    Absent,
    Read(Vec<(Channel, Item)>),
    Refused(DecodeError),
    Other,
}

impl<'de> FromJson<'de> for Items {
    const NULL: Self = Self::Other;
    const OTHER: Self = Self::Other;

    fn from_list<A: SeqAccess<'de>>(mut list: A) -> Result<Self, A::Error> {
        let (mut items, mut count) = (Vec::new(), 0);
        while let Some(item) = list.next_element::<Object<ItemMembers<'de>>>()? {
            count += 1;
            let read = match item {
                _ if count > MAX_ITEMS => Err(DecodeError::invalid(
                    "object contains 'items' with too many elements",
                )),
                Object::Members(members) => members.read(),
                _ => Err(DecodeError::invalid("publish item object is not an object")),
            };
            match read {
                Ok(Some(item)) => items.push(item),
                Ok(None) => {}
                Err(error) => {
                    // A body that is no JSON is called so, wherever that shows.
                    pass_over(list)?;
                    return Ok(Self::Refused(error));
                }
            }
        }
        Ok(Self::Read(items))
    }
}

impl<'de> Deserialize<'de> for Items {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        any_value(deserializer)
    }
}

/// One element of `items`. The three formats stand here in the legacy form.
#[derive(Debug, Default)]
struct ItemMembers<'de> {
    channel: Scalar<'de>,
    id: Scalar<'de>,
    prev_id: Scalar<'de>,
    formats: Object<Named<'de>>,
    beside: Formats<'de>,
    meta: Object<Pairs<'de>>,
    size: Scalar<'de>,
    no_seq: Scalar<'de>,
}

impl<'de> Members<'de> for ItemMembers<'de> {
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        match name {
            "channel" => self.channel = map.next_value()?,
            "id" => self.id = map.next_value()?,
            "prev-id" => self.prev_id = map.next_value()?,
            "formats" => self.formats = map.next_value()?,
            "meta" => self.meta = map.next_value()?,
            "size" => self.size = map.next_value()?,
            "no-seq" => self.no_seq = map.next_value()?,
            _ => self.beside.take(name, map)?,
        }
        Ok(())
    }
}

/// The member `formats`, and whether anything stood in it.
#[derive(Debug, Default)]
struct Named<'de> {
    formats: Formats<'de>,
    has_members: bool,
}

impl<'de> Members<'de> for Named<'de> {
    fn take<A: MapAccess<'de>>(&mut self, name: &str, map: &mut A) -> Result<(), A::Error> {
        self.has_members = true;
        self.formats.take(name, map)
    }
}

impl ItemMembers<'_> {
    /// The item; nothing where it would reach nobody.
    fn read(self) -> Result<Option<(Channel, Item)>, DecodeError> {
        let channel = match self.channel {
            Scalar::Absent => {
                return Err(DecodeError::invalid(format!(
                    "{ITEM} does not contain 'channel'"
                )));
            }
            Scalar::Text(name) => Channel::new(name),
            _ => return Err(DecodeError::wrong_type(ITEM, "channel")),
        };
        let channel = channel.map_err(|_| DecodeError::wrong_value(ITEM, "channel"))?;
        let mut parts = ItemParts {
            id: id(self.id, "id")?,
            prev_id: id(self.prev_id, "prev-id")?,
            ..ItemParts::default()
        };
        let (formats, has_members) = match self.formats {
            Object::Members(named) => (named.formats, named.has_members),
            Object::Absent | Object::Null => self.beside.legacy(),
            Object::Other => return Err(DecodeError::wrong_type(ITEM, "formats")),
        };
        if !has_members {
            return Err(DecodeError::invalid("no formats specified"));
        }
        formats.read(&mut parts)?;
        parts.meta = meta(self.meta)?;
        parts.size = size(&self.size)?;
        parts.no_seq = match self.no_seq {
            Scalar::Absent => false,
            Scalar::Bool(no_seq) => no_seq,
            _ => return Err(DecodeError::wrong_type(ITEM, "no-seq")),
        };
        let item = Item::from_parts(parts);
        Ok(item.check().is_ok().then_some((channel, item)))
    }
}

/// An id. An empty one is none.
fn id(id: Scalar<'_>, member: &str) -> Result<Option<String>, DecodeError> {
    let id = id
        .text()
        .map_err(|_| DecodeError::wrong_type(ITEM, member))?;
    id.filter(|id| !id.is_empty())
        .map(|id| checked_name(id.into_owned()))
        .transpose()
        .map_err(|_| DecodeError::wrong_value(ITEM, member))
}

fn meta(meta: Object<Pairs<'_>>) -> Result<Vec<(String, String)>, DecodeError> {
    let pairs = match meta {
        Object::Absent | Object::Null => return Ok(Vec::new()),
        Object::Members(Pairs(pairs)) => pairs,
        Object::Other => return Err(DecodeError::wrong_type(ITEM, "meta")),
    };
    if pairs.len() > MAX_ITEM_META {
        return Err(DecodeError::wrong_value(ITEM, "meta"));
    }
    let mut read: Vec<(String, String)> = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        let Scalar::Text(value) = value else {
            return Err(DecodeError::wrong_type("'meta'", &name));
        };
        match read.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value.into_owned(),
            None => read.push((name.into_owned(), value.into_owned())),
        }
    }
    Ok(read)
}

fn size(size: &Scalar<'_>) -> Result<Option<u64>, DecodeError> {
    if !size.is_present() {
        return Ok(None);
    }
    let size = size
        .integer()
        .map_err(|_| DecodeError::wrong_type(ITEM, "size"))?;
    u64::try_from(size)
        .map(Some)
        .map_err(|_| DecodeError::wrong_value(ITEM, "size"))
}
