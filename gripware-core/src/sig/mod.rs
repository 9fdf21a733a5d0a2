//! `Grip-Sig`: the keys that proxies sign with.

mod algorithm;
mod crypto;
mod der;
mod error;
mod jwk;
mod key;
mod material;
mod pem;
#[cfg(test)]
mod tests;

pub use algorithm::Algorithm;
pub use error::KeyError;
pub(crate) use key::decode_base64;
pub use key::{Key, MAX_KEY_LEN, MAX_KEYS};
