//! What a node puts around what it sends: one line of JSON, then the body.
//!
//! ```text
//! ["gw1","3f2a…",1203,42,"item","room","5","4"]
//! {"channel":"room","id":"5","prev-id":"4","formats":{…}}
//! ```
//!
//! The line has the version, the node, its incarnation, a number, the kind, and of an item what is
//! needed to drop it, or to note the channel's last id, without reading the body.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::NodeId;

/// The most bytes of the first line: three names of [`gripware_core::MAX_NAME_LEN`] bytes, each of
/// which JSON may write as six, and what stands between them.
pub const MAX_HEAD: usize = 32 * 1024;

/// What versions have in common: how the first line begins.
const ANY_VERSION: &[u8] = b"[\"gw";
const VERSION: &str = "gw1";

/// One message between nodes.
///
/// ```
/// use bytes::Bytes;
/// use gripware_relay::{Envelope, EnvelopeError, Kind, NodeId};
///
/// let message = Envelope {
///     node: NodeId::try_from("a")?,
///     incarnation: 7,
///     number: 42,
///     kind: Kind::Item,
///     channel: "room".into(),
///     id: Some("5".into()),
///     prev_id: None,
///     body: Bytes::from_static(b"{}"),
/// };
/// let bytes = message.encode();
/// assert_eq!(bytes, "[\"gw1\",\"a\",7,42,\"item\",\"room\",\"5\",null]\n{}");
/// assert_eq!(Envelope::decode(&bytes)?, message);
///
/// // What another version says is passed over, so that versions can be mixed.
/// let newer = Bytes::from_static(b"[\"gw2\",\"a\"]\n");
/// assert_eq!(Envelope::decode(&newer), Err(EnvelopeError::Version));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// Who sent it.
    pub node: NodeId,
    /// Which run of that node: a random number of each start.
    pub incarnation: u64,
    /// The number of an item, counted from 1. Of a beat the last number that was sent before it; 0
    /// for what has none.
    pub number: u64,
    /// What it is.
    pub kind: Kind,
    /// The channel of an item; empty otherwise.
    pub channel: String,
    /// The id of an item, the count of a beat, or the question of an answer.
    pub id: Option<String>,
    /// The previous id of an item.
    pub prev_id: Option<String>,
    /// What follows the first line.
    pub body: Bytes,
}

/// What an [`Envelope`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// An item.
    Item,
    /// The first beat of a node: others answer with one of their own.
    Hello,
    /// A node lives, hears itself, and has sent so many items.
    Beat,
    /// A node ends.
    Bye,
    /// A question to one node.
    Ask,
    /// The answer to a question.
    Answer,
    /// One of a later version, which is passed over; its number counts.
    Unknown,
}

const KINDS: [(Kind, &str); 6] = [
    (Kind::Item, "item"),
    (Kind::Hello, "hello"),
    (Kind::Beat, "beat"),
    (Kind::Bye, "bye"),
    (Kind::Ask, "ask"),
    (Kind::Answer, "answer"),
];

impl Kind {
    fn as_str(self) -> &'static str {
        let found = KINDS.iter().find(|(kind, _)| *kind == self);
        found.map_or("unknown", |(_, name)| name)
    }

    fn read(name: &str) -> Self {
        let found = KINDS.iter().find(|(_, known)| *known == name);
        found.map_or(Self::Unknown, |(kind, _)| *kind)
    }
}

#[derive(Deserialize, Serialize)]
struct Head<'a>(
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    u64,
    u64,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Option<Cow<'a, str>>,
    #[serde(borrow)] Option<Cow<'a, str>>,
);

