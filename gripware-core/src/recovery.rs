//! Missing nothing: where a client stands, and the hold that goes on from there (GRIP 1.8).
//!
//! A handler that serves a list of things under rising ids answers with all that come after the
//! client's cursor, and holds from the last of them on:
//!
//! ```
//! use gripware_core::{Hold, HoldError, LastIds, Recovery};
//! use http::{HeaderMap, HeaderValue};
//!
//! fn feed(headers: &HeaderMap, after: Option<&str>) -> (Hold, String) {
//!     let recovery = Recovery::new(&LastIds::parse(headers, ""), "feed").or_cursor(after);
//!     let seen: usize = recovery.after().and_then(|id| id.parse().ok()).unwrap_or(0);
//!     let lines = ["one\n", "two\n", "three\n"];
//!     (Hold::stream_after(&recovery, lines.len().to_string(), "/feed"), lines[seen..].concat())
//! }
//!
//! // A client comes with the cursor of its own.
//! let (hold, body) = feed(&HeaderMap::new(), Some("1"));
//! assert_eq!(body, "two\nthree\n");
//! assert_eq!(hold.channels()[0].prev_id(), Some("3"));
//!
//! // A proxy comes for what it missed: what it says counts, and not an old URL.
//! let mut headers = HeaderMap::new();
//! headers.insert("grip-last", HeaderValue::from_static("feed; last-id=2"));
//! assert_eq!(feed(&headers, Some("1")).1, "three\n");
//!
//! // Its answer is shared between clients, so a link that only one may see is refused.
//! let recovery = Recovery::new(&LastIds::default(), "feed");
//! let hold = Hold::stream_after(&recovery, "3", "/feed?user=anna");
//! assert_eq!(hold.check(&Default::default()), Err(HoldError::LinkQuery));
//! ```

use crate::{Channel, ChannelError, Hold, HoldError, HoldMode, LastIds, Link};

/// One client's place in one channel.
///
/// The cursor is, in this order: the proxy's, from `Grip-Last`; the client's own, from
/// [`or_cursor`](Self::or_cursor); none. It is whatever text the application uses as ids. A proxy
/// believes in ids that are equal, not in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    channel: Result<Channel, ChannelError>,
    after: Option<String>,
    from_proxy: bool,
}

impl Recovery {
    /// The place in a channel that a proxy says a client has, if it says one. The channel may have
    /// filters. A name that is none is found when the hold is checked.
    #[must_use]
    pub fn new<C>(last: &LastIds, channel: C) -> Self
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = channel.try_into().map_err(Into::into);
        let after = channel
            .as_ref()
            .ok()
            .and_then(|channel| last.get(channel.name()));
        Self {
            after: after.map(str::to_owned),
            from_proxy: after.is_some(),
            channel,
        }
    }

    /// Takes the client's own cursor where the proxy says none: a query parameter, or the
    /// `Last-Event-ID` that browsers send when an event stream was cut.
    #[must_use]
    pub fn or_cursor(mut self, cursor: Option<impl Into<String>>) -> Self {
        if self.after.is_none() {
            self.after = cursor.map(Into::into);
        }
        self
    }

    /// Returns the id of the last item that the client has; what comes after it is to be sent.
    #[must_use]
    pub fn after(&self) -> Option<&str> {
        self.after.as_deref()
    }

    /// Returns `true` if the proxy asks, for what it missed, and not a client for the first time.
    #[must_use]
    pub fn is_from_proxy(&self) -> bool {
        self.from_proxy
    }

    fn channel_after(&self, last: impl Into<String>) -> Result<Channel, ChannelError> {
        self.channel.clone()?.with_prev_id(last)
    }
}

