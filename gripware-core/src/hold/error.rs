//! Why a proxy would not accept a hold.

use std::{convert::Infallible, time::Duration};

use thiserror::Error;

use crate::ChannelError;

/// Why a proxy would not take a hold.
///
/// A proxy answers a bad instruction with a 502 that says nothing to anybody. These errors are
/// found before it is sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HoldError {
    /// A channel's name, id or filter is none.
    #[error("a hold with an invalid channel")]
    Channel(#[from] ChannelError),
    /// More channels than [`Limits::channels`](crate::Limits::channels).
    #[error("a hold of {count} channels is over the limit of {limit}")]
    TooManyChannels {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// The same channel twice.
    #[error("a hold names the channel {name:?} twice")]
    DuplicateChannel {
        /// The channel's name.
        name: String,
    },
    /// More filters on a channel than [`Limits::filters`](crate::Limits::filters).
    #[error("a channel with {count} filters is over the limit of {limit}")]
    TooManyFilters {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A time that is no whole number of seconds, is over 2 147 483 of them, or is zero where a
    /// proxy would take that for something else.
    #[error("{timeout:?} is no {of} timeout: it takes whole seconds in range")]
    BadTimeout {
        /// What it is the time of: `hold`, `keep-alive` or `next link`.
        of: &'static str,
        /// The time.
        timeout: Duration,
    },
    /// A keep-alive without content, which a proxy ignores.
    #[error("a keep-alive without content")]
    EmptyKeepAlive,
    /// A setting that belongs to the other kind of hold.
    #[error("a {mode} hold has no {setting}")]
    Misplaced {
        /// The kind of hold.
        mode: &'static str,
        /// The setting.
        setting: &'static str,
    },
    /// A stream hold with a previous id and no next link: a proxy that finds something missing
    /// would have nowhere to go, and closes the connection.
    #[error("a stream hold with a previous id needs a next link")]
    PrevIdWithoutNext,
    /// A character that no link may have.
    #[error(
        "a link has the character {character:?} at byte {position}, which a proxy would misread"
    )]
    LinkCharacter {
        /// The character.
        character: char,
        /// Where, in bytes from the start.
        position: usize,
    },
    /// A link that is empty or too long.
    #[error("a link of {length} bytes is empty or over the limit of {limit}")]
    LinkLength {
        /// Its length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A link that is shared between clients, and has a query, which a proxy ignores when it
    /// shares.
    #[error("the link of a recovery has a query, by which proxies do not tell clients apart")]
    LinkQuery,
    /// A link of a private stream, and no key to sign it with; see
    /// [`Policy::with_link_key`](crate::Policy::with_link_key).
    #[error(
        "the link of a private stream needs a link key: GripBuilder::link_key, with the hub inside by HubBuilder::grip_with"
    )]
    NoLinkKey,
    /// A meta name that is empty, or has a character that no proxy reads back.
    #[error("the meta name {name:?} is not made of letters, digits, `-`, `_` and `.`")]
    MetaName {
        /// The name.
        name: String,
    },
    /// The same item of meta twice.
    #[error("a hold sets the meta {name:?} twice")]
    DuplicateMeta {
        /// The name.
        name: String,
    },
    /// A meta value or reason with a control character.
    #[error("the {of} has a control character at byte {position}")]
    ControlCharacter {
        /// What it is in: `meta value` or `reason`.
        of: &'static str,
        /// Where, in bytes from the start.
        position: usize,
    },
    /// More meta than [`Limits::meta`](crate::Limits::meta).
    #[error("{count} items of meta are over the limit of {limit}")]
    TooMuchMeta {
        /// How many there are.
        count: usize,
        /// How many there may be.
        limit: usize,
    },
    /// A status that no client can get.
    #[error("{status} is no final status")]
    BadStatus {
        /// The status.
        status: u16,
    },
    /// A name to expose that is no header name.
    #[error("{name:?} is no header name")]
    HeaderName {
        /// The name.
        name: String,
    },
    /// An empty list of headers to expose, which a proxy takes for all of them.
    #[error("a proxy takes an empty list of exposed headers for all headers")]
    NothingExposed,
    /// A header of the response that JSON cannot carry, since it is not UTF-8.
    #[error("the value of the header {name} is not UTF-8, and has to travel as JSON")]
    HeaderValue {
        /// The header's name.
        name: String,
    },
    /// A response that is compressed, and has to travel inside JSON, where nothing decompresses
    /// it.
    #[error("the response is compressed, and has to travel as JSON: compress outside of GRIP")]
    Compressed,
    /// A channel name, id or meta value that a header would cut or change.
    #[error(
        "a name, id or meta value would be read as another in a header: it has to travel as JSON"
    )]
    NotHeaderSafe,
    /// The link of a recovery is no path.
    #[error("the link of a recovery is not a path on this host")]
    LinkHost,
    /// Headers over [`Limits::instruct_headers`](crate::Limits::instruct_headers).
    #[error("instructions of {length} bytes of headers are over the limit of {limit}")]
    HeadersTooLarge {
        /// Their length in bytes.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
    /// A response over [`Limits::instruct_body`](crate::Limits::instruct_body).
    #[error("a held response of {length} bytes or more is over the limit of {limit}")]
    BodyTooLarge {
        /// Its length in bytes, as far as it is known.
        length: usize,
        /// The limit in bytes.
        limit: usize,
    },
}

impl From<Infallible> for HoldError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The longest time a proxy can keep: it counts milliseconds in 31 bits.
const MAX_SECONDS: u64 = 2_147_483;

/// A time as the whole seconds that a proxy reads.
pub(super) fn whole_seconds(of: &'static str, timeout: Duration) -> Result<u64, HoldError> {
    if timeout.subsec_nanos() != 0 || timeout.as_secs() > MAX_SECONDS {
        return Err(HoldError::BadTimeout { of, timeout });
    }
    Ok(timeout.as_secs())
}

/// Where a text has its first control character.
pub(super) fn check_text(of: &'static str, text: &str) -> Result<(), HoldError> {
    match text.char_indices().find(|(_, c)| c.is_control()) {
        Some((position, _)) => Err(HoldError::ControlCharacter { of, position }),
        None => Ok(()),
    }
}
