//! A policy as a layer keeps it: cloned for each request, from every thread.
//!
//! ```
//! use std::{sync::Arc, time::SystemTime};
//!
//! use gripware_core::{Policy, Refusal, RequestMarks, SharedPolicy};
//!
//! let policy = SharedPolicy::new(&Arc::new(Policy::new()));
//!
//! // Nobody signed this, so it is no proxy's.
//! let headers = [("content-type", &b"application/websocket-events"[..])];
//! let marks = RequestMarks::from_iter(headers);
//! let admission = policy.admit(&marks, SystemTime::now);
//! assert!(!admission.is_proxied());
//! assert_eq!(admission.check_request(&marks), Err(Refusal::UnsignedEvents));
//! ```

use std::{
    fmt,
    net::IpAddr,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::SystemTime,
};

use http::HeaderMap;

use crate::{GripContext, LastIds, Policy, Refusal, RequestMarks, Trust, header::GRIP_FEATURE};

/// The policy of the process's first layer. It is kept until the process ends.
static FIRST: OnceLock<Arc<Policy>> = OnceLock::new();

/// Whether there has been a layer with another policy.
static ARE_SEVERAL: AtomicBool = AtomicBool::new(false);

/// A [`Policy`] whose clones are not counted where it is the first of the process.
///
/// A layer is cloned for each request, and each request keeps the policy until it is answered. With
/// an `Arc` all threads would write to the one counter of references twice for each of these.
/// Nearly every process has one policy, so the first is never dropped and needs no counter. Any
/// other one is an `Arc`.
#[derive(Clone)]
pub struct SharedPolicy(Option<Arc<Policy>>);

impl SharedPolicy {
    /// Shares a policy. The first one in a process is kept until the process ends.
    #[must_use]
    pub fn new(policy: &Arc<Policy>) -> Self {
        let first = FIRST.get_or_init(|| Arc::clone(policy));
        if Arc::ptr_eq(first, policy) {
            return Self(None);
        }
        ARE_SEVERAL.store(true, Ordering::Relaxed);
        Self(Some(Arc::clone(policy)))
    }

    pub(crate) fn counted(policy: &Arc<Policy>) -> Self {
        Self(Some(Arc::clone(policy)))
    }

    /// Returns the first policy of the process; `None` before there is one.
    #[must_use]
    #[inline]
    pub fn first() -> Option<Self> {
        FIRST.get().map(|_| Self(None))
    }

    /// Returns `true` if the process has had layers of one policy alone.
    #[must_use]
    #[inline]
    pub fn is_only_one() -> bool {
        !ARE_SEVERAL.load(Ordering::Relaxed)
    }

    /// Returns `true` if it is the first policy of the process.
    #[must_use]
    #[inline]
    pub fn is_first(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the policy.
    #[must_use]
    #[inline]
    pub fn policy(&self) -> &Arc<Policy> {
        match &self.0 {
            Some(policy) => policy,
            // It is there: only `new` and `first` leave the pointer out, when it is.
            None => FIRST.get_or_init(Arc::default),
        }
    }

    /// Reads whether a request came through a proxy that may be believed.
    ///
    /// The clock is read only where there is a signature to verify.
    #[must_use]
    pub fn admit(&self, marks: &RequestMarks<'_>, clock: impl FnOnce() -> SystemTime) -> Admission {
        Admission {
            trust: self.policy().trust(marks, clock),
            policy: self.clone(),
        }
    }
}

impl fmt::Debug for SharedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.policy().fmt(f)
    }
}

/// How far a request is trusted, and the policy that it was admitted under: what a layer knows of a
/// request before its handler asks for the rest, which is the [context](Self::context).
#[derive(Clone, Debug)]
pub struct Admission {
    policy: SharedPolicy,
    trust: Trust,
}

impl Admission {
    /// Returns the policy that the request was admitted under.
    #[must_use]
    #[inline]
    pub fn policy(&self) -> &Arc<Policy> {
        self.policy.policy()
    }

