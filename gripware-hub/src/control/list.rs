//! Lists of what there is, in JSON and in pages: an array of up to [`MAX_PAGE`] entries, and
//! `Link: <?after=CURSOR>; rel="next"` where another page follows (RFC 8288).
//!
//! [`MAX_PAGE`]: crate::page::MAX_PAGE

use http::{HeaderValue, header::LINK, request::Parts};
use serde::Serialize;

use super::answer::{self, Answer};
use crate::{
    inspect::{ChannelInfo, ConnectionInfo},
    page::Page,
};

/// Returns the cursor of the page that is asked for; `None` is the first page.
pub(super) fn cursor(parts: &Parts) -> Option<&str> {
    let mut parameters = parts.uri.query()?.split('&');
    parameters.find_map(|it| it.strip_prefix("after="))
}

pub(super) fn channels(page: Page<ChannelInfo>) -> Answer {
    list(page, |channel| {
        json(&Channel {
            name: &channel.name,
            subscribers: ByKind {
                response: channel.subscribers.response,
                stream: channel.subscribers.stream,
                websocket: channel.subscribers.websocket,
            },
        })
    })
}

pub(super) fn connections(page: Page<ConnectionInfo>) -> Answer {
    list(page, |connection| {
        json(&Connection {
            id: &connection.id,
            kind: connection.kind.as_str(),
            channels: &connection.channels,
            age: connection.age.as_millis() as f64 / 1000.0,
            peer: connection.peer.map(|peer| peer.to_string()),
            queued: connection.queued,
        })
    })
}

fn list<T>(page: Page<T>, entry: impl Fn(&T) -> String) -> Answer {
    let entries: Vec<_> = page.entries.iter().map(entry).collect();
    let mut answer = answer::list(format!("[{}]\n", entries.join(",\n")));
    let link = page
        .next
        .map(|next| format!("<?after={next}>; rel=\"next\""));
    if let Some(Ok(link)) = link.map(HeaderValue::try_from) {
        answer.headers_mut().insert(LINK, link);
    }
    answer
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
}

/// None of these can fail: they have text, numbers and no maps.
fn json(entry: &impl Serialize) -> String {
    serde_json::to_string(entry).unwrap_or_else(|_| "null".to_owned())
}
