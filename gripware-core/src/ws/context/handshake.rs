//! Accepting or refusing, and what is settled by it.

use http::{
    HeaderName,
    header::{
        CONNECTION, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, SEC_WEBSOCKET_EXTENSIONS,
        SEC_WEBSOCKET_PROTOCOL, TRANSFER_ENCODING, UPGRADE,
    },
};

use super::*;
use crate::{
    header::{SET_META_PREFIX, trim_ows},
    ws::{AllowedOrigins, ORIGIN_HEADERS},
};

/// The extension by which an origin's control messages are told from messages. It is always
/// accepted: every proxy that sends events offers it, though what stands between may lose the
/// header.
const GRIP: &str = "grip";

/// Headers that an answer has of itself, or that have no meaning on the way to a client.
const RESERVED: [HeaderName; 8] = [
    CONNECTION,
    CONTENT_LENGTH,
    CONTENT_BYTES_ACCEPTED,
    KEEP_ALIVE_INTERVAL,
    SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_PROTOCOL,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// What the client and the proxy offer, and what becomes of it.
#[derive(Clone)]
pub(super) struct Handshake {
    offered_protocols: Vec<HeaderValue>,
    protocol: Option<HeaderValue>,
    headers: HeaderMap,
    is_accepted: bool,
    refusal: Option<(StatusCode, Bytes)>,
    /// What tells the page that opens the connection; empty once it is open.
    origin: HeaderMap,
}

impl Handshake {
    pub(super) fn from_headers(headers: &HeaderMap, is_opening: bool) -> Self {
        let mut origin = HeaderMap::new();
        if is_opening {
            for name in ORIGIN_HEADERS {
                for value in headers.get_all(&name) {
                    origin.append(&name, value.clone());
                }
            }
        }
        let protocols = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter();
        Self {
            offered_protocols: protocols.cloned().collect(),
            protocol: None,
            headers: HeaderMap::new(),
            is_accepted: false,
            refusal: None,
            origin,
        }
    }

    pub(super) fn into_headers(mut self) -> HeaderMap {
        self.remove_reserved();
        self.headers.remove(CONTENT_ENCODING);
        let grip = HeaderValue::from_static(GRIP);
        self.headers.insert(SEC_WEBSOCKET_EXTENSIONS, grip);
        if let Some(protocol) = self.protocol {
            self.headers.insert(SEC_WEBSOCKET_PROTOCOL, protocol);
        }
        self.headers
    }

    pub(super) fn into_refusal(mut self) -> Reply {
        self.remove_reserved();
        let (status, body) = self
            .refusal
            .unwrap_or((StatusCode::FORBIDDEN, Bytes::new()));
        if !body.is_empty() {
            let text = HeaderValue::from_static("text/plain; charset=utf-8");
            self.headers.entry(CONTENT_TYPE).or_insert(text);
        }
        Reply {
            headers: self.headers,
            body,
            ..Reply::refusal(status)
        }
    }

    fn remove_reserved(&mut self) {
        for name in RESERVED {
            self.headers.remove(name);
        }
        let names = self.headers.keys();
        let set_meta: Vec<_> = names
            .filter(|name| name.as_str().starts_with(SET_META_PREFIX))
            .cloned()
            .collect();
        for name in set_meta {
            self.headers.remove(name);
        }
    }
}

impl WebSocketContext {
    /// Checks from which page a browser opens the connection: it sends cookies with a WebSocket
    /// from any page. Once the connection is open, every page is fine.
    ///
    /// Adapters do this before the handler runs, with the
    /// [`Policy::allowed_origins`](crate::Policy::allowed_origins) of the application. A handler
    /// whose socket is for other pages does it with its own, where the policy allows more.
    ///
    /// # Errors
    /// [`WebSocketErrorKind::ForeignOrigin`] if the page's origin is not allowed.
    pub fn check_origin(&self, allowed: &AllowedOrigins) -> Result<(), WebSocketError> {
        if !self.is_opening() {
            return Ok(());
        }
        allowed
            .verify(&self.handshake.origin)
            .map_err(|error| self.error_by(WebSocketErrorKind::ForeignOrigin, error))
    }

    /// Accepts an opening connection. Where it is open already, this does nothing.
    pub fn accept(&mut self) {
        if self.is_opening() && !self.handshake.is_accepted {
            self.handshake.is_accepted = true;
            self.handshake.refusal = None;
            encode_into(&Event::open(), &mut self.out);
        }
    }

    /// Refuses an opening connection: the client gets this status and body in place of a
    /// WebSocket. What was sent so far is taken back.
    ///
    /// The body is plain text in UTF-8 unless
    /// [`handshake_headers_mut`](Self::handshake_headers_mut) has another `Content-Type`.
    ///
    /// # Errors
    /// If the connection is open already, the status is below 300, or the body is over
    /// [`Limits::refusal_body`].
    pub fn refuse(
        &mut self,
        status: StatusCode,
        body: impl Into<Bytes>,
    ) -> Result<(), WebSocketError> {
        if !self.is_opening() {
            return Err(self.error(WebSocketErrorKind::NotOpening));
        }
        if status.is_informational() || status.is_success() {
            return Err(self.error(WebSocketErrorKind::InvalidRefusal { status }));
        }
        let body = body.into();
        if body.len() > self.limits.refusal_body {
            return Err(self.error(WebSocketErrorKind::RefusalTooLarge {
                length: body.len(),
                limit: self.limits.refusal_body,
            }));
        }
        self.handshake.is_accepted = false;
        self.handshake.refusal = Some((status, body));
        self.out.clear();
        self.ending = None;
        self.subscribed.clear();
        Ok(())
    }

    /// Speaks the first of the `preferred` subprotocols that the client offered, and says which.
    ///
    /// A client that offered some expects one of them and fails the connection otherwise; one
    /// that offered none must get none. The choice is sent with the `OPEN`. As a proxy repeats
    /// the offers with every request, the same call tells a later handler what was chosen.
    pub fn select_protocol<'a>(&mut self, preferred: &[&'a str]) -> Option<&'a str> {
        let is_offered = |name: &&str| self.offered_protocols().any(|offer| offer == *name);
        let protocol = preferred.iter().copied().find(is_offered)?;
        self.handshake.protocol = HeaderValue::from_str(protocol).ok();
        Some(protocol)
    }

    /// Returns the subprotocols that the client offers, in its order of preference.
    pub fn offered_protocols(&self) -> impl Iterator<Item = &str> {
        self.handshake.offered_protocols.iter().flat_map(elements)
    }

    /// Headers that the client gets with the accepted or refused handshake, such as
    /// `Set-Cookie`. Once the connection is open nobody sees them.
    ///
    /// Headers that belong to the protocol, such as `Set-Meta-*`, `Keep-Alive-Interval` or
    /// `Sec-WebSocket-Protocol`, have methods of their own; here they are passed over.
    pub const fn handshake_headers_mut(&mut self) -> &mut HeaderMap {
        &mut self.handshake.headers
    }

    /// Returns `true` if the connection is open, or opening and accepted.
    #[must_use]
    pub const fn is_accepted(&self) -> bool {
        !self.is_opening() || self.handshake.is_accepted
    }

    pub(super) fn check_accepted(&self) -> Result<(), WebSocketError> {
        if self.is_accepted() {
            Ok(())
        } else {
            Err(self.error(WebSocketErrorKind::NotAccepted))
        }
    }
}

/// The elements of a comma-separated list.
fn elements(line: &HeaderValue) -> impl Iterator<Item = &str> {
    let line = line.to_str().unwrap_or_default();
    line.split(',')
        .map(trim_ows)
        .filter(|part| !part.is_empty())
}
