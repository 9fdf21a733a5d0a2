//! One room: its channel has what is said, and the channel of its presence who comes and goes.

use std::time::Duration;

use gripware_axum::WebSocketContext;
use gripware_state::{
    Member,
    presence::{MAX_LISTED, SUFFIX},
};
use serde::{Deserialize, Serialize};

use crate::{App, failure::Failure, message::Told};

/// A room, by its name.
#[derive(Clone, Deserialize, PartialEq, Serialize)]
#[serde(transparent)]
pub(crate) struct Room(pub(crate) String);

impl Room {
    pub(crate) fn channel(&self) -> String {
        format!("room-{}", self.0)
    }

    /// Where joins and leaves are told.
    fn presence(&self) -> String {
        format!("room-{}{SUFFIX}", self.0)
    }

    /// Lets a connection in: who is there, what was said after the last that it has seen, and from
    /// then on everything.
    pub(crate) async fn join(
        &self,
        app: &App,
        member: &Member,
        after: Option<&str>,
        ws: &mut WebSocketContext,
    ) -> Result<(), Failure> {
        // Before it joins, so that its own join is among the events that follow the list.
        let there = app.presence.list(self.channel(), None, MAX_LISTED).await?;
        let users = there.users.iter().map(|present| &*present.user);
        ws.send_json(&Told::There {
            room: self,
            users: users.collect(),
        })?;
        let said = app.history.socket(self.channel())?;
        said.subscribe(ws, after).await?;
        app.presence.join(self.channel(), member).await?;
        let events = app.history.socket(self.presence())?;
        events
            .subscribe(ws, Some(&there.version.to_string()))
            .await?;
        Ok(())
    }

    /// Sends what may have been lost.
    pub(crate) async fn catch_up(
        &self,
        app: &App,
        ws: &mut WebSocketContext,
    ) -> Result<(), Failure> {
        for channel in [self.channel(), self.presence()] {
            app.history.socket(channel)?.catch_up(ws).await?;
        }
        Ok(())
    }

    pub(crate) async fn leave(
        &self,
        app: &App,
        member: &Member,
        ws: &mut WebSocketContext,
    ) -> Result<(), Failure> {
        for channel in [self.channel(), self.presence()] {
            ws.unsubscribe(channel)?;
        }
        ws.send_json(&Told::Left { room: self })?;
        // Nobody waits for it to come back, as after a cut.
        let presence = app.presence.clone().grace(Duration::ZERO);
        presence.leave(self.channel(), member.connection()).await?;
        Ok(())
    }
}
