//! Signatures: who may ask a broadcaster for something, and who may deliver to a subscriber.
//!
//! There are two secrets, one for what goes to broadcasters and one for what goes to subscribers, each
//! with the answers that go the same way: a broadcaster's answer is signed as its deliveries are. Each
//! is of a [`Kind`]:
//! - `none`: nothing is checked.
//! - `token`: `Bearer SECRET`, which only TLS keeps secret.
//! - `hmac`: `X-HMAC TIME:NONCE:CODE`, an HMAC-SHA512 over what counts. It shows the secret to
//!   nobody, is good for [`TOLERANCE`] seconds, and once ([`ReplayStore`]).
//! - `standard-webhooks`: [Standard Webhooks](https://www.standardwebhooks.com/), for subscribers
//!   alone. Answers of the broadcaster are not signed. See [`webhook`](crate::webhook).
//!
//! ```
//! use gripware_topics::{
//!     Digest, Identifier, Topic, Tracing,
//!     auth::{Credential, Nonce, Refusal, ReplayStore, Signed},
//! };
//!
//! let credential = Credential::hmac("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0-Pw")?;
//! let (topic, identifier) = (Topic::try_from("foo/bar")?, Identifier::try_from(b"id")?);
//! let digest = Digest::of(b"hello");
//! let signed = Signed::Notify { topic: &topic, identifier: &identifier, digest: &digest };
//!
//! let none = Tracing::default();
//! let header = credential.sign(&signed, &none, 1_700_000_000, &Nonce::new("AAAAAA")?);
//! let header = header.as_ref().map(|header| header.as_str());
//! assert_eq!(header, Some(
//!     "X-HMAC 1700000000:AAAAAA:CNXOKnVaTLbYK5Vuw+RfL3j8eLmlIWMWcOx+NXTc2QZ5N0mlG8OyCSttvu3IS//RfVO07Fd6NipfsZWewmEhqA=="
//! ));
//!
//! let mut seen = ReplayStore::default();
//! let mut verify = |now| credential.verify(header, &signed, &none, now, &mut seen);
//! assert_eq!(verify(1_700_000_121), Err(Refusal::Expired));
//! assert_eq!(verify(1_700_000_007), Ok(()));
//! assert_eq!(verify(1_700_000_008), Err(Refusal::Replayed));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod credential;
mod header;
mod replay;
mod secrets;
mod signed;
mod verifier;

#[cfg(feature = "client")]
pub(crate) use self::credential::random_bytes;
pub use self::{
    credential::{Accepted, Credential, Kind, SecretError},
    header::{Nonce, Refusal},
    replay::{ReplayStore, TOLERANCE},
    secrets::{Auth, SecretsError},
    signed::{Compressor, Signed},
    verifier::Verifier,
};

#[cfg(test)]
mod tests;
