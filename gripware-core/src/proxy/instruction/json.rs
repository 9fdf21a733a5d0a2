use std::{collections::BTreeMap, time::Duration};

use base64::Engine as _;
use bytes::Bytes;
use gripware_core::HoldMode;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Deserialize;

use super::{Instruction, InstructionError, KeepAlive, keep_alive::BASE64, subscription};

const PART: &str = "application/grip-instruct";

/// The body of an `application/grip-instruct` response (GRIP 1.7).
#[derive(Deserialize)]
struct Instruct {
    hold: Option<HoldPart>,
    #[serde(default)]
    response: ResponsePart,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct HoldPart {
    mode: Option<String>,
    channels: Vec<ChannelPart>,
    timeout: Option<u64>,
    keep_alive: Option<KeepAlivePart>,
    #[serde(default)]
    meta: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ChannelPart {
    name: String,
    prev_id: Option<String>,
    #[serde(default)]
    filters: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct KeepAlivePart {
    content: Option<String>,
    content_bin: Option<String>,
    timeout: Option<u64>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ResponsePart {
    code: Option<u16>,
    #[serde(default)]
    headers: Headers,
    body: Option<String>,
    body_bin: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Headers {
    List(Vec<(String, String)>),
    Object(BTreeMap<String, String>),
}

impl Default for Headers {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

/// Puts what the body says into the instruction that the headers beside it have begun.
pub(super) fn read(body: &[u8], into: &mut Instruction) -> Result<(), InstructionError> {
    let text = String::from_utf8_lossy(body);
    let wrong = |why| InstructionError::new(PART, &text, why);
    let read: Instruct = serde_json::from_slice(body)
        .map_err(|_| wrong("it is no JSON object with the members of an instruction"))?;
    if let Some(hold) = read.hold {
        into.mode = Some(match hold.mode.as_deref() {
            None | Some("response") => HoldMode::Response,
            Some("stream") => HoldMode::Stream,
            Some(_) => return Err(wrong("there is no such mode")),
        });
        let mut channels = Vec::new();
        for channel in hold.channels {
            let filters = channel.filters.iter().map(String::as_str);
            channels.push(subscription(
                &channel.name,
                channel.prev_id.as_deref(),
                filters,
            )?);
        }
        channels.append(&mut into.channels);
        into.channels = channels;
        if let Some(timeout) = hold.timeout {
            into.timeout = Duration::from_secs(timeout);
        }
        if let Some(keep_alive) = hold.keep_alive {
            let content = content(keep_alive.content, keep_alive.content_bin)
                .ok_or_else(|| wrong("a keep-alive has no base64"))?;
            into.keep_alive.get_or_insert(KeepAlive {
                content,
                timeout: keep_alive
                    .timeout
                    .map_or(KeepAlive::DEFAULT_TIMEOUT, Duration::from_secs),
                is_interval: true,
            });
        }
        for (name, value) in hold.meta {
            into.meta.entry(name).or_insert(value);
        }
    }
    let response = &mut into.response;
    if let Some(code) = read.response.code {
        *response.status_mut() = StatusCode::from_u16(code)
            .map_err(|_| wrong("the code of the response is no status"))?;
    }
    *response.headers_mut() = headers(read.response.headers)
        .ok_or_else(|| wrong("a header of the response is none that can be sent"))?;
    *response.body_mut() = content(read.response.body, read.response.body_bin)
        .ok_or_else(|| wrong("the body of the response has no base64"))?;
    Ok(())
}

/// The bytes of a text, or of a text in base64, which counts before it.
fn content(text: Option<String>, binary: Option<String>) -> Option<Bytes> {
    match binary {
        Some(binary) => BASE64.decode(binary).ok().map(Bytes::from),
        None => Some(text.unwrap_or_default().into()),
    }
}

fn headers(read: Headers) -> Option<HeaderMap> {
    let mut headers = HeaderMap::new();
    let list: Vec<_> = match read {
        Headers::List(list) => list,
        Headers::Object(object) => object.into_iter().collect(),
    };
    for (name, value) in list {
        headers.append(
            HeaderName::try_from(name).ok()?,
            HeaderValue::try_from(value).ok()?,
        );
    }
    Some(headers)
}
