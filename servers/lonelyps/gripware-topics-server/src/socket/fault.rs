//! Why a connection ends.

use std::io;

use gripware_axum::{CloseCode, WebSocketError};
use gripware_topics::{WireError, auth::Refusal, ws::StreamError};
use thiserror::Error;

use super::outbox::{Loss, MAX_UNANSWERED, Unexpected};
use crate::store::StoreError;

/// A message for which the connection ends: the protocol has no answer that refuses. The client
/// learns the code, and a word where it is its own mistake; the log has the rest.
#[derive(Debug, Error)]
pub(super) enum Fault {
    #[error("a message is text, and all are binary")]
    Text,
    #[error("a message is malformed")]
    Wire(#[from] WireError),
    #[error("the first message is not CONFIGURE")]
    NotConfigured,
    #[error("there is a second CONFIGURE")]
    Configured,
    #[error("a message is refused")]
    Refused(#[from] Refusal),
    #[error("it is subscribed already")]
    Subscribed,
    #[error("it is not subscribed")]
    NotSubscribed,
    #[error("the pattern is over the limit here")]
    LongPattern,
    #[error("an acknowledgement is not that of what was sent")]
    Unexpected,
    #[error("parts are no message")]
    Stream(#[source] StreamError),
    #[error("the parts of a message do not come in time")]
    Late,
    #[error("the message has another digest")]
    Digest,
    #[error("a message is compressed, which was not agreed on")]
    Compressed,
    #[error("a message is not of the size that it was said to have")]
    Decompress(#[source] io::Error),
    #[error("a message is over the limit")]
    TooLarge,
    #[error("it is too slow for what it is subscribed to")]
    Slow,
    #[error("it has missed messages of topics that are not known")]
    Missed,
    #[error("{MAX_UNANSWERED} messages are not answered yet")]
    Unanswered,
    #[error("the messages that are delivered now leave no room")]
    Busy,
    #[error("the subscription is not kept")]
    Store(#[from] StoreError),
    #[error("its state is not that of this broadcaster")]
    State,
    #[error("the turn cannot be answered")]
    WebSocket(#[from] WebSocketError),
}

impl From<Unexpected> for Fault {
    fn from(_: Unexpected) -> Self {
        Self::Unexpected
    }
}

impl From<Loss> for Fault {
    fn from(loss: Loss) -> Self {
        match loss {
            Loss::Slow => Self::Slow,
            Loss::Unknown => Self::Missed,
        }
    }
}

impl From<StreamError> for Fault {
    fn from(error: StreamError) -> Self {
        match error {
            StreamError::TooLarge { .. } => Self::TooLarge,
            error => Self::Stream(error),
        }
    }
}

impl Fault {
    /// What the connection is closed with.
    pub(super) fn code(&self) -> CloseCode {
        match self {
            Self::Text => CloseCode::UNSUPPORTED_DATA,
            Self::Wire(_) | Self::Stream(_) | Self::Digest | Self::Decompress(_) => {
                CloseCode::INVALID_PAYLOAD
            }
            Self::TooLarge => CloseCode::MESSAGE_TOO_BIG,
            Self::Busy | Self::Store(_) => CloseCode::TRY_AGAIN_LATER,
            Self::Missed => CloseCode::SERVICE_RESTART,
            Self::WebSocket(_) | Self::State => CloseCode::INTERNAL_ERROR,
            _ => CloseCode::POLICY_VIOLATION,
        }
    }

    /// What the client is told beside the code: nothing of us, and not why a signature is refused.
    pub(super) fn reason(&self) -> String {
        match self {
            Self::WebSocket(_) | Self::State | Self::Store(_) | Self::Busy => String::new(),
            Self::Refused(_) => "a message is refused".to_owned(),
            fault => fault.to_string(),
        }
    }
}
