use std::{convert::Infallible, error::Error, io};

use thiserror::Error;

use crate::{AddressError, WireError, auth::Refusal, tls::TlsError};

/// Why a client cannot be built.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// No broadcaster is named.
    #[error("there is no broadcaster")]
    NoBroadcaster,
    /// The URL of a broadcaster or of this client is none.
    #[error("a URL cannot be used")]
    Address(#[from] AddressError),
    /// With secrets for Standard Webhooks a client gets no messages, at a host or over a WebSocket:
    /// they go to receivers that are no client of this protocol.
    #[error("with secrets for webhook receivers a client has neither a host nor a WebSocket")]
    Webhook,
    /// A client is reached at its host, or keeps a WebSocket.
    #[error("a client with a WebSocket has no host")]
    HostAndWebSocket,
    /// Connections over TLS cannot be made.
    #[error("connections over TLS cannot be made")]
    Tls(#[from] TlsError),
}

/// Why something was not done.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The client has no address that messages could be sent to.
    #[error("the client has neither a host nor a WebSocket: see ClientBuilder::host")]
    NoHost,
    /// Over a WebSocket a client subscribes itself, and no URL.
    #[error("over a WebSocket no URL is subscribed")]
    OverWebSocket,
    /// A topic or a pattern is none.
    #[error("it cannot be sent")]
    Wire(#[from] WireError),
    /// A message or file cannot be read, or is over the limit.
    #[error("the message cannot be read")]
    Message(#[source] io::Error),
    /// A broadcaster has refused it, and another would do so as well.
    #[error("the broadcaster refuses it with {status}: {text}")]
    Refused {
        /// The status of the answer.
        status: u16,
        /// The first line of what it said, at most 200 characters.
        text: String,
    },
    /// No broadcaster can be reached, for as often or as long as was tried.
    #[error("no broadcaster has answered")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
    /// It was sent, and it is not known what became of it.
    #[error("it was sent, and there is no answer")]
    Ambiguous(#[source] Box<dyn Error + Send + Sync>),
    /// The answer is none of this protocol, or not signed by the broadcaster.
    #[error("the answer is not one of a broadcaster")]
    Answer(#[source] Box<dyn Error + Send + Sync>),
}

impl ClientError {
    /// Whether it may have been done all the same.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Ambiguous(_) | Self::Answer(_))
    }
}

impl From<Infallible> for ClientError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<Refusal> for ClientError {
    fn from(refusal: Refusal) -> Self {
        Self::Answer(refusal.into())
    }
}
