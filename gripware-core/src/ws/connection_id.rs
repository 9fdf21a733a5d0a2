//! The proxy's name for one WebSocket (GRIP 2.2).
//!
//! ```
//! use gripware_core::ws::{ConnectionId, ConnectionIdError};
//!
//! let id = ConnectionId::try_from("5c384ad4-e2a2-489a-a28f-7357624608d3")?;
//! assert_eq!(format!("conn-{id}"), "conn-5c384ad4-e2a2-489a-a28f-7357624608d3");
//! assert_eq!(ConnectionId::try_from(""), Err(ConnectionIdError::Empty));
//! # Ok::<(), ConnectionIdError>(())
//! ```

use std::fmt;

use thiserror::Error;

/// The most bytes that a connection's id may have. Proxies send a UUID of 36; the rest is room
/// for others.
pub const MAX_CONNECTION_ID_LEN: usize = 256;

/// The proxy's name for one WebSocket, the same for as long as it is open.
///
/// It has 1 to [`MAX_CONNECTION_ID_LEN`] visible ASCII characters. It cannot be guessed, and it is
/// as trustworthy as the signature of the request it came with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectionId(String);

impl ConnectionId {
    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for ConnectionId {
    type Error = ConnectionIdError;

    fn try_from(id: &str) -> Result<Self, ConnectionIdError> {
        Self::try_from(id.as_bytes())
    }
}

impl TryFrom<&[u8]> for ConnectionId {
    type Error = ConnectionIdError;

    fn try_from(id: &[u8]) -> Result<Self, ConnectionIdError> {
        if id.is_empty() {
            return Err(ConnectionIdError::Empty);
        }
        if id.len() > MAX_CONNECTION_ID_LEN {
            return Err(ConnectionIdError::TooLong {
                length: id.len(),
                limit: MAX_CONNECTION_ID_LEN,
            });
        }
        match id.iter().position(|byte| !byte.is_ascii_graphic()) {
            Some(position) => Err(ConnectionIdError::Character { position }),
            None => Ok(Self(id.iter().copied().map(char::from).collect())),
        }
    }
}

impl AsRef<str> for ConnectionId {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ConnectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a request names no connection.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConnectionIdError {
    /// The id is empty.
    #[error("a connection's id cannot be empty")]
    Empty,
    /// The id is longer than [`MAX_CONNECTION_ID_LEN`].
    #[error("a connection's id of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The id has a space, a control character or something beyond ASCII.
    #[error("a connection's id has a character at byte {position} that is not visible ASCII")]
    Character {
        /// Where, in bytes from the start.
        position: usize,
    },
    /// The request has more than one id.
    #[error("a request names more than one connection")]
    Repeated,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_visible_ascii_of_bounded_length() {
        let longest = "x".repeat(256);
        assert_eq!(
            ConnectionId::try_from(longest.as_str()).unwrap().as_str(),
            longest
        );
        assert_eq!(
            ConnectionId::try_from(format!("{longest}x").as_str()),
            Err(ConnectionIdError::TooLong {
                length: 257,
                limit: 256
            })
        );
        for (id, position) in [("a b", 1), ("a\u{7f}", 1), ("é", 0), ("ab\t", 2)] {
            assert_eq!(
                ConnectionId::try_from(id),
                Err(ConnectionIdError::Character { position })
            );
        }
    }
}
