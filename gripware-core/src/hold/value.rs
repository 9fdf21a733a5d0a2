//! A hold: what becomes of a client's connection (GRIP 1.5).

use std::time::Duration;

use http::{HeaderName, StatusCode};

use super::{HoldError, KeepAlive, Link, error::check_text};
use crate::{Channel, ChannelError};

/// How a client's connection is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HoldMode {
    /// Until it is answered, once: long-polling.
    Response,
    /// For good, and appended to: streams and server-sent events.
    Stream,
}

impl HoldMode {
    /// Returns the mode as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Response => "response",
            Self::Stream => "stream",
        }
    }
}

/// An instruction to the proxy: hold the client's connection.
///
/// Setters take and return it, and none of them fails: the first mistake is kept, and found by
/// [`check`](Self::check) or when the hold is written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a hold does nothing unless it is returned"]
pub struct Hold {
    pub(super) mode: Option<HoldMode>,
    pub(super) channels: Vec<Channel>,
    pub(super) timeout: Option<Duration>,
    pub(super) keep_alive: Option<KeepAlive>,
    /// Whether server-sent events get a keep-alive that nobody set.
    pub(super) has_default_keep_alive: bool,
    pub(super) is_sse: bool,
    pub(super) meta: Vec<(String, String)>,
    pub(super) status: Option<(StatusCode, Option<String>)>,
    pub(super) next: Option<(Link, Option<Duration>)>,
    pub(super) gone: Option<Link>,
    pub(super) exposed: Option<Vec<HeaderName>>,
    pub(super) in_body: bool,
    pub(super) mistake: Option<HoldError>,
}

impl Hold {
    fn new(mode: Option<HoldMode>) -> Self {
        Self {
            mode,
            channels: Vec::new(),
            timeout: None,
            keep_alive: None,
            has_default_keep_alive: true,
            is_sse: false,
            meta: Vec::new(),
            status: None,
            next: None,
            gone: None,
            exposed: None,
            in_body: false,
            mistake: None,
        }
    }

