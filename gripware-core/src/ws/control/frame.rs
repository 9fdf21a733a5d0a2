//! What a proxy sends to a client by itself.

use std::{fmt, time::Duration};

use bytes::Bytes;

use crate::ws::event::Preview;

/// The most bytes of a ping or pong: what a WebSocket control frame holds.
pub const MAX_PING_LEN: usize = 125;

macro_rules! kinds {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)*) => {
        /// What a [`Frame`] is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum FrameKind {
            $($(#[$doc])* #[doc = concat!(" `", $name, "` on the wire.")] $variant,)*
        }

        impl FrameKind {
            /// Returns the kind's name on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }

            /// The kind of this name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

kinds! {
    /// A text message.
    Text = "text",
    /// A binary message.
    Binary = "binary",
    /// A ping.
    Ping = "ping",
    /// A pong.
    Pong = "pong",
}

impl fmt::Display for FrameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a proxy sends to the client by itself, later or again and again.
///
/// ```
/// use gripware_core::ws::{Frame, FrameKind};
///
/// let frame = Frame::text("still here");
/// assert_eq!((frame.kind(), frame.content()), (FrameKind::Text, &b"still here"[..]));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    kind: FrameKind,
    content: Bytes,
}

impl Frame {
    /// Creates a text message.
    #[must_use]
    pub fn text(content: impl Into<String>) -> Self {
        Self::raw(FrameKind::Text, content.into().into())
    }

    /// Creates a binary message.
    #[must_use]
    pub fn binary(content: impl Into<Bytes>) -> Self {
        Self::raw(FrameKind::Binary, content.into())
    }

    /// Creates a ping, of at most [`MAX_PING_LEN`] bytes.
    #[must_use]
    pub fn ping(content: impl Into<Bytes>) -> Self {
        Self::raw(FrameKind::Ping, content.into())
    }

    /// Creates a pong, of at most [`MAX_PING_LEN`] bytes.
    #[must_use]
    pub fn pong(content: impl Into<Bytes>) -> Self {
        Self::raw(FrameKind::Pong, content.into())
    }

    /// What it is.
    #[must_use]
    pub const fn kind(&self) -> FrameKind {
        self.kind
    }

    /// Its content.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        &self.content
    }

    pub(super) const fn raw(kind: FrameKind, content: Bytes) -> Self {
        Self { kind, content }
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Frame")
            .field("kind", &self.kind)
            .field("content", &Preview(&self.content))
            .finish()
    }
}

/// What a proxy sends to keep a WebSocket alive, and when.
///
/// Times are whole seconds, from one on; they are checked when the control message is built.
///
/// ```
/// use std::time::Duration;
///
/// use gripware_core::ws::{Frame, WsKeepAlive};
///
/// let keep_alive = WsKeepAlive::new(Frame::ping("")).every(Duration::from_secs(30));
/// assert!(keep_alive.is_interval());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WsKeepAlive {
    frame: Frame,
    timeout: Option<Duration>,
    interval: bool,
}

impl WsKeepAlive {
    /// Sends the frame when nothing was sent for as long as the proxy sees fit, which is 55 s.
    #[must_use]
    pub const fn new(frame: Frame) -> Self {
        Self {
            frame,
            timeout: None,
            interval: false,
        }
    }

    /// Sends it when nothing was sent for this long.
    #[must_use]
    pub const fn when_idle(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self.interval = false;
        self
    }

    /// Sends it this often, whatever else is sent.
    #[must_use]
    pub const fn every(mut self, interval: Duration) -> Self {
        self.timeout = Some(interval);
        self.interval = true;
        self
    }

    /// What is sent.
    #[must_use]
    pub const fn frame(&self) -> &Frame {
        &self.frame
    }

    /// After how long; `None` if the proxy decides.
    #[must_use]
    pub const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Returns `true` if it is sent at an interval, rather than when nothing else was sent.
    #[must_use]
    pub const fn is_interval(&self) -> bool {
        self.interval
    }

    pub(super) const fn raw(frame: Frame, timeout: Option<Duration>, interval: bool) -> Self {
        Self {
            frame,
            timeout,
            interval,
        }
    }
}
