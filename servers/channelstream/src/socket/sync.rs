//! Which channels a socket follows.

use gripware_axum::{Channel, CloseCode, Filter};

use super::{
    Failed, Turn,
    missed::{As, MAX_SENT},
};
use crate::{
    name,
    store::{
        connection::{Connection, Loaded, SOCKET_IDLE},
        frames::Missed,
    },
    wire::Moment,
};

impl Turn {
    /// Follows what the socket does not follow yet and leaves what it shall not, until the record
    /// has nothing new.
    pub(super) async fn sync(&mut self, mut loaded: Loaded, how: Option<As>) -> Result<(), Failed> {
        let mut room = MAX_SENT;
        loop {
            let user = name::digest(&loaded.connection.user);
            let mut read = Vec::new();
            for (channel, place) in loaded.connection.places() {
                if !place.is_followed {
                    let at = match how {
                        Some(_) => place.at.clone(),
                        None => self.app.store().cursor(&channel).await?,
                    };
                    read.push((
                        channel.clone(),
                        self.app.store().missed(&channel, &at).await?,
                    ));
                }
            }
            let left = loaded.connection.left.clone();
            for channel in &left {
                self.ws.unsubscribe(channel.as_str())?;
            }
            let own = name::user_channel(&user);
            for (channel, missed) in &read {
                self.send(missed, &user, how.unwrap_or(As::Live), &mut room)?;
                let filter = match *channel == own {
                    true => Filter::RequireSub,
                    false => Filter::SkipUsers,
                };
                let channel = Channel::new(channel.as_str())?
                    .with_filter(filter)
                    .with_prev_id(missed.at.as_str())?;
                self.ws.subscribe(channel)?;
            }
            let own = self.ws.connection_id().as_str().to_owned();
            let changed = self
                .app
                .store()
                .change_connection(&self.digest, Some(SOCKET_IDLE), |connection| {
                    // Of another socket by now: it has to be left alone.
                    if connection.socket.as_deref() != Some(&*own) {
                        return None;
                    }
                    connection.followed(&read, &left, self.tells_missed);
                    connection.heard = Moment::now();
                    if !self.tells_missed && !read.is_empty() {
                        connection.unsure = Some(connection.heard);
                    }
                    Some(())
                })
                .await?;
            match changed {
                Some((connection, version, ())) if connection.is_behind() => {
                    loaded = Loaded {
                        connection,
                        version,
                    };
                }
                Some((connection, ..)) => {
                    if connection.unsure.is_some() {
                        self.app.store().refresh_soon(&own);
                    }
                    return Ok(());
                }
                None => return Ok(self.ws.close_with(CloseCode::NORMAL, "")?),
            }
        }
    }
}

impl Connection {
    /// Notes what its socket follows now, and what it has left.
    fn followed(&mut self, read: &[(String, Missed)], left: &[String], is_sure: bool) {
        for (channel, missed) in read {
            let mut places = self.places_mut();
            match places.find(|(of, _)| of == channel) {
                Some((_, place)) => {
                    place.is_followed = true;
                    place.is_unsure = !is_sure;
                    place.at.clone_from(&missed.at);
                }
                // It was unsubscribed meanwhile.
                None => {
                    drop(places);
                    self.left.push(channel.clone());
                }
            }
        }
        self.left.retain(|channel| !left.contains(channel));
    }
}
