//! Streams behind a login: capability URLs, which are followed without a cookie.
//!
//! A proxy fetches the next link of a stream itself, without the client's cookie or `Authorization`,
//! and gives the answer to every client that waits at the same path. So a stream of one user needs a
//! link whose *path* says whose it is, and proves it: a capability, signed with a key of the
//! application, for one user and one channel, until it expires.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//!
//! use gripware_core::{LinkKey, PrivateStreamError};
//!
//! let key = LinkKey::new(b"thirty-two bytes from a generator")?;
//! let now = SystemTime::now();
//! let token = key.issue("anna", "user-anna", now + Duration::from_secs(3600))?;
//!
//! let stream = key.verify(&token, now)?;
//! assert_eq!((stream.user(), stream.channel()), ("anna", "user-anna"));
//!
//! let late = now + Duration::from_secs(3600);
//! assert_eq!(key.verify(&token, late), Err(PrivateStreamError::Expired));
//! assert_eq!(key.verify(&token.to_uppercase(), now), Err(PrivateStreamError::Forged));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Threat model
//! Whoever has the link reads the stream it is for until it expires, and what the handler gives of
//! the past; it opens no other channel, and nothing else of the user's. The proxy has it, and logs of
//! requests between proxy and application do. A client never sees it: `Grip-Link` is taken out of the
//! answer. A logout does not end it: have the handler look up whether the user may still read, or
//! exchange the key.

use std::{
    fmt,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::{GripContext, HoldError, Link, sig::Mac};

/// The least bytes of a key, as many as the signature has.
const MIN_KEY: usize = 32;
/// The most bytes of a capability, half of a link: the rest of the path has to fit as well.
const MAX_TOKEN: usize = 2048;
/// What a capability begins with, so that it is known in a link and in a log.
const VERSION: &str = "gw1";
/// Stands before what is signed, so that a signature made for another purpose with the same key is
/// none.
const DOMAIN: &[u8] = b"gripware private stream 1\0";

/// How long the link of a private stream can be followed by default: one hour.
///
/// A proxy renews the link when it follows it, which it does after 120 s without an item. A stream
/// on which items keep coming is not renewed, and may find it expired when something is missing: its
/// client is then cut off, comes back with its cookie and the id of its last event, and misses
/// nothing.
pub const PRIVATE_LINK_LIFETIME: Duration = Duration::from_secs(3600);

/// The secret with which an application signs the links of private streams. It does not print.
#[derive(Clone)]
pub struct LinkKey(Arc<Mac>);

impl LinkKey {
    /// Creates a key of at least 32 random bytes, the same in all processes of the application.
    ///
    /// # Errors
    /// [`LinkKeyError`] if there are fewer.
    pub fn new(secret: impl AsRef<[u8]>) -> Result<Self, LinkKeyError> {
        let secret = secret.as_ref();
        if secret.len() < MIN_KEY {
            return Err(LinkKeyError);
        }
        Ok(Self(Arc::new(Mac::new(secret))))
    }

    /// Signs a capability for a user's stream of this channel, which is good before `expires`. It
    /// has characters that a path may have, and no `/`.
    ///
    /// # Errors
    /// [`HoldError::LinkLength`] if user and channel are too long for it.
    pub fn issue(
        &self,
        user: &str,
        channel: &str,
        expires: SystemTime,
    ) -> Result<String, HoldError> {
        let claims = Claims {
            user: user.to_owned(),
            channel: channel.to_owned(),
            expires: unix_seconds(expires),
        };
        // Strings and numbers always have a JSON form.
        let claims = serde_json::to_vec(&claims).unwrap_or_default();
        let claims = URL_SAFE_NO_PAD.encode(claims);
        let tag = URL_SAFE_NO_PAD.encode(self.0.sign(&signed(&claims)));
        let token = format!("{VERSION}.{claims}.{tag}");
        if token.len() > MAX_TOKEN {
            return Err(HoldError::LinkLength {
                length: token.len(),
                limit: MAX_TOKEN,
            });
        }
        Ok(token)
    }

    /// Checks a capability, in constant time.
    ///
    /// # Errors
    /// [`PrivateStreamError::Forged`] if it was not signed with this key, whatever it looks like;
    /// [`PrivateStreamError::Expired`] if its time is over.
    pub fn verify(
        &self,
        token: &str,
        now: SystemTime,
    ) -> Result<PrivateStream, PrivateStreamError> {
        let forged = PrivateStreamError::Forged;
        if token.len() > MAX_TOKEN {
            return Err(forged);
        }
        let token = token
            .strip_prefix(VERSION)
            .and_then(|rest| rest.strip_prefix('.'));
        let (claims, tag) = token.and_then(|rest| rest.split_once('.')).ok_or(forged)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| forged)?;
        if !self.0.verify(&signed(claims), &tag) {
            return Err(forged);
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).map_err(|_| forged)?;
        let claims: Claims = serde_json::from_slice(&claims).map_err(|_| forged)?;
        if unix_seconds(now) >= claims.expires {
            return Err(PrivateStreamError::Expired);
        }
        Ok(PrivateStream(claims))
    }
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LinkKey([redacted])")
    }
}

