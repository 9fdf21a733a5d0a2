use gripware_core::{
    Channel, ChannelError, WsMessage,
    item::WsMessageKind,
    ws::{WebSocketContext, WebSocketError},
};
use serde_json::json;
use thiserror::Error;

use super::Start;
use crate::{
    Continuity, Entry, History, Page, Position, StateError,
    history::{MAX_PAGE_ENTRIES, checked},
};

/// What the meta that has a WebSocket's cursor begins with: a digest of the channel's name follows.
pub const CURSOR_META: &str = "gw-at-";

impl History {
    /// Serves a channel over a WebSocket, to a client that may have missed something.
    ///
    /// ```
    /// use gripware_core::ws::WebSocketContext;
    /// use gripware_state::{History, resume::SocketError};
    ///
    /// # #[allow(dead_code)]
    /// async fn turn(history: &History, ws: &mut WebSocketContext) -> Result<(), SocketError> {
    ///     if ws.is_opening() {
    ///         ws.accept();
    ///     }
    ///     // The first message has the id that the client has seen last, or nothing.
    ///     while let Some(message) = ws.receive()? {
    ///         let cursor = message.to_str()?.to_owned();
    ///         history.socket("room")?.subscribe(ws, Some(&cursor)).await?;
    ///     }
    ///     // An empty turn: the proxy polls, or knows that something was lost.
    ///     if ws.is_keep_alive() {
    ///         history.socket("room")?.catch_up(ws).await?;
    ///     }
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// Where the channel is not valid.
    pub fn socket<C>(&self, channel: C) -> Result<SocketResume, StateError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        Ok(SocketResume {
            history: self.clone(),
            channel: checked(channel)?,
            start: Start::default(),
        })
    }
}

/// A channel of a WebSocket, in one turn. Built by [`History::socket`].
///
/// A proxy keeps no place in a channel for a WebSocket, so the connection's meta has it. An item may
/// reach the client both from the channel and from here, and one that was missed after later ones:
/// clients drop those whose id they have seen.
///
/// What was published between reading and the moment in which the subscription takes effect comes
/// with the next [`catch_up`](Self::catch_up). The subscription says what was read (`prev-id`), and
/// where the channel has moved on, the hub makes the turn for that at once, as it does while there
/// is [more](Caught::has_more). Pushpin passes over that, and makes the turn when it polls, or at
/// once where [`History::refreshing`] asks for it.
#[derive(Clone, Debug)]
#[must_use = "it does nothing by itself"]
pub struct SocketResume {
    history: History,
    channel: Channel,
    start: Start,
}

/// What a WebSocket was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Caught {
    /// How many items.
    pub sent: usize,
    /// Whether they are all that came after the cursor.
    pub continuity: Continuity,
    /// Whether there are more, which the next [`SocketResume::catch_up`] sends.
    pub has_more: bool,
}

impl SocketResume {
    /// Sets what a client gets that has no cursor. Default: [`Start::Kept`]; for
    /// [`Start::Snapshot`] too, which a handler sends by itself.
    pub fn start(mut self, start: Start) -> Self {
        self.start = start;
        self
    }

    /// Subscribes the connection, and sends what came after the client's cursor. A cursor that is
    /// empty is none.
    ///
    /// A client whose cursor can no longer be told is sent
    /// `{"type":"reset","channel":…,"reason":…}` first, as [`Continuity::as_str`] names it, and then
    /// the items that are kept.
    ///
    /// # Errors
    /// Where the backend fails, or the answer has no room.
    pub async fn subscribe(
        &self,
        ws: &mut WebSocketContext,
        cursor: Option<&str>,
    ) -> Result<Caught, SocketError> {
        let cursor = cursor.filter(|cursor| !cursor.is_empty());
        let (caught, position) = self.send(ws, cursor, cursor.is_none()).await?;
        self.follow(ws, position)?;
        Ok(caught)
    }

