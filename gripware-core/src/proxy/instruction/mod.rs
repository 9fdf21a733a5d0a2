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
use gripware_core::{
    Channel, Filter, Hold, HoldError, HoldMode, Limits,
    header::{GRIP_INSTRUCT, is_instruction},
};
use http::{HeaderMap, Response, StatusCode, header::CONTENT_TYPE};

pub use self::{error::InstructionError, keep_alive::KeepAlive};

/// An instruction to the proxy: mostly a hold.
///
/// It says what a proxy makes of the headers or of the `application/grip-instruct` body, with the
/// proxy's defaults in place of what was left out. Channels have the names that stood on the wire,
/// with their prefix where one is configured.
///
/// ```
/// use bytes::Bytes;
/// use gripware_core::HoldMode;
/// use gripware_test::Instruction;
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
    response: Response<Bytes>,
}

impl Instruction {
    /// Reads a response; nothing where it has no instruction.
    ///
    /// # Errors
    /// Where a proxy would answer 502.
    pub fn read(response: &Response<Bytes>) -> Result<Option<Self>, InstructionError> {
        let headers = response.headers();
        let is_body = headers.get(CONTENT_TYPE).is_some_and(|value| {
            let essence = value.as_bytes().split(|byte| *byte == b';').next();
            essence.unwrap_or_default().trim_ascii() == GRIP_INSTRUCT.as_bytes()
        });
        if !is_body && !headers.keys().any(is_instruction) {
            return Ok(None);
        }
        let mut instruction = Self::begin(headers, response)?;
        if is_body {
            let status = response.status();
            if status != StatusCode::OK {
                let why = "beside an application/grip-instruct body it has to be 200";
                return Err(InstructionError::new("the status", status.as_str(), why));
            }
            json::read(response.body(), &mut instruction)?;
        }
        instruction.finish(headers, is_body)?;
        Ok(Some(instruction))
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

    /// The channels, in their order.
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
    /// 120 s.
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
    /// the status that the client sees, and no headers for the proxy.
    #[must_use]
    pub fn response(&self) -> &Response<Bytes> {
        &self.response
    }

    pub(crate) fn metas(&self) -> &BTreeMap<String, String> {
        &self.meta
    }

    /// What differs from another one, leaving the two responses aside.
    pub(crate) fn difference(&self, other: &Self) -> Option<String> {
        let parts = |it: &Self| {
            [
                ("mode", format!("{:?}", it.mode)),
                ("channels", format!("{:?}", it.channels)),
                ("timeout", format!("{:?}", it.timeout)),
                ("keep-alive", format!("{:?}", it.keep_alive)),
                ("meta", format!("{:?}", it.meta)),
                ("next link", format!("{:?}", it.next)),
                ("next link's timeout", format!("{:?}", it.next_timeout)),
                ("gone link", format!("{:?}", it.gone)),
            ]
        };
        let pairs = parts(self).into_iter().zip(parts(other));
        let differing: Vec<_> = pairs
            .filter(|((_, mine), (_, others))| mine != others)
            .map(|((name, mine), (_, others))| format!("{name}: {mine}, and not {others}"))
            .collect();
        (!differing.is_empty()).then(|| differing.join("\n"))
    }

    fn nothing(response: Response<Bytes>) -> Self {
        Self {
            mode: None,
            channels: Vec::new(),
            timeout: KeepAlive::DEFAULT_TIMEOUT,
            keep_alive: None,
            meta: BTreeMap::new(),
            next: None,
            next_timeout: Duration::from_secs(120),
            gone: None,
            response,
        }
    }
}

fn subscription<'f>(
    name: &str,
    prev_id: Option<&str>,
    filters: impl Iterator<Item = &'f str>,
) -> Result<Channel, InstructionError> {
    let read = || {
        let mut channel = Channel::new(name)?;
        if let Some(id) = prev_id {
            channel = channel.with_prev_id(id)?;
        }
        for filter in filters {
            channel = channel.with_filter(Filter::custom(filter)?);
        }
        Ok(channel)
    };
    read().map_err(|_: gripware_core::ChannelError| {
        let why = "the name, the previous id or a filter is none";
        InstructionError::new("a channel", name, why)
    })
}
