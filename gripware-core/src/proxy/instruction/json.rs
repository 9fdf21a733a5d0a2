use std::{borrow::Cow, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::{Instruction, InstructionError, KeepAlive, headers::duration, subscription};
use crate::{
    HoldMode, Limits,
    header::is_instruction,
    json::lenient,
    proxy::{
        base64,
        framing::is_framing,
        lenient_json::{Headers, List, Object, Pairs, Scalar, members},
        status::final_status,
    },
};

members! {
    /// The body of an `application/grip-instruct` response (GRIP 1.7).
    Instruct<'de> {
        hold: Object<Hold<'de>> = "hold",
        response: Object<Response<'de>> = "response",
    }

    Hold<'de> {
        mode: Scalar<'de> = "mode",
        channels: List<Object<Channel<'de>>> = "channels",
        timeout: Scalar<'de> = "timeout",
        keep_alive: Object<KeepAliveMembers<'de>> = "keep-alive",
        meta: Object<Pairs<'de>> = "meta",
    }

    Channel<'de> {
        name: Scalar<'de> = "name",
        prev_id: Scalar<'de> = "prev-id",
        filters: List<Scalar<'de>> = "filters",
    }

    KeepAliveMembers<'de> {
        content: Scalar<'de> = "content",
        content_bin: Scalar<'de> = "content-bin",
        timeout: Scalar<'de> = "timeout",
    }

    Response<'de> {
        code: Scalar<'de> = "code",
        reason: Scalar<'de> = "reason",
        headers: Headers<'de> = "headers",
        body: Scalar<'de> = "body",
        body_bin: Scalar<'de> = "body-bin",
    }
}

/// Puts what the body says into the instruction that the headers beside it have begun.
pub(super) fn read(
    body: &[u8],
    limits: &Limits,
    into: &mut Instruction,
) -> Result<(), InstructionError> {
    let body = lenient(body);
    let body = std::str::from_utf8(&body)
        .map_err(|_| InstructionError::body("the body is not valid UTF-8"))?;
    let instruct = serde_json::from_str::<Object<Instruct<'_>>>(body)
        .map_err(|error| InstructionError::body(format!("the body is not valid JSON: {error}")))?;
    let Object::Members(instruct) = instruct else {
        return Err(InstructionError::body("the body is not an object"));
    };
    match instruct.hold {
        Object::Absent => {}
        Object::Members(hold) => hold.read(limits, into)?,
        _ => return Err(InstructionError::wrong_type("instruct", "hold")),
    }
    match instruct.response {
        Object::Absent => Ok(()),
        Object::Members(response) => response.read(into),
        _ => Err(InstructionError::wrong_type("instruct", "response")),
    }
}

impl Hold<'_> {
    fn read(self, limits: &Limits, into: &mut Instruction) -> Result<(), InstructionError> {
        into.mode = Some(match optional(self.mode, "hold", "mode")?.as_deref() {
            None | Some("response") => HoldMode::Response,
            Some("stream") => HoldMode::Stream,
            Some(mode) => {
                let why = "it is response or stream";
                return Err(InstructionError::new("the mode of a hold", mode, why));
            }
        });
        let mut channels = match self.channels {
            List::Elements(channels) => channels
                .into_iter()
                .map(|channel| match channel {
                    Object::Members(channel) => channel.read(limits),
                    _ => Err(InstructionError::body("channel is not an object")),
                })
                .collect::<Result<Vec<_>, _>>()?,
            List::Absent => {
                return Err(InstructionError::body("hold does not contain 'channels'"));
            }
            _ => return Err(InstructionError::wrong_type("hold", "channels")),
        };
        channels.append(&mut into.channels);
        into.channels = channels;
        if self.timeout.is_present() {
            into.timeout = seconds(&self.timeout, "hold")?;
        }
        match self.keep_alive {
            Object::Absent | Object::Null => {}
            Object::Members(keep_alive) => keep_alive.read(into)?,
            Object::Other => return Err(InstructionError::wrong_type("hold", "keep-alive")),
        }
        match self.meta {
            Object::Absent | Object::Null => {}
            Object::Members(Pairs(pairs)) => {
                for (name, value) in pairs {
                    let Scalar::Text(value) = value else {
                        return Err(InstructionError::wrong_type("meta", &name));
                    };
                    into.meta.insert(name.into_owned(), value.into_owned());
                }
            }
            Object::Other => return Err(InstructionError::wrong_type("hold", "meta")),
        }
        Ok(())
    }
}

