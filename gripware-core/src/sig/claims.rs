use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// What a verified `Grip-Sig` says: who signed it, and until when it holds.
///
/// Cloning is cheap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    pub(super) issuer: Option<Arc<str>>,
    /// Seconds since 1970.
    pub(super) expires: u64,
    /// Seconds since 1970.
    pub(super) not_before: Option<u64>,
}

impl Claims {
    /// The `iss` claim: the name of the proxy, such as `pushpin` or `fastly:` and a service's id.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// The `exp` claim: from then on the token is refused.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.expires)
    }
}
