//! Asks the other nodes, and adds what this one has.

use bytes::Bytes;
use gripware_core::Item;
use gripware_relay::{PublishError, Relay};
use serde::de::DeserializeOwned;

use super::{
    cursor::Cursor,
    gathered::{Found, Gathered, Nodes},
    merge,
    question::{
        FoundAnswer, ListAnswer, MAX_ANSWER, NodeAnswer, Question, SubscribersAnswer, decode,
        encode, subscribers, with_item,
    },
    respond,
};
use crate::{
    connection_id::Id,
    inspect::{ChannelInfo, ConnectionInfo, NodeInfo, Subscribers},
    node::Node,
    page::{CursorError, Page, read_channel_cursor},
};

/// More than what a node puts around a question.
const AROUND: usize = 256;

/// A node that asks the others of its relay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asker<'a> {
    pub(crate) node: &'a Node,
    pub(crate) relay: &'a Relay,
}

impl Asker<'_> {
    pub(crate) async fn nodes(self) -> Gathered<Vec<NodeInfo>> {
        let (answers, nodes) = self.ask::<NodeAnswer>(&Question::Node).await;
        let own = (self.name(), respond::describe(self.node));
        let all = answers.into_iter().chain([own]);
        let mut infos: Vec<_> = all
            .map(|(name, answer)| NodeInfo {
                is_this: name == self.relay.node().as_str(),
                name,
                connections: subscribers(answer.connections),
                channels: answer.channels,
            })
            .collect();
        infos.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Gathered::new(infos, nodes)
    }

    pub(crate) async fn channels(
        self,
        cursor: Option<&str>,
    ) -> Result<Gathered<Page<ChannelInfo>>, CursorError> {
        let after = cursor.map(read_channel_cursor).transpose()?;
        let question = Question::Channels {
            after: after.clone(),
        };
        let (answers, nodes) = self.ask(&question).await;
        let own = respond::channels(self.node, after.as_deref(), MAX_ANSWER);
        let lists: Vec<ListAnswer<_>> = answers.into_iter().map(|(_, list)| list).collect();
        let lists = lists.into_iter().chain([own]).collect();
        let page = merge::channels(lists, after.as_deref());
        Ok(Gathered::new(page, nodes))
    }

    /// Lists all connections, or those of a channel.
    pub(crate) async fn connections(
        self,
        channel: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Gathered<Page<ConnectionInfo>>, CursorError> {
        cursor.map(Cursor::read).transpose()?;
        let name = self.relay.node();
        let own = respond::connections(self.node, name, channel, cursor, MAX_ANSWER).await;
        let own = own.ok_or(CursorError)?;
        let after = cursor.map(str::to_owned);
        let question = match channel.map(str::to_owned) {
            Some(channel) => Question::ConnectionsOf { channel, after },
            None => Question::Connections { after },
        };
        let (mut lists, nodes) = self.ask(&question).await;
        lists.push((self.name(), own));
        Ok(Gathered::new(merge::connections(lists), nodes))
    }

    /// Counts the subscribers of each channel.
    pub(crate) async fn subscribers(self, channels: &[&str]) -> Gathered<Vec<Subscribers>> {
        let question = Question::Subscribers {
            channels: channels.iter().map(|&name| name.to_owned()).collect(),
        };
        let (answers, nodes) = self.ask::<SubscribersAnswer>(&question).await;
        let own = channels.iter().map(|name| self.node.subscribers(name));
        let mut sums: Vec<_> = own.collect();
        for (_, answer) in answers {
            for (sum, kinds) in sums.iter_mut().zip(answer.subscribers) {
                *sum = sum.plus(subscribers(kinds));
            }
        }
        Gathered::new(sums, nodes)
    }

    pub(crate) async fn close(self, id: Id) -> Found {
        if self.node.close(id).await {
            return Found::Yes;
        }
        let question = Question::Close { id: id.to_string() };
        self.find(encode(&question)).await
    }

    /// Hands an item to a connection of this or another node.
    pub(crate) async fn publish_to(self, id: Id, item: &Item) -> Result<Found, PublishError> {
        if self.node.publish_to(id, item.parts()?).await {
            return Ok(Found::Yes);
        }
        let mut json = Vec::new();
        // To be decoded it needs a channel, of which nothing is made.
        item.encode_json("connection", "", &mut json)?;
        let question = with_item(&Question::PublishTo { id: id.to_string() }, &json);
        let (length, limit) = (question.len() + AROUND, self.relay.max_message());
        if length > limit {
            return Err(PublishError::TooLarge { length, limit });
        }
        Ok(self.find(question).await)
    }

    /// Asks for a connection that one node has at most.
    async fn find(self, question: Bytes) -> Found {
        let is_found = |answer: &[u8]| decode(answer).is_some_and(|it: FoundAnswer| it.is_found);
        let answers = self.relay.ask_until(question, is_found).await;
        let said = answers.answers.iter();
        let said: Vec<_> = said
            .filter_map(|(_, it)| decode::<FoundAnswer>(it))
            .collect();
        let nodes = Nodes {
            asked: answers.asked + 1,
            answered: said.len() + 1,
        };
        Found::of(said.iter().any(|it| it.is_found), nodes)
    }

    /// Asks every other node; those whose answer cannot be read have not answered.
    async fn ask<T: DeserializeOwned>(self, question: &Question) -> (Vec<(String, T)>, Nodes) {
        let answers = self.relay.ask(encode(question)).await;
        let read: Vec<_> = answers
            .answers
            .iter()
            .filter_map(|(node, body)| Some((node.to_string(), decode(body)?)))
            .collect();
        let nodes = Nodes {
            asked: answers.asked + 1,
            answered: read.len() + 1,
        };
        (read, nodes)
    }

    fn name(self) -> String {
        self.relay.node().to_string()
    }
}
