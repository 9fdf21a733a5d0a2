//! SHA-512 of a message, as it stands in messages and in `Repr-Digest`.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest as _, Sha512};
use subtle::ConstantTimeEq;

use crate::WireError;

/// A SHA-512.
///
/// ```
/// use gripware_topics::Digest;
///
/// let digest = Digest::of(b"hello");
/// let header = digest.to_repr_digest();
/// assert!(header.starts_with("sha-512=m3HSJL1i"));
/// assert_eq!(Digest::from_repr_digest(&header), Some(digest));
/// ```
#[derive(Clone, Copy)]
pub struct Digest([u8; 64]);

impl Digest {
    /// Its length in bytes.
    pub const LEN: usize = 64;

    /// Returns the digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha512::digest(bytes).into())
    }

    /// Takes a digest that was computed elsewhere.
    #[must_use]
    pub fn from_array(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 64] {
        &self.0
    }

    /// Returns the value of a `Repr-Digest` header (RFC 9530): `sha-512=` and base64. As httppubsub
    /// writes it, without the colons that the RFC has around the base64.
    #[must_use]
    pub fn to_repr_digest(&self) -> String {
        format!("sha-512={}", STANDARD.encode(self.0))
    }

    /// Reads the value of a `Repr-Digest` header, with `sha-512` or `sha512` as the algorithm, and
    /// with or without colons around the base64. `None` if it has no such digest.
    #[must_use]
    pub fn from_repr_digest(value: &str) -> Option<Self> {
        value.split(',').find_map(|member| {
            let (algorithm, digest) = member.split_once('=')?;
            let algorithm = algorithm.trim_ascii();
            if !algorithm.eq_ignore_ascii_case("sha-512")
                && !algorithm.eq_ignore_ascii_case("sha512")
            {
                return None;
            }
            let digest = digest.trim_ascii();
            let digest = digest
                .strip_prefix(':')
                .and_then(|digest| digest.strip_suffix(':'))
                .unwrap_or(digest);
            let bytes = STANDARD.decode(digest).ok()?;
            Some(Self(bytes.try_into().ok()?))
        })
    }

    pub(crate) fn from_wire(bytes: &[u8], field: &'static str) -> Result<Self, WireError> {
        bytes.try_into().map(Self).map_err(|_| WireError::Length {
            field,
            length: bytes.len(),
            expected: Self::LEN,
        })
    }
}

/// In constant time: what an attacker can guess byte by byte is no digest any more.
impl PartialEq for Digest {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", STANDARD.encode(self.0))
    }
}

/// Computes a [`Digest`] of bytes that come in pieces.
#[derive(Clone, Debug, Default)]
pub struct Hasher(Sha512);

impl Hasher {
    /// Starts with nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// Returns the digest of all that was added.
    #[must_use]
    pub fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repr_digest_is_read_in_each_of_its_forms() {
        let digest = Digest::of(b"hello");
        let base64 = STANDARD.encode(digest.as_bytes());
        for value in [
            format!("sha-512={base64}"),
            format!("sha512={base64}"),
            format!("sha-256=AAAA, SHA-512=:{base64}:"),
        ] {
            assert_eq!(Digest::from_repr_digest(&value), Some(digest), "{value}");
        }
        for value in ["", "sha-512", "sha-512=", "sha-512=AAAA", "md5=AAAA"] {
            assert_eq!(Digest::from_repr_digest(value), None, "{value}");
        }
    }

    #[test]
    fn pieces_have_the_digest_of_the_whole() {
        let mut hasher = Hasher::new();
        hasher.update(b"hel");
        hasher.update(b"lo");
        assert_eq!(hasher.finish(), Digest::of(b"hello"));
    }
}
