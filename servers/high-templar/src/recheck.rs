//! Permissions that the backend wants to be asked for again: whose, and how each of their connections
//! comes to a turn in which they are.

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use gripware_axum::{Channel, Item, Publisher, WsMessage};
use gripware_publish::{CommandError, CommandSocket};
use gripware_state::StateError;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{DeliverError, connection::Slot, hex::short_hex, room::Room, sessions::Sessions};

/// How many commands are under way at a time, each of which is a connection.
const COMMANDS: usize = 16;

/// Whose permissions are asked for again.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Recheck {
    /// The value of the session cookie.
    Cookie(String),
    /// The id by which the backend knows a user, a text or a number.
    User(Value),
    Room(Room),
}

impl Recheck {
    /// The channels that their connections follow, and nobody else.
    pub(crate) async fn channels(&self, sessions: &Sessions) -> Result<Vec<String>, StateError> {
        Ok(match self {
            Self::Cookie(value) => vec![cookie_channel(value)],
            Self::User(id) => vec![user_channel(id)],
            Self::Room(room) => {
                let rooms = sessions.matching(std::slice::from_ref(room)).await?;
                let slots = rooms.iter().flat_map(Slot::all);
                slots.map(|slot| slot.channel).collect()
            }
        })
    }
}

/// Has the proxy make a turn for whoever follows one of the channels: by an item, or by the command
/// sockets where there are any.
pub(crate) async fn refresh(
    publisher: &Publisher,
    sockets: &[CommandSocket],
    channels: Vec<String>,
) -> Result<(), DeliverError> {
    if sockets.is_empty() {
        let refresh = |channel| (channel, Item::from(WsMessage::refresh()));
        let items = channels.into_iter().map(refresh);
        return Ok(publisher.publish_all(items).await?);
    }
    let prefix = publisher.prefix();
    // What is too long for a channel is followed by nobody.
    let channels = channels
        .iter()
        .filter_map(|channel| Channel::new(format!("{prefix}{channel}")).ok());
    let channels: Vec<_> = channels.collect();
    for socket in sockets {
        let commands = stream::iter(channels.clone()).map(|channel| async move {
            let answer = socket.refresh_channel(&channel).await;
            ignoring_nobody(answer)
        });
        let commands = commands.buffer_unordered(COMMANDS);
        commands.try_collect::<()>().await?;
    }
    Ok(())
}

/// A Pushpin that has no client on the channel refuses, and has nothing to do.
fn ignoring_nobody(answer: Result<(), CommandError>) -> Result<(), CommandError> {
    match answer {
        Err(CommandError::Refused { condition }) if condition == "item-not-found" => Ok(()),
        answer => answer,
    }
}

/// The channel of all connections with one session cookie. A channel is named in logs and lists, so
/// its name does not tell the cookie.
pub(crate) fn cookie_channel(value: &str) -> String {
    format!("session-{}", short_hex(&Sha256::digest(value)))
}

/// The channel of all connections of one user.
pub(crate) fn user_channel(id: &Value) -> String {
    format!("user-{}", short_hex(&Sha256::digest(id.to_string())))
}
