//! What a socket has missed.

use super::{Failed, Turn};
use crate::{
    name,
    store::{
        connection::{Connection, Loaded, Place, SOCKET_IDLE},
        frames::Missed,
    },
    wire::{Moment, replayed},
};

/// How long another proxy may take until a subscription is in effect. What was sent in that time is
/// sent again, and may come twice.
const TAKES_EFFECT: u64 = 250_000;

/// The most bytes of frames that one turn sends; the proxy takes 1 000 000.
pub(super) const MAX_SENT: usize = 900_000;

/// How frames that a socket has missed are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum As {
    /// They say that they are sent again.
    Replayed,
    Live,
}

impl Turn {
    /// Sends what came since the cursors, which may be there already.
    pub(super) async fn catch_up(&mut self, loaded: &Loaded, how: As) -> Result<(), Failed> {
        let read = self.read(&loaded.connection, |_| true).await?;
        self.send_all(&read, loaded, how)?;
        self.note(read, |_| ()).await
    }

    /// Sends what was published until new subscriptions were in effect, which nobody else tells.
    pub(super) async fn make_sure(
        &mut self,
        loaded: &Loaded,
        since: Moment,
        now: Moment,
    ) -> Result<(), Failed> {
        let until = Moment::from_micros(since.micros().saturating_add(TAKES_EFFECT));
        let mut read = self
            .read(&loaded.connection, |place| place.is_unsure)
            .await?;
        for (_, missed) in &mut read {
            missed.frames.retain(|frame| frame.sent <= until);
        }
        self.send_all(&read, loaded, As::Live)?;
        self.note(read, |connection| {
            connection.heard = now;
            if now > until {
                connection.unsure = None;
                for (_, place) in connection.places_mut() {
                    place.is_unsure = false;
                }
            }
        })
        .await
    }

    /// What came since the cursors of such places.
    async fn read(
        &self,
        connection: &Connection,
        are_such: impl Fn(&Place) -> bool,
    ) -> Result<Vec<(String, Missed)>, Failed> {
        let mut read = Vec::new();
        for (channel, place) in connection.places().filter(|(_, place)| are_such(place)) {
            let missed = self.app.store().missed(&channel, &place.at).await?;
            read.push((channel, missed));
        }
        Ok(read)
    }

    fn send_all(
        &mut self,
        read: &[(String, Missed)],
        loaded: &Loaded,
        how: As,
    ) -> Result<(), Failed> {
        let user = name::digest(&loaded.connection.user);
        let mut room = MAX_SENT;
        for (_, missed) in read {
            self.send(missed, &user, how, &mut room)?;
        }
        Ok(())
    }

    /// Moves the cursors to where the channels were read.
    async fn note(
        &self,
        read: Vec<(String, Missed)>,
        change: impl Fn(&mut Connection),
    ) -> Result<(), Failed> {
        let noted =
            self.app
                .store()
                .change_connection(&self.digest, Some(SOCKET_IDLE), |connection| {
                    for (channel, place) in connection.places_mut() {
                        if let Some((_, missed)) = read.iter().find(|(of, _)| *of == channel) {
                            place.at.clone_from(&missed.at);
                        }
                    }
                    change(connection);
                    Some(())
                });
        noted.await?;
        Ok(())
    }

    /// Sends frames, each in a message of its own. What has no room is left out.
    pub(super) fn send(
        &mut self,
        missed: &Missed,
        user: &str,
        how: As,
        room: &mut usize,
    ) -> Result<(), Failed> {
        let wire = self.app.settings().wire;
        for frame in missed
            .frames
            .iter()
            .filter(|frame| frame.is_for(user, how == As::Replayed))
        {
            let json = match how {
                As::Replayed => replayed(&frame.json, wire),
                As::Live => frame.json.clone(),
            };
            let Some(left) = room.checked_sub(json.len() + 32) else {
                return Ok(());
            };
            *room = left;
            self.ws.send_text(format!("[{json}]"))?;
        }
        Ok(())
    }
}
