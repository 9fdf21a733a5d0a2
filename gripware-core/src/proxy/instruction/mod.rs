//! What a response tells the proxy, read as Pushpin reads it (GRIP 1.4 to 1.7).

mod error;
mod grammar;
mod headers;
mod json;
mod keep_alive;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE};

pub use self::{error::InstructionError, keep_alive::KeepAlive};
use super::status::final_status;
use crate::{
    Channel, ChannelError, Filter, Hold, HoldError, HoldMode, Limits,
    header::{GRIP_INSTRUCT, is_instruction, trim_ows_bytes},
};

/// An instruction to the proxy: mostly a hold.
///
/// It says what a proxy makes of the headers or of the `application/grip-instruct` body, with the
/// proxy's defaults in place of what was left out. Channels have the names that stood on the wire,
/// with their prefix where one is configured.
///
/// ```
/// use bytes::Bytes;
/// use gripware_core::{HoldMode, proxy::Instruction};
/// use http::Response;
///
/// let response = Response::builder()
///     .header("Grip-Hold", "stream")
///     .header("Grip-Channel", "news; prev-id=4; filter=skip-self, rooms")
///     .header("Grip-Keep-Alive", r":\n\n; format=cstring; timeout=20")
///     .body(Bytes::from("[open]\n"))?;
/// let hold = Instruction::read(&response)?.ok_or("no instruction")?;
/// assert_eq!(hold.mode(), Some(HoldMode::Stream));
/// assert_eq!(hold.channel("news").and_then(|news| news.prev_id()), Some("4"));
/// assert_eq!(hold.keep_alive().map(|it| &it.content[..]), Some(&b":\n\n"[..]));
/// assert_eq!(hold.response().body(), "[open]\n");
///
/// // A proxy compares byte for byte, and answers 502.
/// let response = Response::builder().header("Grip-Hold", "Stream").body(Bytes::new())?;
/// assert!(Instruction::read(&response).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Instruction {
    mode: Option<HoldMode>,
    channels: Vec<Channel>,
    timeout: Duration,
    keep_alive: Option<KeepAlive>,
    meta: BTreeMap<String, String>,
    next: Option<String>,
    next_timeout: Duration,
    gone: Option<String>,
    reason: Option<String>,
    dropped_channels: usize,
    response: Response<Bytes>,
}

/// What the head of a response says, before its body is there.
#[derive(Clone, Debug)]
#[non_exhaustive]
#[expect(
    clippy::large_enum_variant,
    reason = "it is taken apart where it is made"
)]
pub enum Head {
    /// It tells the proxy nothing.
    Plain,
    /// The body is the instruction: it is collected, and then read with [`Instruction::read`].
    /// Pushpin takes at most 100 000 bytes of it ([`Limits::instruct_body`]).
    InBody,
    /// The headers are the instruction. The body is the client's, and follows: that of
    /// [`Instruction::response`] is empty.
    Held(Instruction),
}

impl Instruction {
    const DEFAULT_NEXT_TIMEOUT: Duration = Duration::from_secs(120);
    const MIN_TIMEOUT: Duration = Duration::from_secs(5);

    /// Reads a response; nothing where it has no instruction. The bounds are those of
    /// [`Limits::default`].
    ///
    /// # Errors
    /// Where a proxy would answer 502. With or without an instruction, one that is to reach the
    /// client with a status below 200 is refused: it would not end the client's request.
    pub fn read(response: &Response<Bytes>) -> Result<Option<Self>, InstructionError> {
        Self::read_within(response, &Limits::default())
    }

    /// The same with bounds of one's own: [`Limits::channels`], over which channels are dropped,
    /// and [`Limits::filters`] of each, over which is an error. The others are not looked at.
    ///
    /// # Errors
    /// Where a proxy would answer 502.
    pub fn read_within(
        response: &Response<Bytes>,
        limits: &Limits,
    ) -> Result<Option<Self>, InstructionError> {
        let (status, headers) = (response.status(), response.headers());
        let mut instruction = match Self::read_head_within(status, headers, limits)? {
            Head::Plain => return Ok(None),
            Head::Held(mut instruction) => {
                *instruction.response.body_mut() = response.body().clone();
                return Ok(Some(instruction));
            }
            Head::InBody => Self::begin(status, headers, limits)?,
        };
        json::read(response.body(), limits, &mut instruction)?;
        instruction.finish(limits);
        Ok(Some(instruction))
    }

    /// Reads the head of a response whose body may be large, or may not have come yet. The bounds
    /// are those of [`Limits::default`].
    ///
    /// # Errors
    /// Where a proxy would answer 502.
    pub fn read_head(status: StatusCode, headers: &HeaderMap) -> Result<Head, InstructionError> {
        Self::read_head_within(status, headers, &Limits::default())
    }

    /// The same with bounds of one's own, as in [`read_within`](Self::read_within).
    ///
    /// # Errors
    /// Where a proxy would answer 502.
    pub fn read_head_within(
        status: StatusCode,
        headers: &HeaderMap,
        limits: &Limits,
    ) -> Result<Head, InstructionError> {
        if final_status(status.as_u16()).is_none() {
            let why = "it does not end a request";
            return Err(InstructionError::new("the status", status.as_str(), why));
        }
        // Compared byte for byte, up to the parameters.
        let is_body = headers.get(CONTENT_TYPE).is_some_and(|value| {
            let essence = value.as_bytes().split(|byte| *byte == b';').next();
            trim_ows_bytes(essence.unwrap_or_default()) == GRIP_INSTRUCT.as_bytes()
        });
        if is_body {
            if status != StatusCode::OK {
                let why = "beside an application/grip-instruct body it has to be 200";
                return Err(InstructionError::new("the status", status.as_str(), why));
            }
            return Ok(Head::InBody);
        }
        if !headers.keys().any(is_instruction) {
            return Ok(Head::Plain);
        }
        let mut instruction = Self::begin(status, headers, limits)?;
        instruction.expose(headers);
        instruction.finish(limits);
        Ok(Head::Held(instruction))
    }

