//! The frames of a client and the answers to them.

use serde::Serialize;
use serde_json::Value;

use crate::room::Room;

/// What a client says.
#[derive(Debug, PartialEq)]
pub(crate) enum ClientFrame {
    Ping,
    /// Subscribes to a room. `room` is what was sent as one, or `None` if nothing was.
    Subscribe {
        room: Option<Value>,
        request_id: Option<Value>,
    },
    Unsubscribe {
        request_id: Option<Value>,
    },
    /// Asks for counts, with the key that triggers are signed with.
    Status {
        key: Option<String>,
    },
    /// Another `type`, or none.
    Unknown,
    /// No JSON object.
    NotJson,
}

/// What a client is told.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum ServerFrame<'a> {
    /// The first frame. `is_authenticated` is what the description of high-templar calls it, and
    /// `is_authorized` what its versions 3 send.
    Welcome {
        is_authorized: bool,
        is_authenticated: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        allowed_rooms: Option<&'a [Room]>,
    },
    Answer {
        #[serde(rename = "requestId", skip_serializing_if = "Option::is_none")]
        request_id: Option<Value>,
        code: Code,
        #[serde(skip_serializing_if = "Option::is_none")]
        message: Option<Refusal>,
    },
    /// A subscription has ended, as it is no longer allowed.
    Revoked {
        r#type: &'static str,
        #[serde(rename = "requestId")]
        request_id: &'a Value,
        room: &'a Room,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Code {
    Success,
    Error,
}

/// Why a frame is refused. The first five are those of high-templar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Refusal {
    RoomNotFound,
    NoRequestId,
    NotSubscribed,
    MessageTypeNotAllowed,
    NonJsonMessage,
    /// The room is no JSON object, or too long. high-templar drops the connection.
    InvalidRoom,
    /// The request id is too long to be repeated with each message.
    InvalidRequestId,
    /// The connection has as many subscriptions as it may have, or the room as many of this
    /// connection.
    TooManySubscriptions,
}

impl ClientFrame {
    pub(crate) fn parse(text: &str) -> Self {
        if text == "ping" {
            return Self::Ping;
        }
        let Ok(Value::Object(mut object)) = serde_json::from_str(text) else {
            return Self::NotJson;
        };
        let request_id = object.remove("requestId");
        match object.get("type").and_then(Value::as_str) {
            Some("subscribe") => Self::Subscribe {
                room: object.remove("room"),
                request_id,
            },
            Some("unsubscribe") => Self::Unsubscribe { request_id },
            Some("status") => Self::Status {
                key: object.get("key").and_then(Value::as_str).map(str::to_owned),
            },
            _ => Self::Unknown,
        }
    }
}

impl ServerFrame<'_> {
    pub(crate) fn welcome(allowed_rooms: &[Room]) -> ServerFrame<'_> {
        ServerFrame::Welcome {
            is_authorized: true,
            is_authenticated: true,
            allowed_rooms: Some(allowed_rooms),
        }
    }

    pub(crate) const UNWELCOME: ServerFrame<'static> = ServerFrame::Welcome {
        is_authorized: false,
        is_authenticated: false,
        allowed_rooms: None,
    };

    pub(crate) fn success(request_id: Option<Value>) -> Self {
        Self::Answer {
            request_id,
            code: Code::Success,
            message: None,
        }
    }

    pub(crate) fn error(request_id: Option<Value>, refusal: Refusal) -> Self {
        Self::Answer {
            request_id,
            code: Code::Error,
            message: Some(refusal),
        }
    }

    pub(crate) fn revoked<'a>(request_id: &'a Value, room: &'a Room) -> ServerFrame<'a> {
        ServerFrame::Revoked {
            r#type: "unsubscribed",
            request_id,
            room,
        }
    }
}
