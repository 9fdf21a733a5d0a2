//! Why an item cannot be published.

use thiserror::Error;

use crate::ChannelError;

/// Why an item cannot be published.
///
/// A proxy would answer most of these with a bare 400 for the whole batch, and pass the rest on to
/// clients that treat it as a violation of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ItemError {
    /// It has no format, so it would reach nobody.
    #[error("an item needs a format: http-response, http-stream or ws-message")]
    NoFormat,
    /// Its id does not keep the rules for ids.
    #[error("the id of an item is not valid")]
    Id {
        /// What is wrong with it.
        #[source]
        source: ChannelError,
    },
    /// Its previous id does not keep the rules for ids.
    #[error("the previous id of an item is not valid")]
    PrevId {
        /// What is wrong with it.
        #[source]
        source: ChannelError,
    },
    /// The name of one item of meta does not keep the rules for names.
    #[error("the name of an item's meta is not valid")]
    MetaName {
        /// What is wrong with it.
        #[source]
        source: ChannelError,
    },
    /// The channel that a client must be subscribed to as well is not valid.
    #[error("the channel in an item's meta `require_sub` is not valid")]
    RequireSub {
        /// What is wrong with it.
        #[source]
        source: ChannelError,
    },
    /// A user to skip is empty or has a comma, at which proxies would cut it in two.
    #[error("a user to skip cannot be empty or have a comma")]
    SkipUser,
    /// A status code outside 200 to 599.
    #[error("status code {code} is outside 200 to 599")]
    StatusCode {
        /// The code.
        code: u16,
    },
    /// A reason phrase with a control character, such as CR or LF.
    #[error("a reason phrase has a control character at byte {position}")]
    Reason {
        /// Where, in bytes from the start.
        position: usize,
    },
    /// A text that is no header name.
    #[error("the name of a header is empty or has a character that is not allowed there")]
    HeaderName,
    /// A header value with a control character, such as CR or LF, or one that is not UTF-8.
    #[error("the value of header `{name}` has a control character or is not UTF-8")]
    HeaderValue {
        /// The header's name.
        name: String,
    },
    /// A header that belongs to one connection or to the proxy, which takes it out.
    #[error("header `{name}` is set by the proxy, not by an item")]
    ReservedHeader {
        /// The header's name.
        name: String,
    },
    /// A JSON Patch that is not a list of operations.
    #[error("a JSON Patch has to be a JSON array")]
    Patch,
    /// A value that could not be written as JSON.
    #[error("a value cannot be written as JSON: {reason}")]
    Json {
        /// What its serializer said.
        reason: String,
    },
    /// A close code that no endpoint may send: outside 1000, 1001, 1003, 1007 to 1014 and 3000 to
    /// 4999 (GRIP 2.7).
    #[error("close code {code} cannot be sent")]
    CloseCode {
        /// The code.
        code: i32,
    },
    /// A close reason over 123 bytes, which is what fits a WebSocket's close frame.
    #[error("a close reason of {length} bytes is over the limit of {limit}")]
    CloseReason {
        /// Its length in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// A ping or pong over 125 bytes, which is what fits a WebSocket's control frame.
    #[error("a ping or pong of {length} bytes is over the limit of {limit}")]
    ControlFrame {
        /// Its length in bytes.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// The name of a server-sent event with a line break.
    #[error("the name of a server-sent event cannot have a line break")]
    EventName,
    /// The id of a server-sent event with a line break, or with NUL, for which browsers ignore it.
    #[error("the id of a server-sent event cannot have a line break or NUL")]
    EventId,
    /// As JSON it is longer than its endpoint takes.
    #[error("an item of {length} bytes as JSON is over the limit of {limit}")]
    TooLarge {
        /// Its length in bytes, as JSON.
        length: usize,
        /// The limit, in bytes.
        limit: usize,
    },
}

/// Keeps the first error of a value that is built by setters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FirstError(Option<Box<ItemError>>);

impl FirstError {
    pub(super) fn set(&mut self, error: ItemError) {
        self.0.get_or_insert_with(|| Box::new(error));
    }

    /// Takes over the error of a value that becomes a part of this one.
    pub(super) fn adopt(&mut self, part: &mut Self) {
        let theirs = part.0.take();
        if self.0.is_none() {
            self.0 = theirs;
        }
    }

    pub(super) fn check(&self) -> Result<(), ItemError> {
        self.0.as_deref().map_or(Ok(()), |error| Err(error.clone()))
    }
}
