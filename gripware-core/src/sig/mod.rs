//! `Grip-Sig`: the keys that proxies sign their requests with, and what verifies them (GRIP 1.3).
//!
//! A signature says that a request came through a holder of the key, and until when that may be
//! believed. It is bound to nothing else of the request. What is wrong with one is told apart for
//! whoever runs the application; the client sees the same in all cases.
//!
//! ```
//! use std::time::{Duration, UNIX_EPOCH};
//!
//! use gripware_core::sig::{Key, SigError, Signer, Verifier};
//!
//! let now = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
//! let key = Key::parse("changeme")?;
//! let verifier = Verifier::builder().with_key_of(key.clone(), "pushpin").build()?;
//!
//! let token = Signer::new(key.clone())?.with_issuer("pushpin").sign(now)?;
//! assert_eq!(verifier.verify(token.as_bytes(), now)?.issuer(), Some("pushpin"));
//!
//! // An hour later it holds no more.
//! let later = now + Duration::from_secs(3600);
//! assert_eq!(verifier.verify(token.as_bytes(), later), Err(SigError::Expired));
//!
//! // Signed with the same key by somebody else.
//! let token = Signer::new(key)?.with_issuer("other").sign(now)?;
//! assert_eq!(verifier.verify(token.as_bytes(), now), Err(SigError::WrongIssuer));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is strict
//! * The kind of key decides the algorithm. A token that says another is forged, and so is one
//!   that says `none`.
//! * What looks like a public key is never used as a shared secret. See [`Key`].
//! * `exp` has to be there, as an integer.
//! * Fastly's key is one for all of its customers, so it is taken with an issuer only.
//!
//! # Features
//! The cryptography is that of `aws-lc-rs`, which is enabled by default, or of the RustCrypto
//! crates (`rust-crypto`). With both, the first is used.

mod algorithm;
mod builder;
mod claims;
mod crypto;
mod der;
mod error;
mod jwk;
mod key;
mod material;
mod pem;
mod resemblance;
mod sign;
#[cfg(test)]
mod tests;
mod token;
mod token_cache;
mod verify;

pub use algorithm::Algorithm;
pub use builder::{MAX_LEEWAY, VerifierBuilder, VerifierError};
pub use claims::Claims;
pub use error::KeyError;
pub(crate) use key::decode_base64;
pub use key::{Key, MAX_KEY_LEN, MAX_KEYS};
pub use sign::{DEFAULT_LIFETIME, SignError, Signer};
pub use token::MAX_TOKEN_LEN;
pub use token_cache::DEFAULT_REMEMBERED;
pub use verify::{SigError, Verifier};
