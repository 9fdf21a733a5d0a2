//! The cryptography behind `Grip-Sig`: one interface, and one of two libraries below it.
//!
//! Keys are validated when they are built and are `Send + Sync`, so nothing is parsed when a token
//! is verified. Both libraries are called directly: `jsonwebtoken` panics if two of its backends
//! are enabled anywhere in a build, so enabling one here would break an application that uses the
//! other.

#[cfg(feature = "aws-lc-rs")]
mod aws_lc;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
mod rust_crypto;

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc::Mac;
#[cfg(feature = "aws-lc-rs")]
pub(super) use aws_lc::{PrivateKey, PublicKey};
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
pub(crate) use rust_crypto::Mac;
#[cfg(all(feature = "rust-crypto", not(feature = "aws-lc-rs")))]
pub(super) use rust_crypto::{PrivateKey, PublicKey};

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
compile_error!(
    "gripware-core needs cryptography for Grip-Sig: enable its feature `aws-lc-rs` (the default) \
     or `rust-crypto`"
);

/// The parts of a private RSA key, big-endian and without leading zeros.
pub(super) struct RsaParts<'a> {
    pub(super) n: &'a [u8],
    pub(super) e: &'a [u8],
    pub(super) d: &'a [u8],
    pub(super) p: &'a [u8],
    pub(super) q: &'a [u8],
    #[cfg_attr(
        not(feature = "aws-lc-rs"),
        expect(dead_code, reason = "computed anew")
    )]
    pub(super) dp: &'a [u8],
    #[cfg_attr(
        not(feature = "aws-lc-rs"),
        expect(dead_code, reason = "computed anew")
    )]
    pub(super) dq: &'a [u8],
    #[cfg_attr(
        not(feature = "aws-lc-rs"),
        expect(dead_code, reason = "computed anew")
    )]
    pub(super) qi: &'a [u8],
}
