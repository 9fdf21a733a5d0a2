//! Control messages as JSON.

use std::{borrow::Cow, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{ControlError, ControlMessage, Frame, FrameKind, MAX_PING_LEN, WsKeepAlive};
use crate::{Channel, Filter};

const SUBSCRIBE: &str = "subscribe";
const UNSUBSCRIBE: &str = "unsubscribe";
const DETACH: &str = "detach";
const SESSION: &str = "session";
const SET_META: &str = "set-meta";
const KEEP_ALIVE: &str = "keep-alive";
const SEND_DELAYED: &str = "send-delayed";
const FLUSH_DELAYED: &str = "flush-delayed";

const IDLE: &str = "idle";
const INTERVAL: &str = "interval";

/// A longer time than 68 years is a mistake, and some proxies count in 32 bits.
const MAX_SECONDS: u64 = i32::MAX as u64;

/// A control message in JSON, with every member that some type has.
#[derive(Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Wire<'a> {
    r#type: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    filters: Vec<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_bin: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_type: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    timeout: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<Cow<'a, str>>,
}

impl<'a> TryFrom<&'a ControlMessage> for Wire<'a> {
    type Error = ControlError;

    fn try_from(message: &'a ControlMessage) -> Result<Self, ControlError> {
        Ok(match message {
            ControlMessage::Subscribe { channel } => {
                let filters = channel.filters().iter();
                Self {
                    channel: Some(channel.name().into()),
                    filters: filters.map(|filter| filter.as_str().into()).collect(),
                    prev_id: channel.prev_id().map(Cow::Borrowed),
                    ..Self::new(SUBSCRIBE)
                }
            }
            ControlMessage::Unsubscribe { channel } => Self {
                channel: Some(channel.name().into()),
                ..Self::new(UNSUBSCRIBE)
            },
            ControlMessage::Detach => Self::new(DETACH),
            ControlMessage::Session { id } => Self {
                id: id.as_deref().map(Cow::Borrowed),
                ..Self::new(SESSION)
            },
            ControlMessage::SetMeta { name, .. } if name.is_empty() => {
                return Err(ControlError::InvalidMember { name: "name" });
            }
            ControlMessage::SetMeta { name, value } => Self {
                name: Some(name.into()),
                value: value.as_deref().map(Cow::Borrowed),
                ..Self::new(SET_META)
            },
            ControlMessage::KeepAlive { keep_alive: None } => Self::new(KEEP_ALIVE),
            ControlMessage::KeepAlive {
                keep_alive: Some(keep_alive),
            } => Self {
                mode: Some(
                    if keep_alive.is_interval() {
                        INTERVAL
                    } else {
                        IDLE
                    }
                    .into(),
                ),
                ..Self::new(KEEP_ALIVE).with_frame(keep_alive.frame(), keep_alive.timeout())?
            },
            ControlMessage::SendDelayed { frame, timeout } => {
                Self::new(SEND_DELAYED).with_frame(frame, *timeout)?
            }
            ControlMessage::FlushDelayed => Self::new(FLUSH_DELAYED),
        })
    }
}