    /// Returns the same policy as a layer has it.
    #[must_use]
    pub fn shared_policy(&self) -> &SharedPolicy {
        &self.policy
    }

    /// Why the request is trusted or not.
    #[must_use]
    pub fn trust(&self) -> &Trust {
        &self.trust
    }

    /// Returns `true` if the request came through a proxy that the application trusts.
    #[must_use]
    #[inline]
    pub fn is_proxied(&self) -> bool {
        self.trust.is_proxied()
    }

    /// Returns `true` if the request has a signature that was refused. Of nothing else does it cost
    /// much to be found again: a token that verified is cached.
    #[must_use]
    #[inline]
    pub fn is_refused(&self) -> bool {
        matches!(self.trust, Trust::Refused(_))
    }

    /// Returns `true` if [`SharedPolicy::first`] gives the same again for the headers of the request,
    /// at no great cost.
    #[must_use]
    #[inline]
    pub fn is_implied(&self) -> bool {
        self.policy.is_first() && !self.is_refused()
    }

    /// Whether the request may reach the application.
    ///
    /// # Errors
    /// See [`Policy::check_request`].
    pub fn check_request(&self, marks: &RequestMarks<'_>) -> Result<(), Refusal> {
        let is_events = || marks.is_websocket_events();
        self.policy().check_trust(&self.trust, is_events)
    }

    /// Returns the address of the proxy's client; see [`Policy::client_ip`]. The header is asked for
    /// only where it is believed.
    #[must_use]
    pub fn client_ip<'a>(
        &self,
        forwarded_for: impl FnOnce() -> Option<&'a [u8]>,
    ) -> Option<IpAddr> {
        self.policy().forwarded_ip(&self.trust, forwarded_for)
    }

    /// Returns what a handler may know: what the proxy says in the headers of the request, if it is
    /// one that may be believed.
    #[must_use]
    pub fn context(&self, headers: &HeaderMap) -> GripContext {
        let (policy, trust) = (self.policy.clone(), self.trust.clone());
        if !self.is_proxied() {
            return GripContext::new(policy, trust, None, LastIds::default());
        }
        let features = headers.get(GRIP_FEATURE).cloned();
        let last = LastIds::parse(headers, self.policy().prefix());
        GripContext::new(policy, trust, features, last)
    }

    /// Returns the context without what the proxy says: all that an adapter needs for the answer.
    #[must_use]
    pub fn context_for_response(&self) -> GripContext {
        let (policy, trust) = (self.policy.clone(), self.trust.clone());
        GripContext::new(policy, trust, None, LastIds::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_policy_is_found_again_and_another_is_itself() {
        let policies = [(); 2].map(|()| Arc::new(Policy::new().requiring_proxy(true)));
        let shared = policies.each_ref().map(SharedPolicy::new);
        for (policy, shared) in policies.iter().zip(&shared) {
            assert!(Arc::ptr_eq(policy, shared.policy()));
            assert!(Arc::ptr_eq(policy, shared.clone().policy()));
        }
        // Other tests of this process may have been earlier.
        assert!(!shared[1].is_first());
        assert!(!SharedPolicy::is_only_one());
        let first = SharedPolicy::first().unwrap();
        assert!(first.is_first());
        let again = SharedPolicy::new(first.policy());
        assert!(again.is_first());
        assert!(Arc::ptr_eq(first.policy(), again.policy()));
    }

    #[test]
    fn a_refused_request_of_the_first_policy_is_not_implied() {
        let admission = |policy: &SharedPolicy, trust| Admission {
            policy: policy.clone(),
            trust,
        };
        let first = SharedPolicy::new(&Arc::new(Policy::new()));
        let first = SharedPolicy::first().unwrap_or(first);
        let other = SharedPolicy::counted(&Arc::new(Policy::new()));
        let refused = Trust::Refused(crate::sig::SigError::Forged);
        assert!(admission(&first, Trust::Direct).is_implied());
        assert!(admission(&first, Trust::Signed).is_implied());
        assert!(!admission(&first, refused).is_implied());
        assert!(!admission(&other, Trust::Direct).is_implied());
    }
}