    /// Sends what came after the cursor in the connection's meta. For turns without events, which a
    /// proxy makes when it polls, and the hub when an item may have been lost. Does nothing for a
    /// connection that has not [subscribed](Self::subscribe).
    ///
    /// It may send again what the client got since the last time. Where that is much,
    /// [`seen`](Self::seen) moves the cursor.
    ///
    /// # Errors
    /// As [`subscribe`](Self::subscribe).
    pub async fn catch_up(&self, ws: &mut WebSocketContext) -> Result<Caught, SocketError> {
        let Some(cursor) = ws.meta(&self.meta()).map(str::to_owned) else {
            return Ok(Caught {
                sent: 0,
                continuity: Continuity::Complete,
                has_more: false,
            });
        };
        let (caught, position) = self.send(ws, Some(&cursor), false).await?;
        if caught.has_more {
            // From another id than before, so that the hub comes back at once.
            self.follow(ws, position)?;
        }
        Ok(caught)
    }

    /// Notes the last id that the client has seen, as it says itself.
    ///
    /// # Errors
    /// Where it is none of our ids.
    pub fn seen(&self, ws: &mut WebSocketContext, cursor: &str) -> Result<(), SocketError> {
        let position = Position::parse(cursor).ok_or(crate::EntryIdError);
        let position = position.map_err(StateError::invalid)?;
        Ok(ws.insert_meta(&self.meta(), &position.to_string())?)
    }

    /// Subscribes, and says what was read, which the hub compares with what was published. Another
    /// proxy is asked for a turn.
    fn follow(&self, ws: &mut WebSocketContext, position: Position) -> Result<(), SocketError> {
        let channel = self.channel.clone().with_prev_id(position.to_string());
        ws.subscribe(channel.map_err(StateError::invalid)?)?;
        self.history.refresh_soon(ws.connection_id().as_str());
        Ok(())
    }

    async fn send(
        &self,
        ws: &mut WebSocketContext,
        cursor: Option<&str>,
        is_new: bool,
    ) -> Result<(Caught, Position), SocketError> {
        let name = self.channel.name();
        let page = self
            .history
            .read_after(name, cursor, MAX_PAGE_ENTRIES)
            .await?;
        if is_new && self.start == Start::Now {
            ws.insert_meta(&self.meta(), &page.last.to_string())?;
            let caught = Caught {
                sent: 0,
                continuity: page.continuity,
                has_more: false,
            };
            return Ok((caught, page.last));
        }
        if !page.continuity.is_complete() {
            let reason = page.continuity.as_str();
            ws.send_json(&json!({ "type": "reset", "channel": name, "reason": reason }))?;
        }
        let caught = self.send_page(ws, &page)?;
        Ok((caught, page.position))
    }

    fn send_page(&self, ws: &mut WebSocketContext, page: &Page) -> Result<Caught, SocketError> {
        let mut sent = 0;
        for entry in &page.entries {
            sent += usize::from(send_entry(ws, entry)?);
        }
        ws.insert_meta(&self.meta(), &page.position.to_string())?;
        Ok(Caught {
            sent,
            continuity: page.continuity,
            has_more: page.has_more,
        })
    }

    /// The name of the meta that has the cursor: names of channels are no names of headers.
    fn meta(&self) -> String {
        format!(
            "{CURSOR_META}{:016x}",
            digest(self.channel.name().as_bytes())
        )
    }
}

/// FNV-1a, which is the same in every process. Two channels of one digest on one connection would
/// read each other's cursor, and be told to start anew.
fn digest(name: &[u8]) -> u64 {
    name.iter().fold(0xcbf2_9ce4_8422_2325, |digest, byte| {
        (digest ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Sends what an entry has for WebSockets. Returns `false` if that is nothing.
fn send_entry(ws: &mut WebSocketContext, entry: &Entry) -> Result<bool, SocketError> {
    let message = entry
        .item
        .parts()
        .ok()
        .and_then(|parts| parts.ws_message.as_ref());
    match message.map(WsMessage::kind) {
        Some(WsMessageKind::Text(text)) => ws.send_text(text.as_text().unwrap_or_default())?,
        Some(WsMessageKind::Binary(bytes)) => ws.send_binary(bytes)?,
        // What only the moment asked for.
        _ => return Ok(false),
    }
    Ok(true)
}

/// Why a WebSocket could not be served.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SocketError {
    /// The history could not be read.
    #[error("the history of the channel cannot be read")]
    State(#[from] StateError),
    /// The answer could not be written, or the request read.
    #[error("the turn of the WebSocket cannot be answered")]
    WebSocket(#[from] WebSocketError),
}