impl Hold {
    /// Creates a stream hold that goes on after `last`, the id of the last item there is.
    ///
    /// Where there is none yet, `last` is what the first item will name as its previous id, such
    /// as `0`.
    ///
    /// `path` is where the proxy fetches what it misses: the same resource, without a query. One
    /// answer is given to all clients that wait there with the same last id, so it must depend on
    /// nothing but the path and `Grip-Last`. A link with a query is refused when the hold is
    /// checked.
    pub fn stream_after<L>(recovery: &Recovery, last: impl Into<String>, path: L) -> Self
    where
        L: TryInto<Link>,
        L::Error: Into<HoldError>,
    {
        Self::with_mode(HoldMode::Stream)
            .add_channel(recovery.channel_after(last))
            .set_next(path.try_into().map_err(Into::into).and_then(shared))
    }

    /// Creates a response hold (long-polling) that goes on after `last`, the id of the last item
    /// there is, or what the first one will name as its previous id. A proxy that knows a later one
    /// repeats the request at once.
    pub fn response_after(recovery: &Recovery, last: impl Into<String>) -> Self {
        Self::with_mode(HoldMode::Response).add_channel(recovery.channel_after(last))
    }
}

/// A link whose answer may be shared: one that is all path.
fn shared(link: Link) -> Result<Link, HoldError> {
    if link.has_query() {
        return Err(HoldError::LinkQuery);
    }
    // `//host/path` and `http://host/path` are of whatever host the client put there.
    if !link.as_str().starts_with('/') || link.as_str().starts_with("//") {
        return Err(HoldError::LinkHost);
    }
    Ok(link)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue, StatusCode};

    use super::*;
    use crate::Limits;

    fn last(line: &'static str) -> LastIds {
        let mut headers = HeaderMap::new();
        headers.insert("grip-last", HeaderValue::from_static(line));
        LastIds::parse(&headers, "")
    }

    #[test]
    fn the_proxys_word_counts_before_the_clients() {
        let recovery = Recovery::new(&last("rel; last-id=3"), "rel").or_cursor(Some("2"));
        assert_eq!(
            (recovery.after(), recovery.is_from_proxy()),
            (Some("3"), true)
        );

        let recovery = Recovery::new(&last("other; last-id=3"), "rel").or_cursor(Some("2"));
        assert_eq!(
            (recovery.after(), recovery.is_from_proxy()),
            (Some("2"), false)
        );

        let recovery = Recovery::new(&LastIds::default(), "rel").or_cursor(None::<String>);
        assert_eq!(recovery.after(), None);
    }

    #[test]
    fn a_stream_goes_on_after_the_last_id_at_a_link_for_all() {
        let hold = Hold::stream_after(&Recovery::new(&LastIds::default(), "rel"), "2", "/rel");
        let mut headers = HeaderMap::new();
        hold.write_headers("", &Limits::default(), StatusCode::OK, &mut headers)
            .unwrap();
        assert_eq!(headers["grip-hold"], "stream");
        assert_eq!(headers["grip-channel"], "rel; prev-id=2");
        assert_eq!(headers["grip-link"], "</rel>; rel=next");
    }

    #[test]
    fn a_long_poll_goes_on_after_the_last_id() {
        let hold = Hold::response_after(&Recovery::new(&LastIds::default(), "rel"), "2");
        let mut headers = HeaderMap::new();
        hold.write_headers("", &Limits::default(), StatusCode::OK, &mut headers)
            .unwrap();
        assert_eq!(headers["grip-hold"], "response");
        assert_eq!(headers["grip-channel"], "rel; prev-id=2");
        assert!(!headers.contains_key("grip-link"));
    }

    #[test]
    fn a_link_to_another_host_is_refused() {
        let recovery = Recovery::new(&LastIds::default(), "rel");
        for link in [
            "//evil.example/feed",
            "http://evil.example/",
            "javascript:1",
            "feed",
        ] {
            let hold = Hold::stream_after(&recovery, "1", link);
            assert_eq!(
                hold.check(&Limits::default()),
                Err(HoldError::LinkHost),
                "{link}"
            );
        }
    }

    #[test]
    fn an_id_that_is_none_is_found_when_the_hold_is_checked() {
        let hold = Hold::stream_after(&Recovery::new(&LastIds::default(), "rel"), "", "/rel");
        assert_eq!(
            hold.check(&Limits::default()),
            Err(HoldError::Channel(ChannelError::Empty))
        );
    }
}
