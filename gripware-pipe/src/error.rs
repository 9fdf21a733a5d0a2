use std::{error::Error, fmt, time::Duration};

use http::StatusCode;

use crate::{BoxError, settings::MAX_HEAD};

/// Why a call has no response.
///
/// Its [`kind`](Self::kind) says whose fault it is. A request that
/// [`may_have_been_handled`](Self::may_have_been_handled) is never sent again by the pipe, unless it
/// is idempotent; nor should the caller do so without thought.
#[derive(Debug)]
pub struct CallError {
    kind: CallErrorKind,
    target: String,
    is_sent: bool,
    source: Option<BoxError>,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $kind:ident = $word:literal $status:ident;)*) => {
        /// The kinds of [`CallError`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum CallErrorKind {
            $($(#[doc = $doc])+ $kind,)*
        }

        impl CallErrorKind {
            /// Returns the word for it in the header `Pipe-Error`.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$kind => $word,)* }
            }

            /// Returns the status that says it over HTTP.
            #[must_use]
            pub fn status(self) -> StatusCode {
                match self { $(Self::$kind => StatusCode::$status,)* }
            }

            pub(crate) fn from_word(word: &[u8]) -> Option<Self> {
                $(if word == $word.as_bytes() { return Some(Self::$kind); })*
                None
            }
        }
    };
}

kinds! {
    /// There is no client of this name: it has never been connected, and no setting names it.
    Unknown = "unknown" NOT_FOUND;
    /// The other end is known and not connected.
    NotConnected = "not-connected" SERVICE_UNAVAILABLE;
    /// As many calls as can wait are waiting.
    Overloaded = "overloaded" SERVICE_UNAVAILABLE;
    /// There was no response within the response timeout.
    TimedOut = "timed-out" GATEWAY_TIMEOUT;
    /// The pipe was lost while the call was under way.
    Lost = "lost" BAD_GATEWAY;
    /// The other end gave up on this call, or the request's body ended early.
    Reset = "reset" BAD_GATEWAY;
    /// The server does not pass calls on between these clients.
    Forbidden = "forbidden" FORBIDDEN;
    /// The head of the request is too large to be sent.
    HeadTooLarge = "head-too-large" REQUEST_HEADER_FIELDS_TOO_LARGE;
    /// `CONNECT` is for tunnels, and a pipe carries requests.
    Unsupported = "unsupported" NOT_IMPLEMENTED;
}

impl CallError {
    pub(crate) fn new(kind: CallErrorKind, target: impl fmt::Display) -> Self {
        Self {
            kind,
            target: target.to_string(),
            is_sent: false,
            source: None,
        }
    }

    /// The request has left this machine.
    pub(crate) fn sent(mut self) -> Self {
        self.is_sent = true;
        self
    }

    pub(crate) fn because(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn timed_out(target: impl fmt::Display, limit: Duration, is_sent: bool) -> Self {
        let mut error = Self::new(CallErrorKind::TimedOut, target);
        error.is_sent = is_sent;
        error.because(format!("the limit is {limit:?}"))
    }

    /// Returns what kind it is.
    #[must_use]
    pub fn kind(&self) -> CallErrorKind {
        self.kind
    }

    /// Returns whether the other end may have seen the request, and acted on it.
    #[must_use]
    pub fn may_have_been_handled(&self) -> bool {
        self.is_sent
    }

    /// Returns whether the other end is not connected.
    #[must_use]
    pub fn is_not_connected(&self) -> bool {
        self.kind == CallErrorKind::NotConnected
    }

    /// Returns whether the response took too long.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.kind == CallErrorKind::TimedOut
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = &self.target;
        match self.kind {
            CallErrorKind::Unknown => write!(f, "there is no client {target}"),
            CallErrorKind::NotConnected => write!(f, "{target} is not connected"),
            CallErrorKind::Overloaded => write!(f, "too many calls to {target} are waiting"),
            CallErrorKind::TimedOut => write!(f, "{target} did not respond in time"),
            CallErrorKind::Lost => write!(f, "the pipe to {target} was lost"),
            CallErrorKind::Reset => write!(f, "the call to {target} was given up"),
            CallErrorKind::Forbidden => write!(f, "calls to {target} are not passed on"),
            CallErrorKind::HeadTooLarge => {
                write!(f, "the head of the request has more than {MAX_HEAD} bytes")
            }
            CallErrorKind::Unsupported => f.write_str("a pipe carries no CONNECT"),
        }
    }
}

impl Error for CallError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_back_from_its_word() {
        for kind in [CallErrorKind::Unknown, CallErrorKind::HeadTooLarge] {
            assert_eq!(
                CallErrorKind::from_word(kind.as_str().as_bytes()),
                Some(kind)
            );
        }
        assert_eq!(CallErrorKind::from_word(b"other"), None);
        let error = CallError::new(CallErrorKind::Lost, "app").sent();
        assert!(error.may_have_been_handled());
        assert_eq!(error.to_string(), "the pipe to app was lost");
    }
}
