//! Lists of what there is, in JSON and in pages: an array of up to [`MAX_PAGE`] entries, and
//! `Link: <?after=CURSOR>; rel="next"` where another page follows (RFC 8288).
//!
//! [`MAX_PAGE`]: crate::page::MAX_PAGE

use std::borrow::Cow;

use http::{HeaderValue, header::LINK, request::Parts};
use serde::Serialize;

use super::answer::{self, Answer};
use crate::{
    inspect::{ChannelInfo, ConnectionInfo, NodeInfo, Subscribers},
    nodes::Gathered,
    page::Page,
};

/// Returns the cursor of the page that is asked for; `None` is the first page.
pub(super) fn cursor(parts: &Parts) -> Option<&str> {
    let mut parameters = parts.uri.query()?.split('&');
    parameters.find_map(|it| it.strip_prefix("after="))
}

/// Returns the channel whose connections are asked for; `None` is all connections.
pub(super) fn channel(parts: &Parts) -> Option<Cow<'_, str>> {
    let mut parameters = form_urlencoded::parse(parts.uri.query()?.as_bytes());
    parameters.find_map(|(name, value)| (name == "channel").then_some(value))
}

pub(super) fn nodes(all: &Gathered<Vec<NodeInfo>>) -> Answer {
    let entries: Vec<_> = all
        .value
        .iter()
        .map(|node| {
            json(&Node {
                name: &node.name,
                this: node.is_this,
                connections: node.connections.into(),
                channels: node.channels,
            })
        })
        .collect();
    let answer = answer::list(format!("[{}]\n", entries.join(",\n")));
    answer::of_nodes(answer, all.nodes)
}

pub(super) fn channels(page: Gathered<Page<ChannelInfo>>) -> Answer {
    list(page, None, |channel| {
        json(&Channel {
            name: &channel.name,
            subscribers: channel.subscribers.into(),
        })
    })
}

/// All connections, or those of a channel.
pub(super) fn connections(page: Gathered<Page<ConnectionInfo>>, channel: Option<&str>) -> Answer {
    list(page, channel, connection)
}

fn connection(connection: &ConnectionInfo) -> String {
    json(&Connection {
        id: &connection.id,
        kind: connection.kind.as_str(),
        channels: &connection.channels,
        age: connection.age.as_millis() as f64 / 1000.0,
        peer: connection.peer.map(|peer| peer.to_string()),
        queued: connection.queued,
        node: connection.node.as_deref(),
    })
}

fn list<T>(all: Gathered<Page<T>>, channel: Option<&str>, entry: impl Fn(&T) -> String) -> Answer {
    let page = all.value;
    let entries: Vec<_> = page.entries.iter().map(entry).collect();
    let mut answer = answer::list(format!("[{}]\n", entries.join(",\n")));
    let kept = channel.map_or_else(String::new, |channel| {
        let channel = form_urlencoded::byte_serialize(channel.as_bytes());
        format!("channel={}&", channel.collect::<String>())
    });
    let link = page
        .next
        .map(|next| format!("<?{kept}after={next}>; rel=\"next\""));
    if let Some(Ok(link)) = link.map(HeaderValue::try_from) {
        answer.headers_mut().insert(LINK, link);
    }
    answer::of_nodes(answer, all.nodes)
}

#[derive(Serialize)]
struct Node<'a> {
    name: &'a str,
    /// Whether it is the one that was asked.
    this: bool,
    connections: ByKind,
    channels: usize,
}

#[derive(Serialize)]
struct Channel<'a> {
    name: &'a str,
    subscribers: ByKind,
}

#[derive(Serialize)]
struct ByKind {
    response: usize,
    stream: usize,
    websocket: usize,
}

impl From<Subscribers> for ByKind {
    fn from(subscribers: Subscribers) -> Self {
        Self {
            response: subscribers.response,
            stream: subscribers.stream,
            websocket: subscribers.websocket,
        }
    }
}

#[derive(Serialize)]
struct Connection<'a> {
    id: &'a str,
    kind: &'static str,
    channels: &'a [String],
    /// In seconds.
    age: f64,
    peer: Option<String>,
    /// In bytes.
    queued: usize,
    /// Where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    node: Option<&'a str>,
}

/// None of these can fail: they have text, numbers and no maps.
fn json(entry: &impl Serialize) -> String {
    serde_json::to_string(entry).unwrap_or_else(|_| "null".to_owned())
}
