use std::{
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// The claims of a verified `Grip-Sig`: who signed it, and until when it is valid.
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
    /// Returns the `iss` claim: the name of the proxy, such as `pushpin`, or `fastly:` followed by
    /// the id of a service. `None` if the token has none.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.issuer.as_deref()
    }

    /// Returns the `exp` claim, the time from which on the token is refused.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(self.expires)
    }
}