impl Envelope {
    /// Returns the message as bytes.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let head = Head(
            VERSION.into(),
            self.node.as_str().into(),
            self.incarnation,
            self.number,
            self.kind.as_str().into(),
            self.channel.as_str().into(),
            self.id.as_deref().map(Into::into),
            self.prev_id.as_deref().map(Into::into),
        );
        let ids = [&self.id, &self.prev_id].map(|id| id.as_ref().map_or(0, String::len));
        let names = self.channel.len() + ids.iter().sum::<usize>();
        let mut bytes = Vec::with_capacity(128 + names + self.body.len());
        // Texts and numbers can be written, and a vector takes everything.
        let _ = serde_json::to_writer(&mut bytes, &head);
        bytes.push(b'\n');
        bytes.extend_from_slice(&self.body);
        bytes.into()
    }

    /// Reads a message. The body shares the memory of `bytes`.
    ///
    /// # Errors
    /// Where it is one of another version, or none at all.
    pub fn decode(bytes: &Bytes) -> Result<Self, EnvelopeError> {
        if !bytes.starts_with(ANY_VERSION) {
            return Err(EnvelopeError::Malformed);
        }
        let start = bytes.get(..MAX_HEAD).unwrap_or(bytes);
        let end = start
            .iter()
            .position(|byte| *byte == b'\n')
            .ok_or(EnvelopeError::Malformed)?;
        let line = start.get(..end).unwrap_or_default();
        if !line.starts_with(b"[\"gw1\",") {
            return Err(EnvelopeError::Version);
        }
        let head: Head<'_> = serde_json::from_slice(line).map_err(|_| EnvelopeError::Malformed)?;
        let Head(_, node, incarnation, number, kind, channel, id, prev_id) = head;
        Ok(Self {
            node: NodeId::try_from(&*node).map_err(|_| EnvelopeError::Malformed)?,
            incarnation,
            number,
            kind: Kind::read(&kind),
            channel: channel.into_owned(),
            id: id.map(Cow::into_owned),
            prev_id: prev_id.map(Cow::into_owned),
            body: bytes.slice(end + 1..),
        })
    }
}

/// Why bytes are no [`Envelope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It is an envelope of another version.
    #[error("a message of another version")]
    Version,
    /// It is none.
    #[error("no message of a node")]
    Malformed,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn envelopes() -> impl Strategy<Value = Envelope> {
        let kinds = prop::sample::select(KINDS.map(|(kind, _)| kind).to_vec());
        let ids = || prop::option::of(any::<String>());
        (
            "[a-z0-9-]{1,32}",
            any::<(u64, u64)>(),
            kinds,
            any::<String>(),
            ids(),
            ids(),
            any::<Vec<u8>>(),
        )
            .prop_map(
                |(node, numbers, kind, channel, id, prev_id, body)| Envelope {
                    node: NodeId::try_from(node.as_str()).unwrap(),
                    incarnation: numbers.0,
                    number: numbers.1,
                    kind,
                    channel,
                    id,
                    prev_id,
                    body: body.into(),
                },
            )
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(envelope in envelopes()) {
            prop_assert_eq!(Envelope::decode(&envelope.encode()), Ok(envelope));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, head in "(\\[\"gw1\",)?.{0,80}\n?.{0,20}") {
            let _ = Envelope::decode(&bytes.into());
            let _ = Envelope::decode(&Bytes::from(head));
        }

        #[test]
        fn a_changed_byte_does_not_make_it_panic(
            envelope in envelopes(),
            at in any::<prop::sample::Index>(),
            byte: u8,
        ) {
            let mut bytes = envelope.encode().to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = Envelope::decode(&bytes.into());
        }
    }

    #[test]
    fn an_unknown_kind_is_read_with_its_number() {
        let bytes = Bytes::from_static(b"[\"gw1\",\"a\",1,9,\"new\",\"\",null,null]\n");
        let envelope = Envelope::decode(&bytes).unwrap();
        assert_eq!((envelope.kind, envelope.number), (Kind::Unknown, 9));
    }

    #[test]
    fn a_first_line_without_an_end_is_refused() {
        let mut bytes = b"[\"gw1\",\"".to_vec();
        bytes.resize(MAX_HEAD + 1, b'a');
        bytes.push(b'\n');
        assert_eq!(
            Envelope::decode(&bytes.into()),
            Err(EnvelopeError::Malformed)
        );
    }
}
