//! What an error of Redis means to a caller.

use gripware_state::{StateError, StateErrorKind};
use redis::{ErrorKind, RedisError};

/// Returns `true` if the connection is of no use any more, or leads to the wrong server: after a
/// failover the old one is read-only.
pub(super) fn is_broken(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.code() == Some("READONLY")
}

/// The error of a script that was sent.
pub(super) fn of_reply(error: RedisError) -> StateError {
    let kind = match error.kind() {
        ErrorKind::Io => StateErrorKind::Uncertain,
        ErrorKind::Parse | ErrorKind::UnexpectedReturnType => StateErrorKind::Corrupt,
        _ => match error.code() {
            // Nothing was done.
            Some("LOADING" | "BUSY" | "MASTERDOWN" | "READONLY" | "TRYAGAIN" | "NOREPLICAS") => {
                StateErrorKind::Unavailable
            }
            Some("OOM") => StateErrorKind::Full,
            Some("WRONGTYPE") => StateErrorKind::Corrupt,
            _ if is_broken(&error) => StateErrorKind::Uncertain,
            _ => StateErrorKind::Refused,
        },
    };
    StateError::new(kind).with_source(error)
}

/// The error of a connection that could not be made.
pub(super) fn of_connecting(error: RedisError) -> StateError {
    let is_refused = matches!(
        error.kind(),
        ErrorKind::AuthenticationFailed | ErrorKind::InvalidClientConfig
    ) || matches!(
        error.code(),
        Some("NOPERM" | "NOAUTH" | "WRONGPASS" | "ERR")
    );
    let kind = if is_refused {
        StateErrorKind::Refused
    } else {
        StateErrorKind::Unavailable
    };
    StateError::new(kind).with_source(error)
}

/// The error of a reply that is not what the script returns.
pub(super) fn corrupt() -> StateError {
    StateErrorKind::Corrupt.into()
}
