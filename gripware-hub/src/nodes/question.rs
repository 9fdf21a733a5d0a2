//! What one node asks another, and what that answers: JSON in the body of the relay's `ask` and
//! `answer`. Questions that this version does not know have no answer, so that versions can be mixed.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    inspect::{ChannelInfo, ConnectionInfo, ConnectionKind, Subscribers},
    page::MAX_PAGE,
};

/// The most bytes of the entries of an answer, unless the broker takes less: some thousand
/// connections, in a quarter of what brokers take. A longer list goes on with another question.
pub(crate) const MAX_ANSWER: usize = 256 * 1024;

/// The most channels of a connection that other nodes are told.
pub(super) const MAX_TOLD_CHANNELS: usize = 100;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "kebab-case")]
pub(super) enum Question {
    /// How much a node holds.
    Node,
    /// Which channels it has behind a name.
    Channels { after: Option<String> },
    /// Which connections it has behind a cursor of the list of all nodes.
    Connections { after: Option<String> },
    /// The same of a channel. A question of its own, since a node that does not know a channel here
    /// would list all.
    ConnectionsOf {
        channel: String,
        after: Option<String>,
    },
    /// How many subscribers each of these channels has.
    Subscribers { channels: Vec<String> },
    /// To end a connection.
    Close { id: String },
    /// To hand a connection the item that follows behind the line.
    PublishTo { id: String },
}

/// Three numbers, for response holds, streams and WebSockets.
pub(super) type Kinds = [usize; 3];

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct NodeAnswer {
    pub(super) connections: Kinds,
    pub(super) channels: usize,
}

/// Part of a list, which goes on where `has_more` is set.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ListAnswer<T> {
    pub(super) entries: Vec<T>,
    pub(super) has_more: bool,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ChannelEntry(pub(super) String, pub(super) Kinds);

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ConnectionEntry {
    id: String,
    kind: String,
    channels: Vec<String>,
    age_ms: u64,
    peer: Option<SocketAddr>,
    queued: usize,
    /// Its place in the list of its node.
    pub(super) at: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FoundAnswer {
    pub(super) is_found: bool,
}

/// As many as channels were asked for, in their order.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct SubscribersAnswer {
    pub(super) subscribers: Vec<Kinds>,
}

impl<T: Serialize> ListAnswer<T> {
    /// Takes as many entries as fit, and one at least.
    pub(super) fn cut(entries: impl IntoIterator<Item = T>, has_more: bool, most: usize) -> Self {
        let mut taken = Self {
            entries: Vec::new(),
            has_more,
        };
        let mut length = 0;
        for entry in entries {
            length += encode(&entry).len() + 1;
            let is_full = length > most && !taken.entries.is_empty();
            if is_full || taken.entries.len() == MAX_PAGE {
                taken.has_more = true;
                break;
            }
            taken.entries.push(entry);
        }
        taken
    }
}

impl From<ChannelInfo> for ChannelEntry {
    fn from(info: ChannelInfo) -> Self {
        Self(info.name, kinds(info.subscribers))
    }
}

impl ConnectionEntry {
    pub(super) fn new(info: ConnectionInfo, at: String) -> Self {
        let mut channels = info.channels;
        channels.truncate(MAX_TOLD_CHANNELS);
        Self {
            id: info.id,
            kind: info.kind.as_str().to_owned(),
            channels,
            age_ms: u64::try_from(info.age.as_millis()).unwrap_or(u64::MAX),
            peer: info.peer,
            queued: info.queued,
            at,
        }
    }

    /// `None` if another node has sent what this one has no kind for.
    pub(super) fn into_info(self, node: &str) -> Option<ConnectionInfo> {
        let kinds = [
            ConnectionKind::Response,
            ConnectionKind::Stream,
            ConnectionKind::WebSocket,
            ConnectionKind::Passed,
        ];
        Some(ConnectionInfo {
            id: self.id,
            kind: kinds.into_iter().find(|kind| kind.as_str() == self.kind)?,
            channels: self.channels,
            age: Duration::from_millis(self.age_ms),
            peer: self.peer,
            queued: self.queued,
            node: Some(node.to_owned()),
        })
    }
}

pub(super) fn kinds(subscribers: Subscribers) -> Kinds {
    [
        subscribers.response,
        subscribers.stream,
        subscribers.websocket,
    ]
}

pub(super) fn subscribers([response, stream, websocket]: Kinds) -> Subscribers {
    Subscribers {
        response,
        stream,
        websocket,
    }
}

/// None of these can fail: they have text, numbers and no maps.
pub(super) fn encode(value: &impl Serialize) -> Bytes {
    serde_json::to_vec(value).unwrap_or_default().into()
}

pub(super) fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
    serde_json::from_slice(bytes).ok()
}

/// A question, and an item behind it.
pub(super) fn with_item(question: &Question, item: &[u8]) -> Bytes {
    let mut bytes = encode(question).to_vec();
    bytes.push(b'\n');
    bytes.extend_from_slice(item);
    bytes.into()
}

/// Reads a question, and what stands behind its line.
pub(super) fn read(bytes: &Bytes) -> Option<(Question, Bytes)> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let end = end.unwrap_or(bytes.len());
    let question = decode(bytes.get(..end)?)?;
    Some((question, bytes.slice((end + 1).min(bytes.len())..)))
}
