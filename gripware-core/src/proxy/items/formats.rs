use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use super::DecodeError;
use crate::{
    Filter,
    header::is_instruction,
    item::{
        Action, Content, HttpBody, HttpResponse, HttpStream, ItemParts, WsMessage, WsMessageKind,
    },
    proxy::{
        base64, framing,
        lenient_json::{Headers, List, Object, Scalar, members},
        status::final_status,
    },
    ws::{Close, CloseCode, MAX_PING_LEN},
};

const HTTP_RESPONSE: &str = "'http-response'";
const HTTP_STREAM: &str = "'http-stream'";
const WS_MESSAGE: &str = "'ws-message'";

const MAX_HEADERS: usize = 1_000;
const MAX_CONTENT_FILTERS: usize = 64;

members! {
    /// The formats, as members of an object.
    Formats<'de> {
        http_response: Object<HttpResponseMembers<'de>> = "http-response",
        http_stream: Object<HttpStreamMembers<'de>> = "http-stream",
        ws_message: Object<WsMessageMembers<'de>> = "ws-message",
    }

    HttpResponseMembers<'de> {
        action: Scalar<'de> = "action",
        code: Scalar<'de> = "code",
        reason: Scalar<'de> = "reason",
        headers: Headers<'de> = "headers",
        content_filters: List<Scalar<'de>> = "content-filters",
        body: Scalar<'de> = "body",
        body_bin: Scalar<'de> = "body-bin",
        body_patch: List<Value> = "body-patch",
    }

    HttpStreamMembers<'de> {
        action: Scalar<'de> = "action",
        content_filters: List<Scalar<'de>> = "content-filters",
        content: Scalar<'de> = "content",
        content_bin: Scalar<'de> = "content-bin",
    }

    WsMessageMembers<'de> {
        action: Scalar<'de> = "action",
        kind: Scalar<'de> = "type",
        content_filters: List<Scalar<'de>> = "content-filters",
        content: Scalar<'de> = "content",
        content_bin: Scalar<'de> = "content-bin",
        code: Scalar<'de> = "code",
        reason: Scalar<'de> = "reason",
    }
}

impl Formats<'_> {
    /// These as the formats of an item that stand beside its channel, where null is nothing, and
    /// whether there is any.
    pub(super) fn legacy(mut self) -> (Self, bool) {
        if matches!(self.http_response, Object::Null) {
            self.http_response = Object::Absent;
        }
        if matches!(self.http_stream, Object::Null) {
            self.http_stream = Object::Absent;
        }
        if matches!(self.ws_message, Object::Null) {
            self.ws_message = Object::Absent;
        }
        let is_empty = matches!(self.http_response, Object::Absent)
            && matches!(self.http_stream, Object::Absent)
            && matches!(self.ws_message, Object::Absent);
        (self, !is_empty)
    }

    pub(super) fn read(self, into: &mut ItemParts) -> Result<(), DecodeError> {
        if let Some(members) = object(self.http_response, HTTP_RESPONSE)? {
            into.http_response = Some(members.read()?);
        }
        if let Some(members) = object(self.http_stream, HTTP_STREAM)? {
            into.http_stream = Some(members.read()?);
        }
        if let Some(members) = object(self.ws_message, WS_MESSAGE)? {
            into.ws_message = members.read()?;
        }
        Ok(())
    }
}

