//! Writes a hold as an `application/grip-instruct` body (GRIP 1.7).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode,
    header::{
        CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TE, TRAILER, TRANSFER_ENCODING,
        UPGRADE,
    },
};
use serde::Serialize;

use super::{Hold, HoldError, headers::Writer};
use crate::{
    Filter, Limits,
    header::{GRIP_INSTRUCT, is_instruction},
};

/// Headers that speak of the connection to the proxy, not of the response inside the body.
const OF_THE_CONNECTION: [HeaderName; 6] = [
    CONNECTION,
    CONTENT_LENGTH,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

#[derive(Serialize)]
struct Instruct<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    hold: Option<HoldPart<'a>>,
    response: ResponsePart<'a>,
}

#[derive(Serialize)]
struct HoldPart<'a> {
    mode: &'static str,
    channels: Vec<ChannelPart<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
    #[serde(skip_serializing_if = "serde_json::Map::is_empty")]
    meta: serde_json::Map<String, serde_json::Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ChannelPart<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    filters: Vec<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ResponsePart<'a> {
    code: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    headers: Vec<(&'a str, &'a str)>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_bin: Option<String>,
}

impl Hold {
    /// Returns the hold as a body of its own, around the response that the client is to get. It
    /// returns the headers and the body to send, with status 200.
    ///
    /// What has no spelling in JSON (links, keep-alives that are not sent while something else is)
    /// stands in the headers beside it.
    ///
    /// # Errors
    /// What [`check`](Self::check) finds; a status below 200 where the hold has none of its own; a
    /// response that is compressed, has a header value that is not UTF-8, or does not fit into
    /// [`Limits::instruct_body`](crate::Limits::instruct_body).
    pub fn to_instruct(
        &self,
        prefix: &str,
        limits: &Limits,
        status: StatusCode,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(HeaderMap, Bytes), HoldError> {
        self.check_prefixed(prefix, limits)?;
        if headers.contains_key(CONTENT_ENCODING) {
            return Err(HoldError::Compressed);
        }
        let (code, reason) = self.status_beside(status)?;
        let text = std::str::from_utf8(body).ok();
        let instruct = Instruct {
            hold: self.mode.map(|mode| HoldPart {
                mode: mode.as_str(),
                channels: self.channel_parts(prefix),
                timeout: self.timeout.map(|timeout| timeout.as_secs()),
                meta: self
                    .meta
                    .iter()
                    .map(|(name, value)| (name.clone(), value.as_str().into()))
                    .collect(),
            }),
            response: ResponsePart {
                code: code.as_u16(),
                reason,
                headers: self.header_parts(headers)?,
                body: text,
                body_bin: text.is_none().then(|| STANDARD.encode(body)),
            },
        };
        // Strings and numbers always have a JSON form.
        let json = serde_json::to_vec(&instruct).unwrap_or_default();
        if json.len() > limits.instruct_body {
            return Err(HoldError::BodyTooLarge {
                length: json.len(),
                limit: limits.instruct_body,
            });
        }
        let mut outer = HeaderMap::new();
        outer.insert(CONTENT_TYPE, HeaderValue::from_static(GRIP_INSTRUCT));
        self.write_shared(&mut Writer::new(&mut outer, limits))?;
        Ok((outer, json.into()))
    }

    fn channel_parts(&self, prefix: &str) -> Vec<ChannelPart<'_>> {
        self.channels
            .iter()
            .map(|channel| ChannelPart {
                name: format!("{prefix}{}", channel.name()),
                prev_id: channel.prev_id(),
                filters: channel.filters().iter().map(Filter::as_str).collect(),
            })
            .collect()
    }

    /// The response's headers that the client may see: beside JSON, `Grip-Expose-Headers` does not
    /// filter those inside of it.
    fn header_parts<'h>(
        &self,
        headers: &'h HeaderMap,
    ) -> Result<Vec<(&'h str, &'h str)>, HoldError> {
        let is_exposed = |name| {
            let exposed = self.exposed.as_ref();
            exposed.is_none_or(|exposed| exposed.contains(name))
        };
        headers
            .iter()
            .filter(|(name, _)| !OF_THE_CONNECTION.contains(name) && !is_instruction(name))
            .filter(|(name, _)| is_exposed(name))
            .map(|(name, value)| {
                // A HeaderValue has no CR or LF, which proxies would pass on from here.
                let value =
                    std::str::from_utf8(value.as_bytes()).map_err(|_| HoldError::HeaderValue {
                        name: name.as_str().to_owned(),
                    })?;
                Ok((name.as_str(), value))
            })
            .collect()
    }
}
