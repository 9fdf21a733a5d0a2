//! `Grip-Sig`: the keys that proxies sign their requests with, and what verifies them (GRIP 1.3).
//!
//! A signature proves that a request passed a holder of the key, and expires. It is bound to
//! nothing else of the request, so a captured one can be replayed until then. Errors distinguish
//! what is wrong with it for logs and metrics; the client sees the same in all cases.
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
//! // An hour later it is expired.
//! let later = now + Duration::from_secs(3600);
//! assert_eq!(verifier.verify(token.as_bytes(), later), Err(SigError::Expired));
//!
//! // Signed with the same key, from another issuer.
//! let token = Signer::new(key)?.with_issuer("other").sign(now)?;
//! assert_eq!(verifier.verify(token.as_bytes(), now), Err(SigError::WrongIssuer));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is strict
//! * Algorithm confusion: the kind of key determines the algorithm. A token whose header names
//!   another one, or `none`, is forged.
//! * What resembles a public key is never used as a shared secret. See [`Key`].
//! * `exp` is required, as an integer.
//! * All customers of Fastly share its key, so it is accepted only together with an issuer.
//!
//! # Features
//! The cryptography is that of `aws-lc-rs`, which is enabled by default, or of the RustCrypto
//! crates (`rust-crypto`). With both, the first is used. `jsonwebtoken` reads headers of tokens and
//! JWKs; neither of its backends is enabled or used, so an application that uses it chooses freely.

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
pub(crate) use crypto::Mac;
pub use error::KeyError;
pub(crate) use key::decode_base64;
pub use key::{Key, MAX_KEY_LEN, MAX_KEYS};
pub use sign::{DEFAULT_LIFETIME, SignError, Signer};
pub use token::MAX_TOKEN_LEN;
pub use token_cache::DEFAULT_REMEMBERED;
pub use verify::{SigError, Verifier};
