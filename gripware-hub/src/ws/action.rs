//! What a session wants done.

use std::borrow::Cow;

use bytes::Bytes;
use gripware_core::Channel;

/// What the owner of a client's connection has to do, in the order in which it is said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// Write this to the client: whole frames.
    Send(Bytes),
    /// Answer a ping with this payload. Where several are to be answered the latest is enough
    /// (RFC 6455, section 5.5.3).
    Pong(Bytes),
    /// Subscribe the client. How many subscriptions it may have is up to the owner.
    Subscribe(Channel),
    /// End the subscription to a channel, of which the name counts.
    Unsubscribe(Channel),
    /// Set an item of the meta that filters look at, or remove it.
    SetMeta { name: String, value: Option<String> },
    /// Write this close frame to the client, end its subscriptions, and write nothing behind it.
    /// The client's answer is still read, until [`Action::End`].
    Close(Bytes),
    /// End the connection once everything before is written. The session may have a last
    /// turn to tell the origin.
    End,
    /// Say this in the log: something was dropped, or went wrong.
    Note(Cow<'static, str>),
}
