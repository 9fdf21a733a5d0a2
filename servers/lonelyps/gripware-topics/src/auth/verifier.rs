//! A credential with what was seen of it, shared between threads.

use std::sync::{Mutex, PoisonError};

use super::{Credential, Nonce, Refusal, ReplayStore, Signed};
use crate::{Authorization, Tracing};

/// A [`Credential`] and its [`ReplayStore`]. The lock is held for a look-up, not while a signature is
/// computed.
#[derive(Debug)]
pub struct Verifier {
    credential: Credential,
    seen: Mutex<ReplayStore>,
}

impl Verifier {
    /// Starts with nothing seen.
    #[must_use]
    pub fn new(credential: Credential, seen: ReplayStore) -> Self {
        Self {
            credential,
            seen: Mutex::new(seen),
        }
    }

    /// Returns the credential.
    #[must_use]
    pub fn credential(&self) -> &Credential {
        &self.credential
    }

    /// Signs at `now`, in seconds since 1970, with a random nonce.
    ///
    /// # Panics
    /// Where the system has no random numbers.
    #[must_use]
    pub fn sign(&self, signed: &Signed<'_>, tracing: &Tracing, now: u64) -> Option<Authorization> {
        self.credential.sign(signed, tracing, now, &Nonce::random())
    }

    /// As [`Credential::verify`].
    ///
    /// # Errors
    /// As there.
    pub fn verify(
        &self,
        authorization: Option<&str>,
        signed: &Signed<'_>,
        tracing: &Tracing,
        now: u64,
    ) -> Result<(), Refusal> {
        let accepted = self.credential.check(authorization, signed, tracing, now)?;
        let Some(accepted) = accepted else {
            return Ok(());
        };
        // Nothing panics while it is held.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        accepted.remember(&mut seen, now)
    }
}
