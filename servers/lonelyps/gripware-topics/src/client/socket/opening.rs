//! How a connection begins: CONFIGURE and its confirmation.

use std::sync::Arc;

use bytes::Bytes;

use super::session::{Session, SessionError};
use crate::{
    Authorization, Tracing, WireError,
    auth::{Signed, Verifier, random_bytes},
    ws::{FromBroadcaster, FromSubscriber, nonce},
};

/// Both secrets, with what was seen of each.
#[derive(Clone, Debug)]
pub(in crate::client) struct Keys {
    pub(in crate::client) to_broadcaster: Arc<Verifier>,
    pub(in crate::client) to_subscriber: Arc<Verifier>,
}

impl Keys {
    pub(super) fn sign(&self, signed: &Signed<'_>, now: u64) -> Option<Authorization> {
        self.to_broadcaster.sign(signed, &Tracing::default(), now)
    }

    pub(super) fn verify(
        &self,
        authorization: Option<&Authorization>,
        signed: &Signed<'_>,
        tracing: &Tracing,
        now: u64,
    ) -> Result<(), SessionError> {
        let authorization = authorization.map(Authorization::as_str);
        let verifier = &self.to_subscriber;
        Ok(verifier.verify(authorization, signed, tracing, now)?)
    }
}

/// A connection whose CONFIGURE is sent.
#[derive(Debug)]
pub(super) struct Opening {
    keys: Keys,
    nonce: [u8; 32],
    zstd: bool,
    limits: Limits,
}

/// How large messages may be, in bytes.
#[derive(Clone, Copy, Debug)]
pub(in crate::client) struct Limits {
    /// Of a whole message, either way.
    pub(in crate::client) message: usize,
    /// Of what is sent of one at a time.
    pub(in crate::client) payload: usize,
}

impl Opening {
    /// Returns the state and the message. `zstd`: whether messages may be compressed.
    pub(super) fn new(
        keys: &Keys,
        limits: Limits,
        zstd: bool,
        now: u64,
    ) -> Result<(Self, Bytes), WireError> {
        let nonce = random_bytes::<32>();
        let signed = Signed::Configure {
            nonce: &nonce,
            zstd,
            training: false,
            initial_dict: 0,
        };
        let message = FromSubscriber::Configure {
            nonce,
            zstd,
            training: false,
            initial_dict: 0,
            authorization: keys.sign(&signed, now),
            tracing: Tracing::default(),
        };
        let opening = Self {
            keys: keys.clone(),
            nonce,
            zstd,
            limits,
        };
        Ok((opening, message.encode(true)?))
    }

    /// Takes the answer.
    pub(super) fn configured(self, answer: Bytes, now: u64) -> Result<Session, SessionError> {
        let FromBroadcaster::ConfirmConfigure {
            nonce: theirs,
            authorization,
            tracing,
        } = FromBroadcaster::decode(answer)?
        else {
            return Err(SessionError::Unexpected);
        };
        let signed = Signed::ConfirmConfigure { nonce: &theirs };
        self.keys
            .verify(authorization.as_ref(), &signed, &tracing, now)?;
        let nonce = nonce(&self.nonce, &theirs);
        Ok(Session::new(self.keys, &nonce, self.limits, self.zstd))
    }
}
