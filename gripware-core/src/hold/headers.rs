//! Writes a hold as `Grip-*` headers (GRIP 1.5).

use std::fmt::Write as _;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::{Hold, HoldError};
use crate::{
    Channel, Filter, Limits,
    header::{
        GRIP_CHANNEL, GRIP_EXPOSE_HEADERS, GRIP_HOLD, GRIP_KEEP_ALIVE, GRIP_LINK, GRIP_SET_META,
        GRIP_STATUS, GRIP_TIMEOUT,
    },
};

impl Hold {
    /// Returns `true` if headers can carry this hold without losing anything, and within
    /// [`Limits::instruct_headers`](crate::Limits::instruct_headers). Where they cannot, it travels
    /// as a body.
    #[must_use]
    pub fn is_header_safe(&self, prefix: &str, limits: &Limits) -> bool {
        let length: usize = self
            .channels
            .iter()
            .map(|channel| prefix.len() + channel_length(channel))
            .chain(
                self.meta
                    .iter()
                    .map(|(name, value)| name.len() + value.len() + 5),
            )
            .sum();
        // The rest has to fit as well; it stands in headers in both forms.
        !self.in_body && length <= limits.instruct_headers / 2 && self.keeps_its_meaning(prefix)
    }

    /// Whether a proxy reads in the headers what is meant.
    fn keeps_its_meaning(&self, prefix: &str) -> bool {
        (prefix.is_empty() || Channel::new(prefix).is_ok_and(|prefix| prefix.is_header_safe()))
            && self.channels.iter().all(Channel::is_header_safe)
            && !self
                .meta
                .iter()
                .any(|(_, value)| value.contains(['"', '\\']))
    }

    /// Writes the hold into the headers of a response, with `prefix` before every channel name.
    ///
    /// It returns the status that the response is to have: `real`, or 200 where a server would
    /// strip the response for it and `Grip-Status` carries the client's (204, 205, 304).
    ///
    /// # Errors
    /// What [`check`](Self::check) finds, a `real` status below 200 where the hold has none of its
    /// own, text that a proxy would read as something else in a header, and headers over [`Limits::instruct_headers`](crate::Limits::instruct_headers).
    pub fn write_headers(
        &self,
        prefix: &str,
        limits: &Limits,
        real: StatusCode,
        headers: &mut HeaderMap,
    ) -> Result<StatusCode, HoldError> {
        self.check_prefixed(prefix, limits)?;
        if !self.keeps_its_meaning(prefix) {
            return Err(HoldError::NotHeaderSafe);
        }
        let mut out = Writer::new(headers, limits);
        if let Some(mode) = self.mode {
            out.insert_static(GRIP_HOLD, mode.as_str());
        }
        if !self.channels.is_empty() {
            out.insert(GRIP_CHANNEL, self.channel_header(prefix))?;
        }
        if let Some(timeout) = self.timeout {
            out.insert(GRIP_TIMEOUT, timeout.as_secs().to_string())?;
        }
        if !self.meta.is_empty() {
            out.insert(GRIP_SET_META, self.meta_header())?;
        }
        if let Some(exposed) = &self.exposed {
            let names: Vec<_> = exposed.iter().map(HeaderName::as_str).collect();
            out.insert(GRIP_EXPOSE_HEADERS, names.join(", "))?;
        }
        self.write_shared(&mut out)?;
        let (status, reason) = self.status_beside(real)?;
        let is_stripped = real.is_informational() || matches!(real.as_u16(), 204 | 205 | 304);
        if self.status.is_some() || is_stripped {
            out.insert(GRIP_STATUS, status_header(status, reason))?;
        }
        Ok(if is_stripped { StatusCode::OK } else { real })
    }

