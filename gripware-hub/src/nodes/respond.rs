//! Answers what other nodes ask.

use bytes::Bytes;
use gripware_core::{Item, item::ItemParts, proxy::decode_message};
use gripware_relay::NodeId;

use super::{
    cursor::Cursor,
    question::{
        ChannelEntry, ConnectionEntry, FoundAnswer, ListAnswer, NodeAnswer, Question,
        SubscribersAnswer, encode, kinds, read,
    },
};
use crate::{connection_id::Id, inspect::ConnectionInfo, node::Node, page::MAX_PAGE};

/// Answers a question of another node. `None` if it cannot be read, as with one of a later version.
/// The entries of a list have `most` bytes.
pub(crate) async fn respond(
    node: &Node,
    name: &NodeId,
    body: &Bytes,
    most: usize,
) -> Option<Bytes> {
    let (question, item) = read(body)?;
    Some(match question {
        Question::Node => encode(&describe(node)),
        Question::Channels { after } => encode(&channels(node, after.as_deref(), most)),
        Question::Connections { after } => {
            encode(&connections(node, name, None, after.as_deref(), most).await?)
        }
        Question::ConnectionsOf { channel, after } => {
            encode(&connections(node, name, Some(&channel), after.as_deref(), most).await?)
        }
        Question::Subscribers { channels } => {
            let subscribers = channels.iter().map(|it| kinds(node.subscribers(it)));
            encode(&SubscribersAnswer {
                subscribers: subscribers.collect(),
            })
        }
        Question::Close { id } => {
            let is_found = match Id::parse(&id) {
                Some(id) => node.close(id).await,
                None => false,
            };
            encode(&FoundAnswer { is_found })
        }
        Question::PublishTo { id } => {
            let is_found = publish_to(node, Id::parse(&id)?, &item).await?;
            encode(&FoundAnswer { is_found })
        }
    })
}

pub(super) fn describe(node: &Node) -> NodeAnswer {
    let gauges = node.gauges();
    NodeAnswer {
        connections: kinds(gauges.connections),
        channels: gauges.channels,
    }
}

pub(super) fn channels(node: &Node, after: Option<&str>, most: usize) -> ListAnswer<ChannelEntry> {
    let channels = node.first_channels(after, MAX_PAGE + 1);
    ListAnswer::cut(channels.into_iter().map(ChannelEntry::from), false, most)
}

/// Lists all connections, or those of a channel. `None` if the cursor is none.
pub(super) async fn connections(
    node: &Node,
    name: &NodeId,
    channel: Option<&str>,
    after: Option<&str>,
    most: usize,
) -> Option<ListAnswer<ConnectionEntry>> {
    let cursor = after.map(Cursor::read).transpose().ok()?;
    let after = match &cursor {
        Some(cursor) if cursor.node > *name => return Some(ListAnswer::cut([], false, most)),
        Some(cursor) if cursor.node == *name => Some(cursor.at.as_str()),
        _ => None,
    };
    let first: Vec<(String, ConnectionInfo)> = node.connections_after(channel, after).await.ok()?;
    let entries = first
        .into_iter()
        .map(|(at, it)| ConnectionEntry::new(it, at));
    Some(ListAnswer::cut(entries, false, most))
}

async fn publish_to(node: &Node, id: Id, item: &Bytes) -> Option<bool> {
    let mut items = decode_message(item).ok()?.into_iter();
    let (Some((_, item)), None) = (items.next(), items.next()) else {
        return None;
    };
    Some(match parts_within(&item, node.settings.max_item) {
        Some(parts) => node.publish_to(id, parts).await,
        None => false,
    })
}

fn parts_within(item: &Item, most: usize) -> Option<&ItemParts> {
    item.check_size("", most).ok()?;
    item.parts().ok()
}