/// A key for links is too short.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a link key has at least {MIN_KEY} bytes")]
#[non_exhaustive]
pub struct LinkKeyError;

/// What a capability says: whose stream of which channel a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateStream(Claims);

#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    #[serde(rename = "u")]
    user: String,
    #[serde(rename = "c")]
    channel: String,
    /// In Unix seconds.
    #[serde(rename = "e")]
    expires: u64,
}

impl PrivateStream {
    /// Returns the user that it was issued to.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.0.user
    }

    /// Returns the channel that it was issued for, without the application's prefix. A handler
    /// holds this one and no other.
    #[must_use]
    pub fn channel(&self) -> &str {
        &self.0.channel
    }
}

/// Why a capability is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PrivateStreamError {
    /// It was not signed with the application's key, or is not in the path.
    #[error("the link of a private stream was not signed with this key")]
    Forged,
    /// It was, and its time is over. The client that waits there comes back with its login.
    #[error("the link of a private stream has expired")]
    Expired,
    /// The application has no key; see [`Policy::with_link_key`](crate::Policy::with_link_key).
    #[error(
        "no link key is configured (GripBuilder::link_key), so no private stream can be followed"
    )]
    NoKey,
}

/// The link of a private stream, or why there is none. A hold takes it as any other link.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a link does nothing unless a hold has it"]
pub struct PrivateLink(Result<Link, HoldError>);

impl TryFrom<PrivateLink> for Link {
    type Error = HoldError;

    fn try_from(link: PrivateLink) -> Result<Self, HoldError> {
        link.0
    }
}

impl GripContext {
    /// Makes a next link that only answers for this user and channel: `path`, which has no query,
    /// and a capability as its last segment, good for [`PRIVATE_LINK_LIFETIME`].
    ///
    /// What is wrong with it is found when the hold is checked: there is no
    /// [key](crate::Policy::with_link_key), or the link would be too long.
    pub fn private_link_at(
        &self,
        now: SystemTime,
        path: &str,
        user: &str,
        channel: &str,
    ) -> PrivateLink {
        let token = match self.policy().link_key() {
            Some(key) => key.issue(user, channel, now + PRIVATE_LINK_LIFETIME),
            None => Err(HoldError::NoLinkKey),
        };
        let path = path.strip_suffix('/').unwrap_or(path);
        PrivateLink(token.and_then(|token| Link::encoded(&format!("{path}/{token}"))))
    }

    /// Checks the capability that is the last segment of a request's path.
    ///
    /// # Errors
    /// [`PrivateStreamError`] if it is none that this application issued and that is still good.
    pub fn private_stream_at(
        &self,
        now: SystemTime,
        path: &str,
    ) -> Result<PrivateStream, PrivateStreamError> {
        let key = self.policy().link_key().ok_or(PrivateStreamError::NoKey)?;
        let (_, token) = path.rsplit_once('/').ok_or(PrivateStreamError::Forged)?;
        key.verify(token, now)
    }
}