impl HttpResponseMembers<'_> {
    fn read(self) -> Result<HttpResponse, DecodeError> {
        const OF: &str = HTTP_RESPONSE;
        let action = action(self.action, OF)?;
        if action != Action::Send {
            return Ok(HttpResponse::act(action));
        }
        let code = if self.code.is_present() {
            let code = self
                .code
                .integer()
                .map_err(|_| DecodeError::wrong_type(OF, "code"))?;
            final_status(code).ok_or_else(|| DecodeError::wrong_value(OF, "code"))?
        } else {
            StatusCode::OK
        };
        let reason = optional(self.reason, OF, "reason")?.filter(|reason| !reason.is_empty());
        if reason
            .as_deref()
            .is_some_and(|reason| reason.contains(char::is_control))
        {
            return Err(DecodeError::wrong_value(OF, "reason"));
        }
        let headers = headers(self.headers)?;
        let filters = content_filters(self.content_filters, OF)?;
        let body = if self.body_bin.is_present() {
            let text = optional(self.body_bin, OF, "body-bin")?.unwrap_or_default();
            HttpBody::Content(Content::binary(base64::decode(&text).into()))
        } else {
            match (self.body, self.body_patch) {
                (Scalar::Absent, List::Absent) => {
                    return Err(DecodeError::invalid(format!(
                        "{OF} does not contain 'body', 'body-bin', or 'body-patch'"
                    )));
                }
                (Scalar::Absent, List::Null) => HttpBody::Patch(Bytes::from_static(b"[]")),
                (Scalar::Absent, List::Elements(operations)) => {
                    let patch = serde_json::to_vec(&operations)
                        .map_err(|_| DecodeError::wrong_value(OF, "body-patch"))?;
                    HttpBody::Patch(patch.into())
                }
                (Scalar::Absent, List::Other) => {
                    return Err(DecodeError::wrong_type(OF, "body-patch"));
                }
                (Scalar::Text(body), _) => HttpBody::Content(Content::text(body.into_owned())),
                _ => return Err(DecodeError::wrong_type(OF, "body")),
            }
        };
        let reason = reason.map(Cow::into_owned);
        Ok(HttpResponse::from_wire(
            code, reason, headers, body, filters,
        ))
    }
}

impl HttpStreamMembers<'_> {
    fn read(self) -> Result<HttpStream, DecodeError> {
        const OF: &str = HTTP_STREAM;
        let action = action(self.action, OF)?;
        if action != Action::Send {
            return Ok(HttpStream::act(action));
        }
        let filters = content_filters(self.content_filters, OF)?;
        let content = if self.content_bin.is_present() {
            let text = optional(self.content_bin, OF, "content-bin")?.unwrap_or_default();
            Content::binary(base64::decode(&text).into())
        } else {
            match self.content {
                Scalar::Text(content) => Content::text(content.into_owned()),
                Scalar::Absent => return Err(no_content(OF)),
                _ => return Err(DecodeError::wrong_type(OF, "content")),
            }
        };
        Ok(HttpStream::from_wire(content, filters))
    }
}

impl WsMessageMembers<'_> {
    /// The format; none for the action that WebSockets ignore.
    fn read(self) -> Result<Option<WsMessage>, DecodeError> {
        const OF: &str = WS_MESSAGE;
        match action(self.action.clone(), OF)? {
            Action::Send => self.message().map(Some),
            Action::Close => {
                let code = if self.code.is_present() {
                    let code = self
                        .code
                        .integer()
                        .map_err(|_| DecodeError::wrong_type(OF, "code"))?;
                    u16::try_from(code)
                        .ok()
                        .and_then(|code| CloseCode::new(code).ok())
                        .ok_or_else(|| DecodeError::wrong_value(OF, "code"))?
                } else {
                    CloseCode::NORMAL
                };
                let reason = optional(self.reason, OF, "reason")?.unwrap_or_default();
                let reason = Close::new(code).with_reason(&reason).reason().to_owned();
                let kind = WsMessageKind::Close { code, reason };
                Ok(Some(WsMessage::from_wire(kind, Vec::new())))
            }
            Action::Refresh => Ok(Some(WsMessage::from_wire(
                WsMessageKind::Refresh,
                Vec::new(),
            ))),
            Action::Hint => Ok(None),
        }
    }

    fn message(self) -> Result<WsMessage, DecodeError> {
        const OF: &str = WS_MESSAGE;
        let kind = optional(self.kind, OF, "type")?;
        let kind = kind.as_deref();
        if !matches!(kind, None | Some("text" | "binary" | "ping" | "pong")) {
            return Err(DecodeError::invalid(format!(
                "{OF} contains 'type' with unknown value"
            )));
        }
        let filters = content_filters(self.content_filters, OF)?;
        let (member, content) = match (self.content_bin, self.content) {
            (Scalar::Text(text), _) => {
                ("content-bin", Content::binary(base64::decode(&text).into()))
            }
            (Scalar::Absent, Scalar::Text(text)) => ("content", Content::text(text.into_owned())),
            (Scalar::Absent, Scalar::Absent) if matches!(kind, Some("ping" | "pong")) => {
                ("content", Content::default())
            }
            (Scalar::Absent, Scalar::Absent) => return Err(no_content(OF)),
            (Scalar::Absent, _) => return Err(DecodeError::wrong_type(OF, "content")),
            _ => return Err(DecodeError::wrong_type(OF, "content-bin")),
        };
        let wrong = || DecodeError::wrong_value(OF, member);
        let bytes = content.as_bytes().clone();
        let control = |bytes: Bytes| {
            Some(bytes)
                .filter(|it| it.len() <= MAX_PING_LEN)
                .ok_or_else(wrong)
        };
        let kind = match kind {
            Some("ping") => WsMessageKind::Ping(control(bytes)?),
            Some("pong") => WsMessageKind::Pong(control(bytes)?),
            Some("text") | None if !content.is_binary() => WsMessageKind::Text(content),
            Some("text") => match String::from_utf8(bytes.into()) {
                Ok(text) => WsMessageKind::Text(Content::text(text)),
                Err(_) => return Err(wrong()),
            },
            _ => WsMessageKind::Binary(bytes),
        };
        Ok(WsMessage::from_wire(kind, filters))
    }
}

