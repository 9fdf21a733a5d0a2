//! What an origin trusts, and what it lets out.
//!
//! A [`Policy`] is built once from the configuration. For each request an adapter asks it three
//! things, none of which needs a framework, a socket or a clock: who is there
//! ([`admit`](Policy::admit)), whether the request may go on ([`check_request`](Policy::check_request)),
//! and in what form a hold leaves ([`carrier`](Policy::carrier)).
//!
//! ```
//! use std::{sync::Arc, time::SystemTime};
//!
//! use gripware_core::{Hold, Policy, Refusal};
//! use http::{HeaderMap, Method};
//!
//! let policy = Arc::new(Policy::new());
//! let cx = policy.admit(&HeaderMap::new(), SystemTime::now);
//! assert!(!cx.is_proxied());
//! assert!(policy.check_request(&cx, &HeaderMap::new()).is_ok());
//!
//! // There is no proxy that could hold the connection.
//! let refused = policy.carrier(&cx, &Method::GET, &Hold::stream("news"));
//! assert!(matches!(refused, Err(Refusal::HoldWithoutProxy)));
//! ```

use std::{sync::Arc, time::SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header::CONTENT_TYPE};
use thiserror::Error;

use crate::{
    Channel, ChannelError, GripContext, Hold, HoldError, HoldMode, LastIds, Limits, Trust, header,
    sig::Verifier,
};

/// Which requests count as sent by a proxy, and how instructions to it are written.
///
/// The default trusts nobody: without a [`verifier`](Self::with_verifier) no request is proxied,
/// whatever headers it has.
#[derive(Debug, Default)]
pub struct Policy {
    verifier: Option<Verifier>,
    trusts_unsigned: bool,
    requires_proxy: bool,
    prefix: String,
    limits: Limits,
}

impl Policy {
    /// A policy that trusts nobody, has no prefix and the limits of Pushpin.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets who may sign. From then on only signed requests are proxied.
    #[must_use]
    pub fn with_verifier(mut self, verifier: Verifier) -> Self {
        self.verifier = Some(verifier);
        self
    }

    /// **Dangerous.** Takes every request that has a `Grip-Sig` or `Grip-Feature` header for one
    /// from a proxy, without any proof. Anybody who reaches the origin can then forge WebSocket
    /// events of every connection. Only for an origin that nothing but its proxy can reach. It has
    /// no effect beside a verifier.
    #[must_use]
    pub fn trusting_unsigned_proxies(mut self) -> Self {
        self.trusts_unsigned = true;
        self
    }

    /// Refuses every request that did not come through a proxy. Default: off.
    #[must_use]
    pub fn requiring_proxy(mut self, required: bool) -> Self {
        self.requires_proxy = required;
        self
    }

    /// Sets what is put before every channel name. Default: nothing.
    ///
    /// # Errors
    /// Where the prefix is no part of a channel name: control characters, or too long.
    pub fn with_prefix(mut self, prefix: impl Into<String>) -> Result<Self, ChannelError> {
        let prefix = prefix.into();
        if !prefix.is_empty() {
            Channel::new(prefix.as_str())?;
        }
        self.prefix = prefix;
        Ok(self)
    }

    /// Sets the bounds that instructions and bodies are held to. Default: [`Limits::default`].
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// What is put before every channel name.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The bounds that instructions and bodies are held to.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Reads what a proxy says about a request, if it is one that may be believed.
    ///
    /// The clock is read only where there is a signature to verify.
    #[must_use]
    pub fn admit(
        self: &Arc<Self>,
        headers: &HeaderMap,
        clock: impl FnOnce() -> SystemTime,
    ) -> GripContext {
        let trust = self.trust(headers, clock);
        if !trust.is_proxied() {
            return GripContext::new(Arc::clone(self), trust, None, LastIds::default());
        }
        GripContext::new(
            Arc::clone(self),
            trust,
            headers.get(header::GRIP_FEATURE).cloned(),
            LastIds::parse(headers, &self.prefix),
        )
    }

