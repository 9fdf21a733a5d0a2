use std::{
    convert::Infallible,
    fmt,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Body, Frame};
use serde::Serialize;

use crate::inspect::{ChannelInfo, ConnectionInfo};

/// About how many bytes are written at a time.
const PIECE: usize = 32 * 1024;

/// A list in JSON, written as it is read: with a million entries it is never in memory as text.
pub(super) struct List {
    entries: Box<dyn Iterator<Item = String> + Send>,
    state: State,
}

#[derive(Clone, Copy)]
enum State {
    Before,
    Within,
    Ended,
}

impl List {
    pub(super) fn channels(channels: Vec<ChannelInfo>) -> Self {
        Self::new(channels.into_iter().map(|channel| {
            json(&Channel {
                name: &channel.name,
                subscribers: ByKind {
                    response: channel.subscribers.response,
                    stream: channel.subscribers.stream,
                    websocket: channel.subscribers.websocket,
                },
            })
        }))
    }

    pub(super) fn connections(connections: Vec<ConnectionInfo>) -> Self {
        Self::new(connections.into_iter().map(|connection| {
            json(&Connection {
                id: &connection.id,
                kind: connection.kind.as_str(),
                channels: &connection.channels,
                age: connection.age.as_millis() as f64 / 1000.0,
                peer: connection.peer.map(|peer| peer.to_string()),
                queued: connection.queued,
            })
        }))
    }

    fn new(entries: impl Iterator<Item = String> + Send + 'static) -> Self {
        Self {
            entries: Box::new(entries),
            state: State::Before,
        }
    }

    /// The next piece of the text.
    fn piece(&mut self) -> Option<Bytes> {
        let mut piece = String::new();
        let mut separator = match self.state {
            State::Before => {
                piece.push('[');
                ""
            }
            State::Within => ",\n",
            State::Ended => return None,
        };
        self.state = State::Within;
        while piece.len() < PIECE {
            let Some(entry) = self.entries.next() else {
                piece.push_str("]\n");
                self.state = State::Ended;
                break;
            };
            piece.push_str(separator);
            piece.push_str(&entry);
            separator = ",\n";
        }
        Some(Bytes::from(piece))
    }
}

impl Body for List {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.piece().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended)
    }
}

impl fmt::Debug for List {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("List").finish_non_exhaustive()
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inspect::Subscribers;

    #[test]
    fn a_list_comes_in_pieces_that_are_json_together() {
        for count in [0, 1, 2, 5000] {
            let channels = (0..count)
                .map(|number| ChannelInfo {
                    name: format!("room \"{number}\""),
                    subscribers: Subscribers {
                        stream: number,
                        ..Subscribers::default()
                    },
                })
                .collect();
            let mut list = List::channels(channels);
            let mut text = Vec::new();
            while let Some(piece) = list.piece() {
                assert!(piece.len() < PIECE + 200);
                text.extend_from_slice(&piece);
            }
            assert!(list.is_end_stream());
            let read: Vec<serde_json::Value> = serde_json::from_slice(&text).unwrap();
            assert_eq!(read.len(), count);
            if let Some(last) = read.last() {
                assert_eq!(last["name"], format!("room \"{}\"", count - 1));
                assert_eq!(last["subscribers"]["stream"], count - 1);
            }
        }
    }
}
