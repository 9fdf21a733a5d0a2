use bytes::Bytes;
use gripware_core::{Channel, ws::ConnectionId};
use serde::Serialize;

use super::LeaseId;
use crate::StateError;

/// The most bytes of a user's name.
pub const MAX_USER_LEN: usize = 256;

/// The most bytes of what a member tells about itself, as JSON: 4 KiB. Everybody in the channel
/// gets it.
pub const MAX_INFO_LEN: usize = 4 << 10;

/// One connection of one user, which joins a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    user: String,
    connection: ConnectionId,
    info: Option<Bytes>,
}

impl Member {
    /// A connection by its name and its user's. A user has 1 to [`MAX_USER_LEN`] bytes and no
    /// control characters; a connection is what a [`ConnectionId`] is: that of a WebSocket, or for
    /// a stream any random text.
    ///
    /// # Errors
    /// Where one of them breaks these rules.
    pub fn new(user: impl Into<String>, connection: &str) -> Result<Self, StateError> {
        let user = user.into();
        StateError::check_length("a user", user.len(), MAX_USER_LEN)?;
        // Users keep the rules for names.
        Channel::new(user.as_str()).map_err(StateError::invalid)?;
        Ok(Self {
            user,
            connection: ConnectionId::try_from(connection).map_err(StateError::invalid)?,
            info: None,
        })
    }

    /// Makes up a connection for a stream, which has none from its proxy: 16 random characters.
    #[must_use]
    pub fn random_connection() -> String {
        LeaseId::random().to_string()
    }

    /// Sets what everybody is told about the user: anything that becomes JSON of at most
    /// [`MAX_INFO_LEN`] bytes. Of several connections the last one to join counts.
    ///
    /// # Errors
    /// Where it cannot be written as JSON, or is too long.
    pub fn info<T: Serialize + ?Sized>(mut self, info: &T) -> Result<Self, StateError> {
        let json = serde_json::to_vec(info).map_err(StateError::invalid)?;
        StateError::check_length("a member's info", json.len(), MAX_INFO_LEN)?;
        self.info = Some(json.into());
        Ok(self)
    }

    /// The user.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The connection.
    #[must_use]
    pub fn connection(&self) -> &str {
        self.connection.as_str()
    }

    /// What everybody is told about the user, as JSON.
    #[must_use]
    pub fn info_json(&self) -> Option<&Bytes> {
        self.info.as_ref()
    }
}