    /// Holds the request until an item for the channel answers it, or until the timeout: then the
    /// client gets the response that this hold is returned with.
    pub fn response<C>(channel: C) -> Self
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        Self::new(Some(HoldMode::Response)).channel(channel)
    }

    /// Sends the response that this hold is returned with, and keeps the connection: every item
    /// for the channel is appended.
    pub fn stream<C>(channel: C) -> Self
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        Self::new(Some(HoldMode::Stream)).channel(channel)
    }

    /// Holds the request as server-sent events: a [`stream`](Self::stream) that is sent as
    /// `text/event-stream`, unless the response has a content type that was set on purpose.
    ///
    /// What every hold of that content type gets is described at
    /// [`Policy::write`](crate::Policy::write): a keep-alive, and headers for servers in between.
    pub fn sse<C>(channel: C) -> Self
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        Self {
            is_sse: true,
            ..Self::stream(channel)
        }
    }

    /// Holds in this mode without any channel yet. A proxy takes a hold that stays so: only its
    /// timeout or its keep-alives come.
    pub fn with_mode(mode: HoldMode) -> Self {
        Self::new(Some(mode))
    }

    /// Does not hold: the stream goes on at once with what is fetched from the link. For an answer
    /// to a next link that has more than fits into one response. The proxy's `Grip-Last` stands
    /// still between such pages, so the link's path has to say where to go on.
    pub fn next_page<L>(link: L) -> Self
    where
        L: TryInto<Link>,
        L::Error: Into<HoldError>,
    {
        Self::new(None).next(link)
    }

    /// Adds a channel. Proxies take [`Limits::channels`](crate::Limits::channels) of them.
    pub fn channel<C>(self, channel: C) -> Self
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        self.add_channel(channel.try_into().map_err(Into::into))
    }

    pub(crate) fn add_channel(mut self, channel: Result<Channel, ChannelError>) -> Self {
        match channel {
            Ok(channel) => self.channels.push(channel),
            Err(error) => self.note(HoldError::Channel(error)),
        }
        self
    }

    /// Sets when a response hold is answered although nothing came, in whole seconds. Default: 55
    /// seconds. A proxy takes anything below 5 seconds for 5, and may be a second late.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }

    /// Sets what is sent on a stream hold to keep it alive. Default: on server-sent events an empty
    /// comment every [`KeepAlive::DEFAULT_SSE_TIMEOUT`], on other streams nothing.
    pub fn keep_alive(mut self, keep_alive: KeepAlive) -> Self {
        self.keep_alive = Some(keep_alive);
        self
    }

    /// Sends no keep-alive, on server-sent events neither.
    pub fn without_keep_alive(mut self) -> Self {
        self.keep_alive = None;
        self.has_default_keep_alive = false;
        self
    }

    /// Sets an item of the connection's meta, which filters use. A name has letters, digits, `-`,
    /// `_` and `.`; a value has no control characters.
    pub fn meta(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.meta.push((name.into(), value.into()));
        self
    }

    /// Sets the status that the client gets. Default: that of the response. It may be one that a
    /// server would not send with a body, such as 304.
    pub fn status(mut self, status: StatusCode) -> Self {
        if status.is_informational() {
            self.note(HoldError::BadStatus {
                status: status.as_u16(),
            });
        }
        self.status = Some((status, None));
        self
    }

    /// Sets the status that the client gets, with a reason of its own.
    pub fn status_with_reason(self, status: StatusCode, reason: impl Into<String>) -> Self {
        let mut hold = self.status(status);
        let reason = reason.into();
        match check_text("reason", &reason) {
            Ok(()) => hold.status = Some((status, Some(reason))),
            Err(mistake) => hold.note(mistake),
        }
        hold
    }

    /// Sets where a stream goes on when it missed something. The proxy fetches it without any of
    /// the client's headers, and gives one answer to all clients that wait at the same path; see
    /// [`Link`] and [`Recovery`](crate::Recovery).
    pub fn next<L>(self, link: L) -> Self
    where
        L: TryInto<Link>,
        L::Error: Into<HoldError>,
    {
        self.set_next(link.try_into().map_err(Into::into))
    }

    pub(crate) fn set_next(mut self, link: Result<Link, HoldError>) -> Self {
        match link {
            Ok(link) => self.next = Some((link, None)),
            Err(mistake) => self.note(mistake),
        }
        self
    }

    /// Sets after how long without an item the proxy fetches the next link anyway, in whole
    /// seconds from 1 on. Default: 120 seconds. It needs a [`next`](Self::next) link first.
    pub fn next_timeout(mut self, timeout: Duration) -> Self {
        match &mut self.next {
            Some((_, set)) => *set = Some(timeout),
            None => self.note(HoldError::Misplaced {
                mode: "linkless",
                setting: "next timeout",
            }),
        }
        self
    }

    /// Sets whom the proxy tells, by an empty `POST`, that the client has gone. Proxies know it
    /// since Pushpin 1.41 and say so as the feature `link:gone`; others ignore it.
    pub fn gone<L>(mut self, link: L) -> Self
    where
        L: TryInto<Link>,
        L::Error: Into<HoldError>,
    {
        match link.try_into() {
            Ok(link) => self.gone = Some(link),
            Err(error) => self.note(error.into()),
        }
        self
    }

    /// Sets which headers of the response the client gets; `Content-Type` too has to be named.
    /// Default: all.
    pub fn expose_headers<I>(mut self, names: I) -> Self
    where
        I: IntoIterator,
        I::Item: AsRef<str>,
    {
        let exposed = self.exposed.get_or_insert_default();
        for name in names {
            let name = name.as_ref();
            match HeaderName::try_from(name) {
                Ok(name) => exposed.push(name),
                Err(_) => {
                    let name = name.chars().take(64).collect();
                    self.mistake.get_or_insert(HoldError::HeaderName { name });
                    break;
                }
            }
        }
        self
    }

    /// Sends the hold as an `application/grip-instruct` body even where headers could carry it.
    pub fn in_body(mut self) -> Self {
        self.in_body = true;
        self
    }

    fn note(&mut self, mistake: HoldError) {
        self.mistake.get_or_insert(mistake);
    }

    /// How the connection is held; not at all by a [`next_page`](Self::next_page).
    #[must_use]
    pub fn mode(&self) -> Option<HoldMode> {
        self.mode
    }

    /// Returns the channels, in their order.
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// Returns `true` if this is a hold of server-sent events: [`Hold::sse`](Self::sse), or one
    /// with the keep-alive of them.
    #[must_use]
    pub fn is_sse(&self) -> bool {
        self.is_sse || self.keep_alive.as_ref().is_some_and(KeepAlive::is_sse)
    }

    /// Returns the next link, if there is one.
    pub(crate) fn next_link(&self) -> Option<&Link> {
        self.next.as_ref().map(|(link, _)| link)
    }

    /// Whether a response of server-sent events is to be given the default keep-alive.
    pub(crate) fn needs_keep_alive(&self) -> bool {
        self.has_default_keep_alive && self.keep_alive.is_none()
    }
}
