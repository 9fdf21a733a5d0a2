//! The conversation of a page with the application, turn by turn.

use axum::{
    Extension,
    extract::{Query, State},
};
use gripware_axum::{Item, WebSocketContext, WsMessage};
use gripware_state::{Draft, Member, presence::STREAM_INTERVAL};
use serde::Deserialize;

use crate::{
    App,
    failure::Failure,
    message::{Asked, Told},
    room::Room,
    token::User,
};

/// How a page knows that it was kicked: from 4000 on codes are the application's.
const KICKED: u16 = 4001;
/// The most rooms that one connection is in: each is two channels, of the 20 that it may follow.
const MAX_ROOMS: usize = 9;

#[derive(Deserialize)]
pub(crate) struct Visit {
    /// The last private message that the page has seen.
    after: Option<String>,
}

/// One turn of a socket.
pub(crate) async fn socket(
    opens: Option<Extension<User>>,
    Query(visit): Query<Visit>,
    State(app): State<App>,
    mut ws: WebSocketContext,
) -> Result<WebSocketContext, Failure> {
    if let Some(Extension(user)) = opens {
        ws.accept();
        // The proxy asks while nothing is said: for what may have been lost on the way, and behind
        // Pushpin that is how a room knows who is still there.
        ws.keep_alive_interval(STREAM_INTERVAL)?;
        ws.insert_meta_json("user", &user)?;
        ws.send_json(&Told::Welcome { name: &user.name })?;
        let private = app.history.socket(user.channel())?;
        private.subscribe(&mut ws, visit.after.as_deref()).await?;
    }
    let user: User = ws.meta_json("user")?.ok_or(Failure::NoUser)?;
    let member = Member::new(&*user.name, ws.connection_id().as_str())?;
    let mut rooms: Vec<Room> = ws.meta_json("rooms")?.unwrap_or_default();
    while let Some(text) = ws.receive()? {
        match Asked::read(text.as_bytes()) {
            Some(asked) => {
                app.answer(&user, &member, &mut rooms, asked, &mut ws)
                    .await?;
            }
            None => ws.send_json(&Told::Refused {
                reason: "that is no message of rooms",
            })?,
        }
    }
    for room in &rooms {
        // It stays, or leaves where this was the last turn.
        let channel = room.channel();
        app.presence.turn(&mut ws, channel, &member).await?;
    }
    if ws.is_keep_alive() {
        app.history
            .socket(user.channel())?
            .catch_up(&mut ws)
            .await?;
        for room in &rooms {
            room.catch_up(&app, &mut ws).await?;
        }
    }
    if ws.close_received().is_none() && !ws.is_disconnected() {
        ws.insert_meta_json("rooms", &rooms)?;
    }
    Ok(ws)
}

impl App {
    async fn answer(
        &self,
        user: &User,
        member: &Member,
        rooms: &mut Vec<Room>,
        asked: Asked,
        ws: &mut WebSocketContext,
    ) -> Result<(), Failure> {
        match asked {
            Asked::Join { room, after } if rooms.contains(&room) || rooms.len() < MAX_ROOMS => {
                room.join(self, member, after.as_deref(), ws).await?;
                if !rooms.contains(&room) {
                    rooms.push(room);
                }
            }
            Asked::Leave { room } if rooms.contains(&room) => {
                room.leave(self, member, ws).await?;
                rooms.retain(|joined| *joined != room);
            }
            Asked::Say { room, text } if rooms.contains(&room) => {
                let (channel, name) = (room.channel(), user.name.clone());
                let said = Draft::with_id(move |id| {
                    WsMessage::json(&Told::Said {
                        id,
                        room: &room,
                        name: &name,
                        text: &text,
                    })
                    .into()
                });
                self.tell(&channel, said).await?;
            }
            Asked::Tell { to, text } => {
                let name = user.name.clone();
                let private = Draft::with_id(move |id| {
                    WsMessage::json(&Told::Private {
                        id,
                        name: &name,
                        text: &text,
                    })
                    .into()
                });
                self.tell(&User::channel_of(&to), private).await?;
            }
            Asked::Kick { name } if user.is_moderator => {
                // To all connections of the user, wherever they are.
                let kick = Item::close(KICKED, "kicked");
                self.publisher
                    .publish(User::channel_of(&name), kick)
                    .await?;
            }
            _ => ws.send_json(&Told::Refused {
                reason: "you cannot do that",
            })?,
        }
        Ok(())
    }

    /// To everybody who follows the channel, and to those who come later.
    async fn tell(&self, channel: &str, draft: Draft) -> Result<(), Failure> {
        let appended = self.history.append(channel, draft).await?;
        if let Some(item) = appended.into_item() {
            self.publisher.publish(channel, item).await?;
        }
        Ok(())
    }
}
