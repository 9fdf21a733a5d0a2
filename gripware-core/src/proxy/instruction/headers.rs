use std::{collections::BTreeMap, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, Response, StatusCode};

use super::{Instruction, InstructionError, KeepAlive, grammar, subscription};
use crate::{
    HoldMode, Limits,
    header::{
        GRIP_CHANNEL, GRIP_EXPOSE_HEADERS, GRIP_HOLD, GRIP_KEEP_ALIVE, GRIP_LINK, GRIP_SET_META,
        GRIP_STATUS, GRIP_TIMEOUT, is_instruction, trim_ows,
    },
    proxy::{
        framing::{is_framing, named_by_connection},
        status::final_status,
    },
};

impl Instruction {
    /// Reads the headers for the proxy.
    pub(super) fn begin(
        status: StatusCode,
        headers: &HeaderMap,
        limits: &Limits,
    ) -> Result<Self, InstructionError> {
        let mut response = Response::new(Bytes::new());
        *response.status_mut() = status;
        let mut read = Self::nothing(response);
        read.mode = match text(headers, &GRIP_HOLD).as_deref() {
            None => None,
            Some("response") => Some(HoldMode::Response),
            Some("stream") => Some(HoldMode::Stream),
            Some(mode) => {
                let why = "it is response or stream";
                return Err(InstructionError::new("Grip-Hold", mode, why));
            }
        };
        for channel in grammar::elements(headers, &GRIP_CHANNEL) {
            let (prev_id, filters) = (channel.get("prev-id"), channel.all("filter"));
            let channel = subscription(&channel.first, prev_id, filters, limits)?;
            read.channels.push(channel);
        }
        if let Some(timeout) = text(headers, &GRIP_TIMEOUT) {
            read.timeout = seconds("Grip-Timeout", &timeout)?;
        }
        if let Some(keep_alive) = text(headers, &GRIP_KEEP_ALIVE) {
            read.keep_alive = KeepAlive::parse(&keep_alive)?;
        }
        read.meta = grammar::pairs(headers, &GRIP_SET_META)
            .into_iter()
            .collect::<BTreeMap<_, _>>();
        if let Some(status) = text(headers, &GRIP_STATUS).filter(|status| !status.is_empty()) {
            let (code, reason) = status.split_once(' ').unwrap_or((&status, ""));
            let code = code.parse::<u16>().ok();
            *read.response.status_mut() = code.and_then(final_status).ok_or_else(|| {
                let why = "it is a code from 200 to 999, and maybe a reason";
                InstructionError::new("Grip-Status", &status, why)
            })?;
            let reason = trim_ows(reason);
            read.reason = (!reason.is_empty()).then(|| reason.to_owned());
        }
        read.read_links(headers)?;
        Ok(read)
    }

    fn read_links(&mut self, headers: &HeaderMap) -> Result<(), InstructionError> {
        for link in grammar::elements(headers, &GRIP_LINK) {
            let Some(rel) = link.get("rel") else {
                continue;
            };
            let uri = link.first.strip_prefix('<');
            let uri = uri.and_then(|uri| uri.strip_suffix('>'));
            let Some(uri) = uri.filter(|uri| !uri.is_empty()) else {
                let why = "it has to stand in angle brackets, without a comma or semicolon";
                return Err(InstructionError::new("Grip-Link", &link.first, why));
            };
            match rel {
                "next" => {
                    self.next = Some(uri.to_owned());
                    self.next_timeout = match link.get("timeout") {
                        Some(timeout) => seconds("the timeout of Grip-Link", timeout)?,
                        None => Self::DEFAULT_NEXT_TIMEOUT,
                    };
                }
                "gone" => self.gone = Some(uri.to_owned()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes over the headers that the client may see. In those of a response with a body that is
    /// an instruction there is none.
    pub(super) fn expose(&mut self, headers: &HeaderMap) {
        let exposed = grammar::list(headers, &GRIP_EXPOSE_HEADERS);
        let is_exposed = |name: &HeaderName| {
            exposed.is_empty()
                || exposed
                    .iter()
                    .any(|exposed| exposed.eq_ignore_ascii_case(name.as_str()))
        };
        let of_the_connection: Vec<_> = named_by_connection(headers).collect();
        let visible = self.response.headers_mut();
        for (name, value) in headers {
            if !is_instruction(name)
                && !is_framing(name)
                && !of_the_connection.contains(name)
                && is_exposed(name)
            {
                // There are no more than there were.
                let _ = visible.try_append(name, value.clone());
            }
        }
    }
}

/// The first header of this name: the others are not looked at.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn seconds(part: &'static str, value: &str) -> Result<Duration, InstructionError> {
    let seconds = trim_ows(value).parse().ok();
    seconds.and_then(duration).ok_or_else(|| {
        let why = "it is no number of seconds from 0 to 2147483647";
        InstructionError::new(part, value, why)
    })
}

/// A number of seconds as proxies count them.
pub(super) fn duration(seconds: i64) -> Option<Duration> {
    let seconds = u64::try_from(seconds).ok()?;
    (seconds <= i32::MAX as u64).then(|| Duration::from_secs(seconds))
}
