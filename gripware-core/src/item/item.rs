//! An item: what is published to a channel.

use super::{
    HttpResponse, HttpStream, SseEvent, WsMessage,
    error::{FirstError, ItemError},
};
use crate::{
    Channel, ChannelError,
    channel::checked_name,
    ws::{CloseCode, CloseCodeError},
};

/// The name of the meta whose value is a channel, so that a prefix goes before it as well.
pub(super) const REQUIRE_SUB: &str = "require_sub";
const SENDER: &str = "sender";
const SKIP_USERS: &str = "skip_users";

/// One message, before it is published to a channel.
///
/// It has at least one format; the rest is optional. Setters take it by value and never fail: the
/// first error is kept and comes out of [`check`](Self::check), of the encoder, and of publishing.
/// A clone shares the content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Item {
    parts: ItemParts,
    error: FirstError,
}

/// What an [`Item`] consists of, for whoever delivers it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ItemParts {
    /// Names this item in its channel.
    pub id: Option<String>,
    /// The id of the item before this one.
    pub prev_id: Option<String>,
    /// For clients of `response` holds.
    pub http_response: Option<HttpResponse>,
    /// For clients of `stream` holds.
    pub http_stream: Option<HttpStream>,
    /// For clients of WebSockets.
    pub ws_message: Option<WsMessage>,
    /// What filters look at: names and values, each name once.
    pub meta: Vec<(String, String)>,
    /// Whether the item is left out of the channel's order.
    pub no_seq: bool,
    /// What the item weighs in the proxy's statistics and rate limits.
    pub size: Option<u64>,
}

impl Item {
    /// Creates an item without a format, which is yet to be given one.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates an item that ends what is held on a channel, whatever the kind: a WebSocket is closed
    /// with this code and reason, a stream ends, and the request of a long poll is repeated to the
    /// origin, which says whether it may wait any longer.
    ///
    /// Published to a channel that all connections of one user are subscribed to, it closes them all:
    /// a kick, or a logout. Clients of streams come back by themselves and are then refused.
    ///
    /// ```
    /// use gripware_core::Item;
    ///
    /// let kick = Item::close(4001, "kicked");
    /// assert!(kick.check().is_ok());
    /// assert!(Item::close(1005, "no such code").check().is_err());
    /// ```
    pub fn close<C>(code: C, reason: impl Into<String>) -> Self
    where
        C: TryInto<CloseCode>,
        C::Error: Into<CloseCodeError>,
    {
        Self::new()
            .http_response(HttpResponse::hint())
            .http_stream(HttpStream::close())
            .ws_message(WsMessage::close(code, reason))
    }

    /// An item as a proxy has read and checked it.
    #[cfg(feature = "proxy")]
    pub(crate) fn from_parts(parts: ItemParts) -> Self {
        Self {
            parts,
            ..Self::default()
        }
    }

    /// Sets what the clients of `response` holds get.
    pub fn http_response(mut self, format: impl Into<HttpResponse>) -> Self {
        let mut format = format.into();
        self.error.adopt(&mut format.error);
        self.parts.http_response = Some(format);
        self
    }

    /// Sets what the clients of `stream` holds get.
    pub fn http_stream(mut self, format: impl Into<HttpStream>) -> Self {
        let mut format = format.into();
        self.error.adopt(&mut format.error);
        self.parts.http_stream = Some(format);
        self
    }

    /// Sets what the clients of WebSockets get.
    pub fn ws_message(mut self, format: impl Into<WsMessage>) -> Self {
        let mut format = format.into();
        self.error.adopt(&mut format.error);
        self.parts.ws_message = Some(format);
        self
    }

