use std::{fmt, time::Duration};

use crate::{BoxError, Peer};

/// What is told of connections made and lost, on either end.
///
/// The methods are called by the pipe's own tasks and must not block. `connected` and `lost` of one
/// connection come in this order; those of a connection that takes another one's place may come in
/// between.
///
/// ```
/// use gripware_pipe::{Hooks, Lost, Peer};
///
/// struct Log;
///
/// impl Hooks for Log {
///     fn connected(&self, peer: &Peer) {
///         println!("{peer} is here");
///     }
///
///     fn lost(&self, peer: &Peer, why: Lost) {
///         println!("{peer}: {why}");
///     }
/// }
/// ```
pub trait Hooks: Send + Sync + 'static {
    /// The pipe is made, and calls can go both ways.
    fn connected(&self, peer: &Peer) {
        let _ = peer;
    }

    /// The pipe is lost.
    fn lost(&self, peer: &Peer, why: Lost) {
        let _ = (peer, why);
    }

    /// A client has not reached a server, or was not accepted by it; or a server has not accepted a
    /// client, in which case there is no next attempt.
    fn failed(&self, failure: &Failure<'_>) {
        let _ = failure;
    }
}

/// Hooks that do nothing.
impl Hooks for () {}

/// Why a pipe was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Lost {
    /// The other end closed it, or there was no sign of life.
    Ended,
    /// The same client has connected again.
    Replaced,
    /// The other end's certificate has expired or is revoked.
    Untrusted,
    /// This end has new certificates, and has connected anew.
    Renewed,
    /// This end stops.
    Stopped,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ended => "the connection has ended",
            Self::Replaced => "a newer connection has taken its place",
            Self::Untrusted => "its certificate is no longer valid",
            Self::Renewed => "there are new certificates",
            Self::Stopped => "this end stops",
        })
    }
}

/// A connection that did not come about.
#[derive(Debug)]
#[non_exhaustive]
pub struct Failure<'a> {
    /// The address: as it was given for a server, the socket's for a client.
    pub address: &'a str,
    /// How many attempts have failed since the last success, with this one.
    pub attempts: u32,
    /// When the next attempt is made, if one is.
    pub next: Option<Duration>,
    /// What went wrong.
    pub error: &'a BoxError,
}