fn object<T>(member: Object<T>, of: &str) -> Result<Option<T>, DecodeError> {
    match member {
        Object::Absent => Ok(None),
        Object::Members(members) => Ok(Some(members)),
        Object::Null | Object::Other => Err(DecodeError::invalid(format!("{of} is not an object"))),
    }
}

fn action(action: Scalar<'_>, of: &str) -> Result<Action, DecodeError> {
    match optional(action, of, "action")?.as_deref() {
        None | Some("send") => Ok(Action::Send),
        Some("hint") => Ok(Action::Hint),
        Some("close") => Ok(Action::Close),
        Some("refresh") => Ok(Action::Refresh),
        // Pushpin has no words for it.
        Some(_) => Err(DecodeError::invalid("")),
    }
}

fn optional<'de>(
    text: Scalar<'de>,
    of: &str,
    member: &str,
) -> Result<Option<Cow<'de, str>>, DecodeError> {
    text.text().map_err(|_| DecodeError::wrong_type(of, member))
}

fn no_content(of: &str) -> DecodeError {
    DecodeError::invalid(format!("{of} does not contain 'content' or 'content-bin'"))
}

fn content_filters(filters: List<Scalar<'_>>, of: &str) -> Result<Vec<Filter>, DecodeError> {
    const MEMBER: &str = "content-filters";
    let filters = match filters {
        List::Absent => return Ok(Vec::new()),
        List::Elements(filters) => filters,
        List::Null | List::Other => return Err(DecodeError::wrong_type(of, MEMBER)),
    };
    if filters.len() > MAX_CONTENT_FILTERS {
        return Err(DecodeError::wrong_value(of, MEMBER));
    }
    let mut read = Vec::with_capacity(filters.len());
    for filter in filters {
        let Scalar::Text(name) = filter else {
            let words = "content-filters contains element with wrong type";
            return Err(DecodeError::invalid(words));
        };
        read.push(Filter::custom(name).map_err(|_| DecodeError::wrong_value(of, MEMBER))?);
    }
    Ok(read)
}

/// The headers but those that the proxy sets itself.
fn headers(headers: Headers<'_>) -> Result<Vec<(HeaderName, HeaderValue)>, DecodeError> {
    let pairs = match headers {
        Headers::Absent => return Ok(Vec::new()),
        Headers::Read(pairs) => pairs,
        Headers::Broken(words) => return Err(DecodeError::invalid(words)),
        Headers::Other => return Err(DecodeError::wrong_type(HTTP_RESPONSE, "headers")),
    };
    let wrong = || DecodeError::wrong_value(HTTP_RESPONSE, "headers");
    if pairs.len() > MAX_HEADERS {
        return Err(wrong());
    }
    let mut read = Vec::with_capacity(pairs.len());
    for (name, value) in pairs {
        let name = HeaderName::try_from(&*name).map_err(|_| wrong())?;
        let value = HeaderValue::try_from(&*value).map_err(|_| wrong())?;
        if !framing::is_framing(&name) && !is_instruction(&name) {
            read.push((name, value));
        }
    }
    Ok(read)
}