    /// Names this item in its channel, by the rules for [`Channel`] names.
    ///
    /// A proxy drops an item whose id it has seen on the channel within 60 s (GRIP 3.6), which is
    /// what makes it safe to send one again.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        match checked_name(id.into()) {
            Ok(id) => self.parts.id = Some(id),
            Err(source) => self.error.set(ItemError::Id { source }),
        }
        self
    }

    /// Names the item before this one. A proxy that has not seen it waits for it up to 5 s, and
    /// then lets the holds that can be recovered ask the origin (GRIP 3.6).
    pub fn prev_id(mut self, id: impl Into<String>) -> Self {
        match checked_name(id.into()) {
            Ok(id) => self.parts.prev_id = Some(id),
            Err(source) => self.error.set(ItemError::PrevId { source }),
        }
        self
    }

    /// Sets one item of meta, in place of any of the same name. The name keeps the rules for
    /// [`Channel`] names, the value is any text.
    pub fn meta(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = match checked_name(name.into()) {
            Ok(name) => name,
            Err(source) => {
                self.error.set(ItemError::MetaName { source });
                return self;
            }
        };
        let value = value.into();
        match self.parts.meta.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = value,
            None => self.parts.meta.push((name, value)),
        }
        self
    }

    /// Names the user who sent this, for subscriptions with the filter `skip-self`.
    pub fn sender(self, user: impl Into<String>) -> Self {
        self.meta(SENDER, user)
    }

    /// Names users who do not get this, for subscriptions with the filter `skip-users`. A user
    /// cannot be empty or have a comma.
    pub fn skip_users<U: AsRef<str>>(mut self, users: impl IntoIterator<Item = U>) -> Self {
        let mut list = String::new();
        for user in users {
            let user = user.as_ref();
            if user.is_empty() || user.contains(',') {
                self.error.set(ItemError::SkipUser);
            }
            if !list.is_empty() {
                list.push(',');
            }
            list.push_str(user);
        }
        self.meta(SKIP_USERS, list)
    }

    /// Names another channel that a client must be subscribed to as well, for subscriptions with
    /// the filter `require-sub`. A prefix goes before it as it does before the item's own channel.
    pub fn require_sub<C>(mut self, channel: C) -> Self
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        match channel.try_into() {
            Ok(channel) => self.meta(REQUIRE_SUB, channel.name()),
            Err(error) => {
                self.error.set(ItemError::RequireSub {
                    source: error.into(),
                });
                self
            }
        }
    }

    /// Puts `prefix` before the channel in the meta `require_sub`. An empty one changes nothing.
    ///
    /// For whoever delivers items as they are; [`encode_json`](Self::encode_json) has a parameter.
    pub fn with_prefix(mut self, prefix: &str) -> Self {
        let metas = self.parts.meta.iter_mut();
        for (_, channel) in metas.filter(|(name, _)| name == REQUIRE_SUB) {
            channel.insert_str(0, prefix);
        }
        self
    }

    /// Lets the item pass without being ordered: it waits for no other, and its id is not the last
    /// one of its channel. An id that was seen before is still dropped.
    pub fn no_seq(mut self) -> Self {
        self.parts.no_seq = true;
        self
    }

    /// Sets what the item weighs in the proxy's statistics and rate limits.
    pub fn size(mut self, size: u64) -> Self {
        self.parts.size = Some(size);
        self
    }

    /// Whether the item can be published.
    ///
    /// # Errors
    /// The first that a setter found, or [`ItemError::NoFormat`].
    pub fn check(&self) -> Result<(), ItemError> {
        self.error.check()?;
        let parts = &self.parts;
        if parts.http_response.is_none()
            && parts.http_stream.is_none()
            && parts.ws_message.is_none()
        {
            return Err(ItemError::NoFormat);
        }
        Ok(())
    }

    /// What it consists of.
    ///
    /// # Errors
    /// As [`check`](Self::check): parts that can be read can be published.
    pub fn parts(&self) -> Result<&ItemParts, ItemError> {
        self.check()?;
        Ok(&self.parts)
    }

    /// What it consists of, taken out.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn into_parts(self) -> Result<ItemParts, ItemError> {
        self.check()?;
        Ok(self.parts)
    }

    /// Returns `true` if it has an id of its own.
    #[must_use]
    pub fn has_id(&self) -> bool {
        self.parts.id.is_some()
    }
}

/// An item of these parts, which are checked as if each was set.
impl From<ItemParts> for Item {
    fn from(parts: ItemParts) -> Self {
        let (mut item, metas) = (Self::new(), parts.meta);
        item.parts.no_seq = parts.no_seq;
        item.parts.size = parts.size;
        if let Some(id) = parts.id {
            item = item.id(id);
        }
        if let Some(prev_id) = parts.prev_id {
            item = item.prev_id(prev_id);
        }
        if let Some(format) = parts.http_response {
            item = item.http_response(format);
        }
        if let Some(format) = parts.http_stream {
            item = item.http_stream(format);
        }
        if let Some(format) = parts.ws_message {
            item = item.ws_message(format);
        }
        metas
            .into_iter()
            .fold(item, |item, (name, value)| item.meta(name, value))
    }
}

impl From<HttpResponse> for Item {
    fn from(format: HttpResponse) -> Self {
        Self::new().http_response(format)
    }
}

impl From<HttpStream> for Item {
    fn from(format: HttpStream) -> Self {
        Self::new().http_stream(format)
    }
}

impl From<WsMessage> for Item {
    fn from(format: WsMessage) -> Self {
        Self::new().ws_message(format)
    }
}

impl From<SseEvent> for Item {
    fn from(event: SseEvent) -> Self {
        Self::new().http_stream(event)
    }
}
