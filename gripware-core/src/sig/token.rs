//! The compact serialization of a JWS, read as strictly as RFC 7515 defines it.

use std::{borrow::Cow, str};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::algorithm::Algorithm;

/// Upper bound on a token, in bytes. Servers accept about 8 KiB of headers in all; a token of
/// Pushpin has 130 bytes, and one signed with an RSA key of 8192 bits 1.5 KiB.
pub const MAX_TOKEN_LEN: usize = 8 * 1024;

/// Upper bound on times in a token: the end of the year 9999. Anything beyond is a mistake, such as
/// milliseconds for seconds.
pub(super) const MAX_TIME: u64 = 253_402_300_799;

/// Size of the buffer that signatures are decoded into: the signature of the largest RSA key,
/// rounded up for base64.
pub(super) const SIGNATURE_SPACE: usize = 1032;

/// Headers as proxies write them, encoded, so that most tokens skip reading JSON, which costs more
/// than their HMAC. `typ` first is Pushpin's order and the one we write.
const HEADERS: [(Algorithm, &str, &str); 4] = [
    (
        Algorithm::Hs256,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJIUzI1NiJ9",
        "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9",
    ),
    (
        Algorithm::Es256,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9",
        "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9",
    ),
    (
        Algorithm::Rs256,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9",
        "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9",
    ),
    (
        Algorithm::EdDsa,
        "eyJ0eXAiOiJKV1QiLCJhbGciOiJFZERTQSJ9",
        "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9",
    ),
];

/// Returns the encoded header of a token that we sign.
pub(super) fn header_for(algorithm: Algorithm) -> &'static str {
    let mut headers = HEADERS.into_iter();
    let header = headers.find_map(|(one, header, _)| (one == algorithm).then_some(header));
    header.unwrap_or_default()
}

/// A token split into its parts. Nothing in it is verified.
pub(super) struct Token<'a> {
    pub(super) header: Header,
    payload: &'a str,
    /// Header and payload as they are signed.
    pub(super) signed: &'a [u8],
    signature: &'a str,
}

/// What a token says about its key.
#[derive(Default)]
pub(super) struct Header {
    /// `None` for `none` and for any other algorithm that no [`Key`](super::Key) has.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) kid: Option<String>,
}

impl<'a> Token<'a> {
    /// Splits a token; `None` if it is malformed. A surplus `.` stays in the payload, where it is
    /// no base64.
    pub(super) fn parse(token: &'a [u8]) -> Option<Self> {
        let token = str::from_utf8(token).ok()?;
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        Some(Self {
            header: Header::parse(header)?,
            payload,
            signed: signed.as_bytes(),
            signature,
        })
    }

    /// Decodes the signature into `space`; `None` if it is malformed or too long.
    pub(super) fn signature<'s>(&self, space: &'s mut [u8; SIGNATURE_SPACE]) -> Option<&'s [u8]> {
        let length = URL_SAFE_NO_PAD.decode_slice(self.signature, space).ok()?;
        space.get(..length)
    }

    /// Decodes the payload, for [`Payload::parse`].
    pub(super) fn payload(&self) -> Option<Vec<u8>> {
        URL_SAFE_NO_PAD.decode(self.payload).ok()
    }
}

impl Header {
    fn parse(encoded: &str) -> Option<Self> {
        let mut known = HEADERS.into_iter();
        if let Some((algorithm, ..)) =
            known.find(|(_, first, second)| encoded == *first || encoded == *second)
        {
            return Some(Self {
                algorithm: Some(algorithm),
                kid: None,
            });
        }
        let json = URL_SAFE_NO_PAD.decode(encoded).ok()?;
        let strict: StrictMembers<'_> = object(&json)?;
        // It lists extensions that have to be understood, and none is.
        if strict.crit.is_some() {
            return None;
        }
        let mut known = HEADERS.into_iter().map(|(algorithm, ..)| algorithm);
        let Some(algorithm) = known.find(|algorithm| algorithm.as_str() == strict.alg) else {
            return Some(Self::default());
        };
        let header: jsonwebtoken::Header = object(&json)?;
        Some(Self {
            algorithm: Some(algorithm),
            kid: header.kid,
        })
    }
}

/// A string that is borrowed if it has no escapes; `Cow` inside an `Option` never is.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The members that `jsonwebtoken` reads less strictly: a `crit` of `null` is none to it, an object
/// may name the algorithm, and an unknown algorithm looks like a malformed header.
#[derive(Deserialize)]
struct StrictMembers<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
}

/// The claims that matter here. Others, `aud` for one, are ignored: GRIP gives them no meaning.
#[derive(Deserialize)]
pub(super) struct Payload<'a> {
    #[serde(borrow, default, deserialize_with = "present")]
    iss: Option<Text<'a>>,
    pub(super) exp: u64,
    #[serde(default, deserialize_with = "present")]
    pub(super) nbf: Option<u64>,
}

impl<'a> Payload<'a> {
    /// Reads the claims; `None` if one is missing, repeated, of a wrong type or out of range.
    pub(super) fn parse(json: &'a [u8]) -> Option<Self> {
        let payload: Self = object(json)?;
        let latest = payload.exp.max(payload.nbf.unwrap_or(0));
        (latest <= MAX_TIME).then_some(payload)
    }

    pub(super) fn issuer(&self) -> Option<&str> {
        self.iss.as_ref().map(|text| &*text.0)
    }
}

/// Reads a JSON object; serde would take an array for one too.
fn object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Option<T> {
    if !json.trim_ascii_start().starts_with(b"{") {
        return None;
    }
    serde_json::from_slice(json).ok()
}

/// Reads a member that is present; `null` is a value like any other.
fn present<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_known_headers_are_what_they_stand_for() {
        for (algorithm, first, second) in HEADERS {
            let name = algorithm.as_str();
            let json = |encoded| String::from_utf8(URL_SAFE_NO_PAD.decode(encoded).unwrap());
            assert_eq!(
                json(first).unwrap(),
                format!(r#"{{"typ":"JWT","alg":"{name}"}}"#)
            );
            assert_eq!(
                json(second).unwrap(),
                format!(r#"{{"alg":"{name}","typ":"JWT"}}"#)
            );
            assert_eq!(header_for(algorithm), first);
        }
    }
}