    fn trust(&self, headers: &HeaderMap, clock: impl FnOnce() -> SystemTime) -> Trust {
        let has_signature = headers.contains_key(header::GRIP_SIG);
        let has_features = || headers.contains_key(header::GRIP_FEATURE);
        match &self.verifier {
            Some(verifier) if has_signature => {
                let signatures = headers.get_all(header::GRIP_SIG).iter();
                match verifier.verify_headers(signatures.map(HeaderValue::as_bytes), clock()) {
                    Ok(Some(_)) => Trust::Signed,
                    Ok(None) => Trust::Direct,
                    Err(error) => Trust::Refused(error),
                }
            }
            None if self.trusts_unsigned && (has_signature || has_features()) => Trust::Unsigned,
            None if has_signature => Trust::NoKey,
            Some(_) | None => Trust::Direct,
        }
    }

    /// Whether a request may reach the application.
    ///
    /// # Errors
    /// [`Refusal::UnsignedEvents`] for WebSocket events that did not come through a proxy: whoever
    /// could send them could speak for every connection. [`Refusal::ProxyRequired`] where the
    /// policy requires a proxy and there is none.
    pub fn check_request(&self, cx: &GripContext, headers: &HeaderMap) -> Result<(), Refusal> {
        if cx.is_proxied() {
            Ok(())
        } else if self.requires_proxy {
            Err(Refusal::ProxyRequired)
        } else if is_websocket_events(headers) {
            Err(Refusal::UnsignedEvents)
        } else {
            Ok(())
        }
    }

    /// Whether a response without a [`Hold`] of ours may leave: instructions that somebody wrote
    /// into the headers by hand need a proxy just as well.
    ///
    /// # Errors
    /// [`Refusal::HoldWithoutProxy`] where such a response answers a request that came without a
    /// proxy.
    pub fn check_response(&self, cx: &GripContext, headers: &HeaderMap) -> Result<(), Refusal> {
        if !cx.is_proxied()
            && (headers.contains_key(header::GRIP_HOLD)
                || has_essence(headers, header::GRIP_INSTRUCT))
        {
            return Err(Refusal::HoldWithoutProxy);
        }
        Ok(())
    }

    /// In what form a hold leaves.
    ///
    /// # Errors
    /// [`Refusal::HoldWithoutProxy`] where there is nobody to obey it, [`Refusal::BadHold`] where
    /// a proxy would refuse it.
    pub fn carrier(
        &self,
        cx: &GripContext,
        method: &Method,
        hold: &Hold,
    ) -> Result<Carrier, Refusal> {
        if !cx.is_proxied() {
            return Err(Refusal::HoldWithoutProxy);
        }
        hold.check(&self.limits)?;
        Ok(if method == Method::HEAD {
            Carrier::None
        } else if hold.is_header_safe(&self.prefix, &self.limits) {
            Carrier::Headers
        } else {
            Carrier::Body
        })
    }

    /// Writes a hold into the head of the response that it was returned with. `body` is how many
    /// bytes that has at least. A hold with the keep-alive of server-sent events gives the
    /// response their content type, where it has none of its own.
    ///
    /// # Errors
    /// [`Refusal::BadHold`] where the headers or the body are over a limit.
    pub fn write_headers(
        &self,
        hold: &Hold,
        status: &mut StatusCode,
        headers: &mut HeaderMap,
        body: u64,
    ) -> Result<(), Refusal> {
        let limit = self.limits.instruct_body;
        let length = usize::try_from(body).unwrap_or(usize::MAX);
        if hold.mode() == Some(HoldMode::Response) && length > limit {
            return Err(HoldError::BodyTooLarge { length, limit }.into());
        }
        add_content_type(hold, headers);
        *status = hold.write_headers(&self.prefix, &self.limits, *status, headers)?;
        Ok(())
    }

