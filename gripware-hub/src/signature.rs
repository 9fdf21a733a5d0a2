//! `Grip-Sig` and `Grip-Feature` of what goes to the origin, the last thing that is put in.

use std::{
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use gripware_core::{
    header::{GRIP_FEATURE, GRIP_SIG},
    sig::Signer,
};
use http::{HeaderMap, HeaderValue};

/// The features of the hub, as the origin is told (GRIP 1.2).
const FEATURES: HeaderValue = HeaderValue::from_static(
    "status, link:next, link:gone, filter:skip-self, filter:skip-users, filter:require-sub, \
     filter:build-id, filter:var-subst, subscribe:prev-id",
);

/// Signs requests to the origin, as proof that they came through this proxy (GRIP 1.3).
///
/// A token carries whole seconds, so all requests of a second have the same.
#[derive(Debug)]
pub(crate) struct Signature {
    signer: Option<Signer>,
    newest: Mutex<Option<(u64, HeaderValue)>>,
}

impl Signature {
    pub(crate) fn new(signer: Option<Signer>) -> Self {
        Self {
            signer,
            newest: Mutex::default(),
        }
    }

    /// Puts `Grip-Sig` and `Grip-Feature` into a request.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        headers.insert(GRIP_FEATURE, FEATURES);
        match self.token() {
            Some(token) => headers.insert(GRIP_SIG, token),
            // Unsigned it is not trusted, and a hold fails with an answer that says so.
            None => headers.remove(GRIP_SIG),
        };
    }

    fn token(&self) -> Option<HeaderValue> {
        let signer = self.signer.as_ref()?;
        let now = SystemTime::now();
        let second = now.duration_since(UNIX_EPOCH).ok()?.as_secs();
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, token)) = &*newest
            && *known == second
        {
            return Some(token.clone());
        }
        let token = signer
            .sign(now)
            .inspect_err(|error| tracing::error!(%error, "a request could not be signed"))
            .ok()?;
        let token = HeaderValue::try_from(token).ok()?;
        *newest = Some((second, token.clone()));
        Some(token)
    }
}