    /// What a hold says once it is written, to compare with. The response beside it is empty.
    ///
    /// # Errors
    /// Where the hold is one that gripware does not send.
    pub fn of(hold: &Hold) -> Result<Self, HoldError> {
        let limits = Limits::default();
        let mut response = Response::new(Bytes::new());
        if hold.is_header_safe("", &limits) {
            let headers = response.headers_mut();
            *response.status_mut() = hold.write_headers("", &limits, StatusCode::OK, headers)?;
        } else {
            let empty = HeaderMap::new();
            let (headers, body) = hold.to_instruct("", &limits, StatusCode::OK, &empty, b"")?;
            *response.headers_mut() = headers;
            *response.body_mut() = body;
        }
        // A hold that was written can be read, and a test of ours sees to it.
        Ok(Self::read(&response)
            .ok()
            .flatten()
            .unwrap_or_else(|| Self::nothing(response)))
    }

    /// How the connection is held; not at all where the response only has a status, a next link or
    /// the like for the proxy.
    #[must_use]
    pub fn mode(&self) -> Option<HoldMode> {
        self.mode
    }

    /// The channels, in their order, those of a body before those of headers beside it. There are
    /// at most [`Limits::channels`].
    #[must_use]
    pub fn channels(&self) -> &[Channel] {
        &self.channels
    }

    /// The channel of this name.
    #[must_use]
    pub fn channel(&self, name: &str) -> Option<&Channel> {
        self.channels.iter().find(|channel| channel.name() == name)
    }

    /// When a response hold is answered although nothing came. Where nothing is said it is 55 s,
    /// and never below 5.
    #[must_use]
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// What is sent on an idle stream.
    #[must_use]
    pub fn keep_alive(&self) -> Option<&KeepAlive> {
        self.keep_alive.as_ref()
    }

    /// The connection's meta, by name.
    #[must_use]
    pub fn metas(&self) -> &BTreeMap<String, String> {
        &self.meta
    }

    /// An item of the connection's meta.
    #[must_use]
    pub fn meta(&self, name: &str) -> Option<&str> {
        self.meta.get(name).map(String::as_str)
    }

    /// Where a stream goes on.
    #[must_use]
    pub fn next(&self) -> Option<&str> {
        self.next.as_deref()
    }

    /// After how long without an item the next link is fetched anyway. Where nothing is said it is
    /// 120 s; zero is never.
    #[must_use]
    pub fn next_timeout(&self) -> Duration {
        self.next_timeout
    }

    /// Whom the proxy tells that the client has gone.
    #[must_use]
    pub fn gone(&self) -> Option<&str> {
        self.gone.as_deref()
    }

    /// What the client gets: at once from a stream, at the timeout from a response hold. It has
    /// the status that the client sees, and neither headers for the proxy nor those that belong to
    /// one connection and the framing on it, such as `Content-Length`.
    #[must_use]
    pub fn response(&self) -> &Response<Bytes> {
        &self.response
    }

    /// The same, taken out.
    #[must_use]
    pub fn into_response(self) -> Response<Bytes> {
        self.response
    }

    /// The reason phrase beside the status, where one is given.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// How many channels there were over [`Limits::channels`]. Pushpin drops them in silence, and
    /// whoever hosts an origin wants to know.
    #[must_use]
    pub fn dropped_channels(&self) -> usize {
        self.dropped_channels
    }

    fn finish(&mut self, limits: &Limits) {
        self.timeout = self.timeout.max(Self::MIN_TIMEOUT);
        self.dropped_channels = self.channels.len().saturating_sub(limits.channels);
        self.channels.truncate(limits.channels);
    }

    fn nothing(response: Response<Bytes>) -> Self {
        Self {
            mode: None,
            channels: Vec::new(),
            timeout: KeepAlive::DEFAULT_TIMEOUT,
            keep_alive: None,
            meta: BTreeMap::new(),
            next: None,
            next_timeout: Self::DEFAULT_NEXT_TIMEOUT,
            gone: None,
            reason: None,
            dropped_channels: 0,
            response,
        }
    }
}

/// A channel. An empty previous id or filter is none.
fn subscription<'f>(
    name: &str,
    prev_id: Option<&str>,
    filters: impl Iterator<Item = &'f str>,
    limits: &Limits,
) -> Result<Channel, InstructionError> {
    let read = || {
        let mut channel = Channel::new(name)?;
        if let Some(id) = prev_id.filter(|id| !id.is_empty()) {
            channel = channel.with_prev_id(id)?;
        }
        for filter in filters.filter(|filter| !filter.is_empty()) {
            channel = channel.with_filter(Filter::custom(filter)?);
        }
        Ok(channel)
    };
    let channel: Channel = read().map_err(|_: ChannelError| {
        let why = "the name, the previous id or a filter is too long or has a control character";
        InstructionError::new("a channel", name, why)
    })?;
    if channel.filters().len() > limits.filters {
        return Err(InstructionError::new(
            "a channel",
            name,
            "it has too many filters",
        ));
    }
    Ok(channel)
}