impl TryFrom<Wire<'_>> for ControlMessage {
    type Error = ControlError;

    fn try_from(wire: Wire<'_>) -> Result<Self, ControlError> {
        Ok(match &*wire.r#type {
            SUBSCRIBE => {
                let mut channel = wire.channel()?;
                for filter in &wire.filters {
                    channel = channel.with_filter(Filter::try_from(&**filter)?);
                }
                if let Some(prev_id) = &wire.prev_id {
                    channel = channel.with_prev_id(&**prev_id)?;
                }
                Self::Subscribe { channel }
            }
            UNSUBSCRIBE => Self::Unsubscribe {
                channel: wire.channel()?,
            },
            DETACH => Self::Detach,
            SESSION => Self::Session {
                id: wire.id.filter(|id| !id.is_empty()).map(Cow::into_owned),
            },
            SET_META => {
                let name = wire.name.filter(|name| !name.is_empty());
                let name = name.ok_or(ControlError::InvalidMember { name: "name" })?;
                Self::SetMeta {
                    name: name.into_owned(),
                    value: wire.value.map(Cow::into_owned),
                }
            }
            KEEP_ALIVE => {
                let interval = match wire.mode.as_deref() {
                    None | Some(IDLE) => false,
                    Some(INTERVAL) => true,
                    Some(_) => return Err(ControlError::InvalidMember { name: "mode" }),
                };
                let frame = wire.frame()?;
                let timeout = wire.timeout()?;
                Self::KeepAlive {
                    keep_alive: frame.map(|frame| WsKeepAlive::raw(frame, timeout, interval)),
                }
            }
            SEND_DELAYED => {
                let frame = wire.frame()?;
                Self::SendDelayed {
                    frame: frame.ok_or(ControlError::InvalidMember { name: "content" })?,
                    timeout: wire.timeout()?,
                }
            }
            FLUSH_DELAYED => Self::FlushDelayed,
            _ => return Err(ControlError::UnknownType),
        })
    }
}

impl<'a> Wire<'a> {
    fn new(name: &'static str) -> Self {
        Self {
            r#type: name.into(),
            ..Self::default()
        }
    }

    fn with_frame(
        mut self,
        frame: &'a Frame,
        timeout: Option<Duration>,
    ) -> Result<Self, ControlError> {
        check_ping(frame)?;
        // Any kind of content that is UTF-8 can travel as it is, which is shorter.
        match std::str::from_utf8(frame.content()) {
            Ok(content) => self.content = Some(content.into()),
            Err(_) => self.content_bin = Some(BASE64_STANDARD.encode(frame.content()).into()),
        }
        self.message_type = Some(frame.kind().as_str().into());
        self.timeout = timeout.map(seconds).transpose()?;
        Ok(self)
    }

    fn channel(&self) -> Result<Channel, ControlError> {
        let name = self.channel.as_deref();
        let name = name.ok_or(ControlError::InvalidMember { name: "channel" })?;
        Ok(Channel::new(name)?)
    }

    /// What is to be sent. As in proxies, `content-bin` goes before `content`, and the kind is
    /// text where none is said.
    fn frame(&self) -> Result<Option<Frame>, ControlError> {
        let kind = match self.message_type.as_deref() {
            Some(name) => FrameKind::from_name(name).ok_or(ControlError::InvalidMember {
                name: "message-type",
            })?,
            None => FrameKind::Text,
        };
        let content = match (&self.content_bin, &self.content) {
            (Some(content), _) => BASE64_STANDARD
                .decode(content.as_bytes())
                .ok()
                .filter(|content| kind != FrameKind::Text || str::from_utf8(content).is_ok())
                .ok_or(ControlError::InvalidMember {
                    name: "content-bin",
                })?,
            (None, Some(content)) => content.as_bytes().to_vec(),
            (None, None) => return Ok(None),
        };
        let frame = Frame::raw(kind, Bytes::from(content));
        check_ping(&frame)?;
        Ok(Some(frame))
    }

    /// After how long. Proxies take 0 for their default.
    fn timeout(&self) -> Result<Option<Duration>, ControlError> {
        match self.timeout {
            None | Some(0) => Ok(None),
            Some(seconds @ 1..=MAX_SECONDS) => Ok(Some(Duration::from_secs(seconds))),
            Some(_) => Err(ControlError::InvalidMember { name: "timeout" }),
        }
    }
}

fn check_ping(frame: &Frame) -> Result<(), ControlError> {
    let length = frame.content().len();
    if matches!(frame.kind(), FrameKind::Ping | FrameKind::Pong) && length > MAX_PING_LEN {
        return Err(ControlError::PingTooLarge {
            length,
            limit: MAX_PING_LEN,
        });
    }
    Ok(())
}

fn seconds(timeout: Duration) -> Result<u64, ControlError> {
    match (timeout.as_secs(), timeout.subsec_nanos()) {
        (seconds @ 1..=MAX_SECONDS, 0) => Ok(seconds),
        _ => Err(ControlError::InvalidMember { name: "timeout" }),
    }
}
