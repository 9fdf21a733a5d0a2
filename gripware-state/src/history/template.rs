use bytes::Bytes;
use gripware_core::{Item, ItemError};
use memchr::memmem;

use crate::{EntryId, Epoch};

/// An item as JSON with places for its id and its previous id, which only the backend knows.
///
/// The JSON is that of a control endpoint (GRIP 3.2): [`head`](Self::head), the id,
/// [`middle`](Self::middle), the previous id, and the [`rest`](Self::rest) with the id between its
/// parts. So a script of a backend fills it in without reading it.
///
/// ```
/// use gripware_core::item::{Item, SseEvent};
/// use gripware_state::{EntryId, Template};
///
/// let template = Template::new("news", "", |id| SseEvent::new().id(id).data("hi").into())?;
/// let id: EntryId = "k3x9qf0a.2".parse()?;
/// assert_eq!(
///     template.fill(&id),
///     concat!(
///         r#"{"channel":"news","id":"k3x9qf0a.2","prev-id":"k3x9qf0a.1","formats":"#,
///         r#"{"http-stream":{"content":"id: k3x9qf0a.2\ndata: hi\n\n"}}}"#,
///     ),
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    head: Bytes,
    middle: Bytes,
    rest: Vec<Bytes>,
}

impl Template {
    /// A template of the item that `make` builds for an id, published to `prefix` and `channel`.
    /// Ids that the item has already are replaced. `make` is called with a text that stands for the
    /// id, which it puts into texts unchanged.
    ///
    /// # Errors
    /// Where the item cannot be published.
    pub fn new(
        channel: &str,
        prefix: &str,
        make: impl FnOnce(&str) -> Item,
    ) -> Result<Self, ItemError> {
        // Random, so that no content can hold it by chance or on purpose.
        let (id, previous) = (placeholder(), placeholder());
        let item = make(&id).id(id.as_str()).prev_id(previous.as_str());
        let mut json = Vec::new();
        item.encode_json(channel, prefix, &mut json)?;
        let json = Bytes::from(json);

        let mut parts = split(&json, id.as_bytes());
        let head = parts.next().unwrap_or_default();
        let second = parts.next().unwrap_or_default();
        let mut second = split(&second, previous.as_bytes());
        let middle = second.next().unwrap_or_default();
        let rest = second.next().into_iter().chain(parts).collect();
        Ok(Self { head, middle, rest })
    }

    /// The JSON before the id.
    #[must_use]
    pub fn head(&self) -> &Bytes {
        &self.head
    }

    /// The JSON between the id and the previous id.
    #[must_use]
    pub fn middle(&self) -> &Bytes {
        &self.middle
    }

    /// The JSON after the previous id, in parts that have the id between them.
    #[must_use]
    pub fn rest(&self) -> &[Bytes] {
        &self.rest
    }

    /// Its length in bytes when it is filled in with ids of the usual length.
    #[must_use]
    pub fn expected_len(&self) -> usize {
        let rest: usize = self.rest.iter().map(|part| part.len() + ID_LEN).sum();
        self.head.len() + self.middle.len() + ID_LEN + rest
    }

    /// The JSON of the item as the entry `id`.
    #[must_use]
    pub fn fill(&self, id: &EntryId) -> Bytes {
        let (id, previous) = (id.to_string(), id.previous().to_string());
        let mut json = Vec::with_capacity(self.expected_len() + ID_LEN);
        json.extend_from_slice(&self.head);
        json.extend_from_slice(id.as_bytes());
        json.extend_from_slice(&self.middle);
        json.extend_from_slice(previous.as_bytes());
        let mut separator: &[u8] = b"";
        for part in &self.rest {
            json.extend_from_slice(separator);
            json.extend_from_slice(part);
            separator = id.as_bytes();
        }
        json.into()
    }
}

/// What an id takes, with a number of 20 digits.
const ID_LEN: usize = Epoch::LEN + 21;

fn placeholder() -> String {
    // Neither an id nor a part of one: a dot is in each id, and none in this.
    format!("{}{}", Epoch::random(), Epoch::random())
}

/// The parts of `json` between the places where `needle` stands.
fn split(json: &Bytes, needle: &[u8]) -> impl Iterator<Item = Bytes> {
    let mut start = 0;
    let mut ends = Vec::new();
    for at in memmem::find_iter(json, needle) {
        ends.push((start, at));
        start = at + needle.len();
    }
    ends.push((start, json.len()));
    let json = json.clone();
    ends.into_iter()
        .map(move |(start, end)| json.slice(start..end))
}

#[cfg(test)]
mod tests {
    use gripware_core::{HttpStream, WsMessage};
    use proptest::prelude::*;

    use super::*;

    fn id() -> EntryId {
        "abcdefgh.1".parse().unwrap()
    }

    #[test]
    fn ids_of_the_item_itself_are_replaced() {
        let item = Item::from(WsMessage::text("hi")).id("7").prev_id("6");
        let template = Template::new("a", "app-", |_| item).unwrap();
        assert_eq!(
            template.fill(&id()),
            concat!(
                r#"{"channel":"app-a","id":"abcdefgh.1","prev-id":"0","#,
                r#""formats":{"ws-message":{"content":"hi"}}}"#
            )
        );
    }

    #[test]
    fn an_item_that_cannot_be_published_is_refused() {
        let refused = Template::new("a", "", |_| Item::new());
        assert_eq!(refused, Err(ItemError::NoFormat));
    }

    proptest! {
        #[test]
        fn content_is_carried_as_it_is(text in any::<String>(), times in 0_usize..4) {
            let make = |id: &str| {
                let text = format!("{text}{}", id.repeat(times));
                Item::new().http_stream(HttpStream::text(text.as_str())).ws_message(WsMessage::text(text))
            };
            let mut expected = Vec::new();
            let id = id();
            make(&id.to_string())
                .id(id.to_string())
                .prev_id("0")
                .encode_json("c", "", &mut expected)
                .unwrap();
            prop_assert_eq!(Template::new("c", "", make).unwrap().fill(&id), expected);
        }
    }
}