    /// Writes what the client of a `HEAD` request gets to see of the answer to a `GET`.
    pub(crate) fn write_plain(&self, status: &mut StatusCode, headers: &mut HeaderMap) {
        if let Some((own, _)) = &self.status {
            *status = *own;
        }
        if let Some(exposed) = &self.exposed {
            let names: Vec<_> = headers.keys().cloned().collect();
            for name in names.iter().filter(|name| !exposed.contains(name)) {
                headers.remove(name);
            }
        }
    }

    /// Writes what has no spelling in JSON, and stands in headers in both forms.
    pub(super) fn write_shared(&self, out: &mut Writer<'_>) -> Result<(), HoldError> {
        if let Some(keep_alive) = &self.keep_alive {
            out.insert(GRIP_KEEP_ALIVE, keep_alive.to_header()?)?;
        }
        if self.next.is_some() || self.gone.is_some() {
            out.insert(GRIP_LINK, self.link_header())?;
        }
        Ok(())
    }

    fn channel_header(&self, prefix: &str) -> String {
        let length = |channel: &Channel| prefix.len() + channel_length(channel);
        let mut value = String::with_capacity(self.channels.iter().map(length).sum());
        for channel in &self.channels {
            if !value.is_empty() {
                value.push_str(", ");
            }
            value.push_str(prefix);
            value.push_str(channel.name());
            if let Some(id) = channel.prev_id() {
                value.push_str("; prev-id=");
                value.push_str(id);
            }
            for filter in channel.filters() {
                value.push_str("; filter=");
                value.push_str(filter.as_str());
            }
        }
        value
    }

    fn meta_header(&self) -> String {
        let items = self
            .meta
            .iter()
            .map(|(name, value)| format!("{name}=\"{value}\""));
        items.collect::<Vec<_>>().join(", ")
    }

    fn link_header(&self) -> String {
        let mut value = String::new();
        // Writing to a string does not fail.
        if let Some((next, timeout)) = &self.next {
            let _ = write!(value, "<{next}>; rel=next");
            if let Some(timeout) = timeout {
                let _ = write!(value, "; timeout={}", timeout.as_secs());
            }
        }
        if let Some(gone) = &self.gone {
            let comma = if value.is_empty() { "" } else { ", " };
            let _ = write!(value, "{comma}<{gone}>; rel=gone");
        }
        value
    }
}

/// How long a channel is as an element of the header, or a little less.
fn channel_length(channel: &Channel) -> usize {
    let prev_id = channel
        .prev_id()
        .map_or(0, |id| "; prev-id=".len() + id.len());
    let filter = |filter: &Filter| "; filter=".len() + filter.as_str().len();
    let filters: usize = channel.filters().iter().map(filter).sum();
    channel.name().len() + prev_id + filters
}

fn status_header(status: StatusCode, reason: Option<&str>) -> String {
    match reason.or_else(|| status.canonical_reason()) {
        Some(reason) => format!("{} {reason}", status.as_u16()),
        None => status.as_u16().to_string(),
    }
}

/// Inserts headers, and counts what they add.
pub(super) struct Writer<'a> {
    headers: &'a mut HeaderMap,
    length: usize,
    limit: usize,
}

impl<'a> Writer<'a> {
    pub(super) fn new(headers: &'a mut HeaderMap, limits: &Limits) -> Self {
        Self {
            headers,
            length: 0,
            limit: limits.instruct_headers,
        }
    }

    fn insert_static(&mut self, name: HeaderName, value: &'static str) {
        self.headers.insert(name, HeaderValue::from_static(value));
    }

    fn insert(&mut self, name: HeaderName, value: String) -> Result<(), HoldError> {
        // The colon, the space and the end of the line count as well.
        self.length += name.as_str().len() + value.len() + 4;
        if self.length > self.limit {
            return Err(HoldError::HeadersTooLarge {
                length: self.length,
                limit: self.limit,
            });
        }
        // No text that passed the checks has a control character, so no value is refused.
        let value = HeaderValue::try_from(value).map_err(|_| HoldError::ControlCharacter {
            of: "header",
            position: 0,
        })?;
        self.headers.insert(name, value);
        Ok(())
    }
}
