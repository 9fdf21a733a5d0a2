//! What an origin trusts, and what it lets out.
//!
//! A [`Policy`] is built once from the configuration. For each request an adapter asks it, without
//! a framework, a socket or a clock: who is there ([`admit`](Policy::admit)), whether the request
//! may go on ([`check_request`](Policy::check_request)), in what form a hold leaves
//! ([`hold_encoding`](Policy::hold_encoding)) and how that is written ([`write`](Policy::write)).
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
//! let refused = policy.hold_encoding(&cx, &Method::GET, &Hold::stream("news"), None);
//! assert!(matches!(refused, Err(Refusal::HoldWithoutProxy)));
//! ```

use std::{net::IpAddr, sync::Arc, time::SystemTime};

use http::HeaderMap;

use crate::{
    Channel, ChannelError, GripContext, Limits, LinkKey, Refusal, RequestMarks, SharedPolicy,
    Trust, header,
    header::is_websocket_events,
    sig::{SigError, Verifier},
    ws::AllowedOrigins,
};

/// Which requests count as sent by a proxy, and how instructions to it are written.
///
/// The default trusts nobody: without a [`verifier`](Self::with_verifier) no request is proxied,
/// whatever headers it has.
#[derive(Debug, Default)]
pub struct Policy {
    verifier: Option<Verifier>,
    trusts_unsigned: bool,
    trusts_forwarded_for: bool,
    requires_proxy: bool,
    prefix: String,
    limits: Limits,
    allowed_origins: AllowedOrigins,
    link_key: Option<LinkKey>,
}

impl Policy {
    /// Creates a policy that trusts nobody, has no prefix and the limits of Pushpin.
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

    /// Believes a proxy that says in `X-Forwarded-For` who its client is, as the hub and its program
    /// do; see [`client_ip`](Self::client_ip). Pushpin passes on what a client says of itself, unless
    /// it is told otherwise. Default: off.
    #[must_use]
    pub fn trusting_forwarded_for(mut self) -> Self {
        self.trusts_forwarded_for = true;
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
    /// If the prefix is no part of a channel name: control characters, or too long.
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

    /// Sets from which pages browsers may open WebSockets. Default:
    /// [`AllowedOrigins::same_host`].
    #[must_use]
    pub fn with_allowed_origins(mut self, allowed: AllowedOrigins) -> Self {
        self.allowed_origins = allowed;
        self
    }

    /// Returns the origins of the pages that may open WebSockets.
    pub fn allowed_origins(&self) -> &AllowedOrigins {
        &self.allowed_origins
    }

    /// Sets the key that signs the links of private streams. Default: none, and there can be no
    /// private streams.
    #[must_use]
    pub fn with_link_key(mut self, key: LinkKey) -> Self {
        self.link_key = Some(key);
        self
    }

    /// Returns the key that signs the links of private streams.
    #[must_use]
    pub fn link_key(&self) -> Option<&LinkKey> {
        self.link_key.as_ref()
    }

    /// What is put before every channel name.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the bounds that instructions and bodies are held to.
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
        SharedPolicy::counted(self)
            .admit(&RequestMarks::of(headers), clock)
            .context(headers)
    }

    pub(crate) fn trust(
        &self,
        marks: &RequestMarks<'_>,
        clock: impl FnOnce() -> SystemTime,
    ) -> Trust {
        match (&self.verifier, marks.signature) {
            // No proxy sends two, and whatever is in front may have checked the other one.
            (Some(_), Some(_)) if marks.has_several_signatures => {
                Trust::Refused(SigError::Malformed)
            }
            (Some(verifier), Some(token)) => match verifier.check(token, clock()) {
                Ok(()) => Trust::Signed,
                Err(error) => Trust::Refused(error),
            },
            (None, signature)
                if self.trusts_unsigned && (signature.is_some() || marks.has_features) =>
            {
                Trust::Unsigned
            }
            (None, Some(_)) => Trust::NoKey,
            (_, None) => Trust::Direct,
        }
    }

    /// Returns the address of the proxy's client. `forwarded_for` is the last `X-Forwarded-For` of the
    /// request, of whose list the last one is what the proxy itself has added.
    ///
    /// `None` if the request did not come through a proxy, or the policy does not
    /// [believe](Self::trusting_forwarded_for) it.
    ///
    /// ```
    /// use std::{sync::Arc, time::SystemTime};
    ///
    /// use gripware_core::Policy;
    /// use http::{HeaderMap, HeaderValue};
    ///
    /// let policy = Policy::new().trusting_unsigned_proxies().trusting_forwarded_for();
    /// let policy = Arc::new(policy);
    /// let forwarded_for = b"198.51.100.7, 192.0.2.1";
    ///
    /// let mut headers = HeaderMap::new();
    /// let direct = policy.admit(&headers, SystemTime::now);
    /// assert_eq!(policy.client_ip(&direct, Some(forwarded_for)), None);
    ///
    /// headers.insert("grip-feature", HeaderValue::from_static("status"));
    /// let proxied = policy.admit(&headers, SystemTime::now);
    /// let ip = policy.client_ip(&proxied, Some(forwarded_for));
    /// assert_eq!(ip.unwrap().to_string(), "192.0.2.1");
    /// ```
    #[must_use]
    pub fn client_ip(&self, cx: &GripContext, forwarded_for: Option<&[u8]>) -> Option<IpAddr> {
        self.forwarded_ip(cx.trust(), || forwarded_for)
    }

    pub(crate) fn forwarded_ip<'a>(
        &self,
        trust: &Trust,
        forwarded_for: impl FnOnce() -> Option<&'a [u8]>,
    ) -> Option<IpAddr> {
        if !self.trusts_forwarded_for || !trust.is_proxied() {
            return None;
        }
        let list = std::str::from_utf8(forwarded_for()?).ok()?;
        header::trim_ows(list.rsplit(',').next()?).parse().ok()
    }

    /// Whether a request may reach the application.
    ///
    /// # Errors
    /// [`Refusal::UnsignedEvents`] for WebSocket events that did not come through a proxy: whoever
    /// could send them could speak for every connection. [`Refusal::ProxyRequired`] where the
    /// policy requires a proxy and there is none.
    pub fn check_request(&self, cx: &GripContext, headers: &HeaderMap) -> Result<(), Refusal> {
        self.check_trust(cx.trust(), || is_websocket_events(headers))
    }

    pub(crate) fn check_trust(
        &self,
        trust: &Trust,
        is_events: impl FnOnce() -> bool,
    ) -> Result<(), Refusal> {
        if trust.is_proxied() {
            Ok(())
        } else if self.requires_proxy {
            Err(Refusal::ProxyRequired)
        } else if is_events() {
            Err(Refusal::UnsignedEvents)
        } else {
            Ok(())
        }
    }
}
