//! `Grip-Sig`: the keys that proxies sign with.

mod crypto;
mod der;
mod jwk;
mod key;
mod material;
mod pem;
#[cfg(test)]
mod tests;

pub use key::{Key, KeyError, MAX_KEY_LEN, MAX_KEYS};
pub use material::Algorithm;
