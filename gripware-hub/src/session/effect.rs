//! What passes between a [`Session`](super::Session), which has no socket and no clock, and
//! the shard that has both: the session says what it wants done, and the shard does it, in one
//! place (`shard/apply.rs`).

use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use gripware_core::Channel;
use http::{Request, Response};

use crate::handoff::Reply;

/// What the owner of a client's connection has to do, in the order in which it is said.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Queue a message for the client, if the queue has room for it; else the client is a slow
    /// consumer, and the setting for those says what becomes of it.
    Send(Bytes),
    /// Queue bytes whether there is room for them or not: what the client has asked for, or is owed
    /// at the end. They count as so many messages.
    Write { bytes: Bytes, messages: u32 },
    /// Queue this keep-alive if nothing else waits: what the client has not read yet says as much.
    KeepAlive(Bytes),
    /// Answer a ping with this payload. If several are to be answered, the latest is enough
    /// (RFC 6455, section 5.5.3).
    Pong(Bytes),
    /// Ping the client on the hub's own behalf if nothing else waits, and note when it was; what the
    /// client has not read yet would keep the ping from it.
    Ping,
    /// The client is gone without a word: it was not heard in time behind a ping.
    Silent,
    /// Queue this close frame, end all subscriptions, and write nothing behind it. The client's
    /// answer is still read, until [`Effect::End`].
    Close(Bytes),
    /// Give the response that a request was held for, and end the hold.
    Answer {
        reply: Reply,
        response: Box<Response<Bytes>>,
    },
    /// End the hold when everything before is written, and leave the connection to its server if it
    /// may be used again. The session may have a last request to the origin.
    End { is_reusable: bool },
    /// Cut the client off without an end, so that it knows that something is missing.
    Cut,
    /// The queue of a slow consumer is full, and it is to be disconnected.
    Overflow,
    /// Subscribe the client. How many subscriptions it may have is up to the owner: with
    /// more, [`Input::TooManyChannels`](super::Input::TooManyChannels) follows.
    Subscribe(Channel),
    /// End the subscription to a channel, of which the name counts.
    Unsubscribe(Channel),
    /// Subscribe the client to these channels and no others. The answer is
    /// [`Input::Subscribed`](super::Input::Subscribed).
    Follow {
        channels: Vec<Channel>,
        /// Whether the origin is right about where a channel is, although something else was
        /// published there: it has been asked before.
        trusts_origin: bool,
    },
    /// Hand over what came while the origin was asked, now that the subscriptions are as it says.
    Redeliver,
    /// Set an item of the meta that filters look at, or remove it.
    SetMeta { name: String, value: Option<String> },
    /// A request to the origin may be due; see
    /// [`Session::next_request`](super::Session::next_request) and
    /// [`Session::next_turn`](super::Session::next_turn).
    Ask,
    /// Tell the origin that the client has gone.
    Tell(Request<Bytes>),
    /// Tell a client why its hold is refused, if it may know.
    Refuse(String),
    /// Say in the log what the client did wrong, with the close code for it: for whoever looks into
    /// one client.
    ClientFault { code: u16, reason: &'static str },
    /// Say this in the log: something was dropped, or went wrong.
    Note(Cow<'static, str>),
}

/// A request to the origin on behalf of a client of an HTTP hold. One at a time is under way for each,
/// and its outcome is [`Input::Answer`](super::Input::Answer).
#[derive(Debug)]
pub(crate) enum OriginRequest {
    /// A held request once more.
    Repeat(Request<Bytes>),
    /// The next link of a stream.
    Page(Request<Bytes>),
}

/// Why a request to the origin has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OriginFailure {
    /// The origin was not reached, or did not get the whole body: it may be asked again.
    Unreached {
        /// What is added to the time until then: random, up to a second.
        jitter: Duration,
    },
    /// The origin may have seen the request.
    Failed,
}