impl Channel<'_> {
    fn read(self, limits: &Limits) -> Result<crate::Channel, InstructionError> {
        let Some(name) = optional(self.name, "channel", "name")? else {
            return Err(InstructionError::body("channel does not contain 'name'"));
        };
        let prev_id = optional(self.prev_id, "channel", "prev-id")?;
        let filters = match self.filters {
            List::Absent | List::Null => Vec::new(),
            List::Elements(filters) => filters,
            List::Other => return Err(InstructionError::wrong_type("channel", "filters")),
        };
        let filters = filters
            .into_iter()
            .map(|filter| match filter {
                Scalar::Text(name) => Ok(name),
                _ => Err(InstructionError::body(
                    "filters contains value with wrong type",
                )),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let filters = filters.iter().map(|filter| &**filter);
        subscription(&name, prev_id.as_deref(), filters, limits)
    }
}

impl KeepAliveMembers<'_> {
    /// A mode has no spelling in JSON: that of a header beside it stands.
    fn read(self, into: &mut Instruction) -> Result<(), InstructionError> {
        let timeout = if self.timeout.is_present() {
            seconds(&self.timeout, "keep-alive")?.max(Duration::from_secs(1))
        } else {
            KeepAlive::DEFAULT_TIMEOUT
        };
        let content = content(
            [self.content, self.content_bin],
            "keep-alive",
            ["content", "content-bin"],
        )?;
        let before = into.keep_alive.take();
        let is_interval = before.as_ref().is_none_or(|before| before.is_interval);
        into.keep_alive = content
            .or_else(|| before.map(|before| before.content))
            .filter(|content| !content.is_empty())
            .map(|content| KeepAlive {
                content,
                timeout,
                is_interval,
            });
        Ok(())
    }
}

impl Response<'_> {
    fn read(self, into: &mut Instruction) -> Result<(), InstructionError> {
        const OF: &str = "response";
        if self.code.is_present() {
            let code = self.code.integer();
            let code = code.map_err(|_| InstructionError::wrong_type(OF, "code"))?;
            *into.response.status_mut() =
                final_status(code).ok_or_else(|| InstructionError::wrong_value(OF, "code"))?;
            into.reason = None;
        }
        if let Some(reason) = optional(self.reason, OF, "reason")?.filter(|it| !it.is_empty()) {
            if reason.contains(char::is_control) {
                return Err(InstructionError::wrong_value(OF, "reason"));
            }
            into.reason = Some(reason.into_owned());
        }
        *into.response.headers_mut() = headers(self.headers)?;
        let body = content([self.body, self.body_bin], OF, ["body", "body-bin"])?;
        *into.response.body_mut() = body.unwrap_or_default();
        Ok(())
    }
}

fn optional<'de>(
    text: Scalar<'de>,
    of: &str,
    member: &str,
) -> Result<Option<Cow<'de, str>>, InstructionError> {
    text.text()
        .map_err(|_| InstructionError::wrong_type(of, member))
}

fn seconds(value: &Scalar<'_>, of: &str) -> Result<Duration, InstructionError> {
    let seconds = value.integer();
    let seconds = seconds.map_err(|_| InstructionError::wrong_type(of, "timeout"))?;
    duration(seconds).ok_or_else(|| InstructionError::wrong_value(of, "timeout"))
}

/// The bytes of a text, or of a text in base64, which counts before it.
fn content(
    [text, binary]: [Scalar<'_>; 2],
    of: &str,
    [text_name, binary_name]: [&str; 2],
) -> Result<Option<Bytes>, InstructionError> {
    if binary.is_present() {
        let binary = optional(binary, of, binary_name)?.unwrap_or_default();
        return Ok(Some(base64::decode(&binary).into()));
    }
    match text {
        Scalar::Absent => Ok(None),
        Scalar::Text(text) => Ok(Some(text.into_owned().into())),
        _ => Err(InstructionError::wrong_type(of, text_name)),
    }
}

fn headers(headers: Headers<'_>) -> Result<HeaderMap, InstructionError> {
    let pairs = match headers {
        Headers::Absent => return Ok(HeaderMap::new()),
        Headers::Read(pairs) => pairs,
        Headers::Broken(words) => return Err(InstructionError::body(words)),
        Headers::Other => return Err(InstructionError::wrong_type("response", "headers")),
    };
    let mut read = HeaderMap::new();
    for (name, value) in pairs {
        let wrong = || InstructionError::wrong_value("headers", &name);
        let key = HeaderName::try_from(&*name).map_err(|_| wrong())?;
        let value = HeaderValue::try_from(&*value).map_err(|_| wrong())?;
        if !is_framing(&key) && !is_instruction(&key) {
            read.try_append(key, value).map_err(|_| wrong())?;
        }
    }
    Ok(read)
}
