use std::time::Duration;

use bytes::Bytes;
use gripware_core::{
    HoldMode,
    header::{
        GRIP_CHANNEL, GRIP_EXPOSE_HEADERS, GRIP_HOLD, GRIP_KEEP_ALIVE, GRIP_LINK, GRIP_SET_META,
        GRIP_STATUS, GRIP_TIMEOUT, is_instruction,
    },
};
use http::{HeaderMap, HeaderName, Response, StatusCode};

use super::{Instruction, InstructionError, KeepAlive, grammar, subscription};

impl Instruction {
    /// Reads the headers.
    pub(super) fn begin(
        headers: &HeaderMap,
        response: &Response<Bytes>,
    ) -> Result<Self, InstructionError> {
        let mut read = Self::nothing(response.clone());
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
            read.channels
                .push(subscription(&channel.first, prev_id, filters)?);
        }
        if let Some(timeout) = text(headers, &GRIP_TIMEOUT) {
            read.timeout = seconds("Grip-Timeout", &timeout)?;
        }
        if let Some(keep_alive) = text(headers, &GRIP_KEEP_ALIVE) {
            read.keep_alive = KeepAlive::parse(&keep_alive)?;
        }
        read.meta = grammar::pairs(headers, &GRIP_SET_META)
            .into_iter()
            .collect();
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
                    if let Some(timeout) = link.get("timeout") {
                        self.next_timeout = seconds("the timeout of Grip-Link", timeout)?;
                    }
                }
                "gone" => self.gone = Some(uri.to_owned()),
                _ => {}
            }
        }
        Ok(())
    }

    /// Makes of the response what the client gets.
    pub(super) fn finish(
        &mut self,
        headers: &HeaderMap,
        is_body: bool,
    ) -> Result<(), InstructionError> {
        if let Some(status) = text(headers, &GRIP_STATUS) {
            let code = status.split(' ').next().unwrap_or_default();
            *self.response.status_mut() = StatusCode::from_bytes(code.as_bytes())
                .map_err(|_| InstructionError::new("Grip-Status", &status, "it is no status"))?;
        }
        self.timeout = self.timeout.max(Duration::from_secs(5));
        let exposed = grammar::list(headers, &GRIP_EXPOSE_HEADERS);
        let visible = self.response.headers_mut();
        let names: Vec<HeaderName> = visible.keys().cloned().collect();
        for name in names {
            // Inside a body nothing is filtered.
            let is_exposed = is_body
                || exposed.is_empty()
                || exposed
                    .iter()
                    .any(|exposed| exposed.eq_ignore_ascii_case(name.as_str()));
            if is_instruction(&name) || !is_exposed {
                visible.remove(&name);
            }
        }
        Ok(())
    }
}

/// The first header of this name: the others are not looked at.
fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn seconds(part: &'static str, value: &str) -> Result<Duration, InstructionError> {
    value
        .trim()
        .parse()
        .map(|seconds: u32| Duration::from_secs(seconds.into()))
        .map_err(|_| InstructionError::new(part, value, "it is no number of seconds"))
}
