//! The header names of GRIP and WebSocket-over-HTTP, each in one place.
//!
//! ```
//! use gripware_core::header;
//!
//! assert_eq!(header::GRIP_SIG.as_str(), "grip-sig");
//! assert!(header::is_instruction(&header::GRIP_HOLD));
//! assert!(!header::is_instruction(&http::header::CONTENT_TYPE));
//! ```

use http::HeaderName;

macro_rules! names {
    ($($(#[$doc:meta])* $constant:ident = $name:literal;)*) => {
        $($(#[$doc])* pub const $constant: HeaderName = HeaderName::from_static($name);)*
    };
}

names! {
    /// The proxy's signature, a JWT. Request.
    GRIP_SIG = "grip-sig";
    /// What the proxy can do, a comma-separated list. Request.
    GRIP_FEATURE = "grip-feature";
    /// The last id the proxy delivered on a channel, one line a channel. Request.
    GRIP_LAST = "grip-last";
    /// `response` or `stream`. Response.
    GRIP_HOLD = "grip-hold";
    /// The channels of a hold with their parameters. Response.
    GRIP_CHANNEL = "grip-channel";
    /// Seconds after which a response hold is answered. Response.
    GRIP_TIMEOUT = "grip-timeout";
    /// What is sent on an idle stream, and when. Response.
    GRIP_KEEP_ALIVE = "grip-keep-alive";
    /// Connection meta for filters. Response.
    GRIP_SET_META = "grip-set-meta";
    /// The status line that the client gets in place of the real one. Response.
    GRIP_STATUS = "grip-status";
    /// Where to go on (`next`), or whom to tell (`gone`). Response.
    GRIP_LINK = "grip-link";
    /// Which headers of the response the client may see. Response.
    GRIP_EXPOSE_HEADERS = "grip-expose-headers";

    /// The proxy's name for one WebSocket. Request.
    CONNECTION_ID = "connection-id";
    /// Seconds between polls of an idle WebSocket. Response.
    KEEP_ALIVE_INTERVAL = "keep-alive-interval";
    /// How many content bytes of the events were taken. Response.
    CONTENT_BYTES_ACCEPTED = "content-bytes-accepted";
    /// How many content bytes at the start of the body were offered before. Request.
    CONTENT_BYTES_REPLAYED = "content-bytes-replayed";
}

/// Starts the name of a header that tells a proxy something.
pub const GRIP_PREFIX: &str = "grip-";
/// Starts the name of a request header that carries one item of a WebSocket's meta.
pub const META_PREFIX: &str = "meta-";
/// Starts the name of a response header that changes one item of a WebSocket's meta.
pub const SET_META_PREFIX: &str = "set-meta-";

/// The content type of WebSocket-over-HTTP bodies. Proxies compare it byte for byte in answers.
pub const WEBSOCKET_EVENTS: &str = "application/websocket-events";
/// The content type of a response that is itself an instruction in JSON.
pub const GRIP_INSTRUCT: &str = "application/grip-instruct";

/// Whether a proxy reads this response header as an instruction to itself and keeps it from the
/// client: every name that starts with `Grip-` is.
#[must_use]
pub fn is_instruction(name: &HeaderName) -> bool {
    name.as_str().starts_with(GRIP_PREFIX)
}