impl Link {
    /// Whether its last segment is a capability.
    pub(crate) fn is_private(&self) -> bool {
        self.as_str().rsplit('/').next().is_some_and(is_capability)
    }
}

/// Whether a segment of a path has the form of a capability.
pub(crate) fn is_capability(segment: &str) -> bool {
    let rest = segment.strip_prefix(VERSION);
    rest.is_some_and(|rest| rest.starts_with('.'))
}

fn signed(claims: &str) -> Vec<u8> {
    [DOMAIN, claims.as_bytes()].concat()
}

fn unix_seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";

    fn key() -> LinkKey {
        LinkKey::new(SECRET).unwrap()
    }

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn a_capability_is_good_for_its_key_until_it_expires() {
        let token = key().issue("anna", "user-anna", at(100)).unwrap();
        assert!(key().verify(&token, at(99)).is_ok());
        assert_eq!(
            key().verify(&token, at(100)),
            Err(PrivateStreamError::Expired)
        );
        let other = LinkKey::new(b"another key of at least 32 bytes").unwrap();
        assert_eq!(
            other.verify(&token, at(99)),
            Err(PrivateStreamError::Forged)
        );
    }

    #[test]
    fn no_other_text_is_a_capability() {
        let token = key().issue("anna", "a", at(100)).unwrap();
        let (head, tag) = token.rsplit_once('.').unwrap();
        let other = key().issue("bert", "a", at(100)).unwrap();
        let (_, other_tag) = other.rsplit_once('.').unwrap();
        for forged in [
            String::new(),
            "gw1".into(),
            "gw1..".into(),
            head.into(),
            format!("{head}."),
            format!("{head}.{other_tag}"),
            format!("{head}.{tag}="),
            format!("{head}.{tag}.{tag}"),
            format!("gw2{}", &token[3..]),
            format!("{token}/"),
            "x".repeat(MAX_TOKEN + 1),
        ] {
            assert_eq!(
                key().verify(&forged, at(1)),
                Err(PrivateStreamError::Forged),
                "{forged}"
            );
        }
        for position in 0..token.len() {
            let mut changed = token.clone().into_bytes();
            changed[position] = if changed[position] == b'A' {
                b'B'
            } else {
                b'A'
            };
            let changed = String::from_utf8(changed).unwrap();
            assert!(key().verify(&changed, at(1)).is_err(), "{changed}");
        }
    }

    #[test]
    fn a_signature_for_something_else_with_the_same_key_is_none() {
        let claims = URL_SAFE_NO_PAD.encode(br#"{"u":"anna","c":"a","e":100}"#);
        let tag = URL_SAFE_NO_PAD.encode(Mac::new(SECRET).sign(claims.as_bytes()));
        let token = format!("gw1.{claims}.{tag}");
        assert_eq!(key().verify(&token, at(1)), Err(PrivateStreamError::Forged));
    }

    #[test]
    fn keys_have_a_least_length_and_never_print() {
        assert!(LinkKey::new([0; 31]).is_err());
        assert_eq!(format!("{:?}", key()), "LinkKey([redacted])");
    }

    #[test]
    fn what_does_not_fit_a_link_is_refused() {
        let long = key().issue(&"x".repeat(1500), "a", at(1));
        assert!(matches!(long, Err(HoldError::LinkLength { .. })));
    }

    proptest! {
        #[test]
        fn what_is_issued_is_read_back(user in ".{0,60}", channel in ".{1,60}") {
            let token = key().issue(&user, &channel, at(100)).unwrap();
            let link = Link::new(format!("/a/{token}")).unwrap();
            prop_assert!(link.is_private());
            let stream = key().verify(&token, at(1)).unwrap();
            prop_assert_eq!((stream.user(), stream.channel()), (&*user, &*channel));
        }

        #[test]
        fn arbitrary_text_never_panics_and_never_passes(text in ".{0,80}") {
            let token = format!("gw1.{text}");
            prop_assert!(key().verify(&token, at(1)).is_err());
        }
    }
}
