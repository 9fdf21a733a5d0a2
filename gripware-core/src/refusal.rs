//! Why a request or a response is stopped at the layer, and what the client is told.

use http::StatusCode;
use thiserror::Error;

use crate::{HoldError, ws::Reply};

/// Why a request or a response is stopped.
///
/// `Display` is for logs. A client gets [`message`](Self::message), which gives nothing away.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The application answers only what comes through a proxy.
    #[error("the request did not come through a trusted proxy, and one is required")]
    ProxyRequired,
    /// WebSocket events came from somewhere else than a trusted proxy.
    #[error("WebSocket events did not come through a trusted proxy")]
    UnsignedEvents,
    /// A handler asked for a hold and there is no proxy to obey.
    #[error("a hold needs a trusted proxy, and the request did not come through one")]
    HoldWithoutProxy,
    /// Something between the handler and the layer took the hold out of the response.
    #[error(
        "the hold of a response was lost: a layer inside of the GRIP layer drops the response's \
         extensions"
    )]
    LostHold,
    /// A hold has to travel around the response, and the response could not be read.
    #[error("the response of a hold could not be read")]
    UnreadableResponse,
    /// A handler built a hold that no proxy would take.
    #[error("the hold cannot be sent")]
    BadHold(#[from] HoldError),
}

impl Refusal {
    /// Returns the status of the answer: 501 where a proxy is missing, 403 for events from
    /// elsewhere, 500 for a hold that cannot be sent.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::ProxyRequired | Self::HoldWithoutProxy => StatusCode::NOT_IMPLEMENTED,
            Self::UnsignedEvents => StatusCode::FORBIDDEN,
            Self::LostHold | Self::UnreadableResponse | Self::BadHold(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }

    /// Returns the answer: [`status`](Self::status) with [`message`](Self::message).
    #[must_use]
    pub fn to_reply(&self) -> Reply {
        Reply::text(self.status(), self.message())
    }

    /// What the client is told, as `text/plain`. It is the same for a missing, a forged and an
    /// expired signature.
    #[must_use]
    pub fn message(&self) -> &'static str {
        match self {
            Self::ProxyRequired => {
                "This application answers only through its GRIP proxy, and this request did not \
                 come through one that it trusts. Its log says why.\n"
            }
            Self::UnsignedEvents => {
                "WebSocket events are taken only from a trusted GRIP proxy. The application's log \
                 says why this request is not from one.\n"
            }
            Self::HoldWithoutProxy => {
                "This resource is realtime: it needs a GRIP proxy in front of the application, and \
                 this request did not come through one that it trusts. Connect to the proxy \
                 instead, or see the application's log for what is missing.\n"
            }
            Self::LostHold | Self::UnreadableResponse | Self::BadHold(_) => {
                "The application made an instruction that no proxy would take. Its log says which.\n"
            }
        }
    }
}