    /// Writes a hold and the response that it was returned with into a body. The status and the
    /// headers become those of that body, which is returned.
    ///
    /// # Errors
    /// [`Refusal::BadHold`] where the response does not fit into such a body.
    pub fn write_instruct(
        &self,
        hold: &Hold,
        status: &mut StatusCode,
        headers: &mut HeaderMap,
        body: &[u8],
    ) -> Result<Bytes, Refusal> {
        add_content_type(hold, headers);
        let (outer, body) = hold.to_instruct(&self.prefix, &self.limits, *status, headers, body)?;
        *status = StatusCode::OK;
        *headers = outer;
        Ok(body)
    }
}

/// Gives server-sent events their content type: where there is none, and where it is one that
/// frameworks set for any text or bytes, which no browser would take for events.
fn add_content_type(hold: &Hold, headers: &mut HeaderMap) {
    let is_unspecific = || {
        ["text/plain", "application/octet-stream"]
            .iter()
            .any(|essence| has_essence(headers, essence))
    };
    if hold.is_sse() && (!headers.contains_key(CONTENT_TYPE) || is_unspecific()) {
        let events = HeaderValue::from_static("text/event-stream");
        headers.insert(CONTENT_TYPE, events);
    }
}

/// Whether the content type of a request says that it carries WebSocket events.
#[must_use]
pub fn is_websocket_events(headers: &HeaderMap) -> bool {
    has_essence(headers, header::WEBSOCKET_EVENTS)
}

fn has_essence(headers: &HeaderMap, essence: &str) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.as_bytes().split(|byte| *byte == b';').next())
        .is_some_and(|value| value.trim_ascii().eq_ignore_ascii_case(essence.as_bytes()))
}

/// How a hold travels to the proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Carrier {
    /// It does not: a `HEAD` request is answered and never held.
    None,
    /// In the headers of the response.
    Headers,
    /// In an `application/grip-instruct` body around the response, since a header would change
    /// something.
    Body,
}

/// Why a request or a response is stopped.
///
/// `Display` is for logs. A client gets [`message`](Self::message), which gives nothing away.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The application answers only what comes through a proxy.
    #[error("the request did not come through a trusted proxy, and one is required")]
    ProxyRequired,
    /// WebSocket events came from somewhere else than a trusted proxy.
    #[error("WebSocket events did not come through a trusted proxy")]
    UnsignedEvents,
    /// A handler asked for a hold and there is no proxy to obey.
    #[error("a hold needs a trusted proxy, and the request did not come through one")]
    HoldWithoutProxy,
    /// A hold has to travel around the response, and the response could not be read.
    #[error("the response of a hold could not be read")]
    UnreadableResponse,
    /// A handler built a hold that no proxy would take.
    #[error("the hold cannot be sent")]
    BadHold(#[from] HoldError),
}

impl Refusal {
    /// The status of the answer: 501 where a proxy is missing, 403 for events from elsewhere, 500
    /// for a hold that cannot be sent.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::ProxyRequired | Self::HoldWithoutProxy => StatusCode::NOT_IMPLEMENTED,
            Self::UnsignedEvents => StatusCode::FORBIDDEN,
            Self::UnreadableResponse | Self::BadHold(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What the client is told, as `text/plain`. It is the same for a missing, a forged and an
    /// expired signature.
    #[must_use]
    pub fn message(&self) -> &'static str {
        match self {
            Self::ProxyRequired => {
                "This application answers only through its GRIP proxy, and this request did not \
                 come through one that it trusts. Its log says why.\n"
            }
            Self::UnsignedEvents => {
                "WebSocket events are taken only from a trusted GRIP proxy. The application's log \
                 says why this request is not from one.\n"
            }
            Self::HoldWithoutProxy => {
                "This resource is realtime: it needs a GRIP proxy in front of the application, and \
                 this request did not come through one that it trusts. Connect to the proxy \
                 instead, or see the application's log for what is missing.\n"
            }
            Self::UnreadableResponse | Self::BadHold(_) => {
                "The application made an instruction that no proxy would take. Its log says which.\n"
            }
        }
    }
}
