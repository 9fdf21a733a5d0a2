//! The compact form of a JWS, read as strictly as RFC 7515 writes it.

use std::{borrow::Cow, str};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Deserializer, de::IgnoredAny};

use super::algorithm::Algorithm;

/// The most bytes of a token. A server takes about 8 KiB of headers in all; Pushpin's tokens have
/// 130 bytes, and with an RSA key of 8192 bits a token has 1.5 KiB.
pub const MAX_TOKEN_LEN: usize = 8 * 1024;

/// The last time a token may state: the end of the year 9999. What lies beyond is a mistake, such
/// as milliseconds for seconds.
pub(super) const MAX_TIME: u64 = 253_402_300_799;

/// The most bytes of a signature: that of the largest RSA key, and what base64 needs beyond it.
pub(super) const SIGNATURE_SPACE: usize = 1032;

/// Headers as proxies write them, so that most tokens need no JSON for theirs. `typ` first is
/// Pushpin's order and the one we write.
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

/// The encoded header of a token that we sign.
pub(super) fn header_for(algorithm: Algorithm) -> &'static str {
    let mut headers = HEADERS.into_iter();
    let header = headers.find_map(|(one, header, _)| (one == algorithm).then_some(header));
    header.unwrap_or_default()
}

/// A token cut into its parts. Nothing in it is verified.
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
    /// None for `none` and for every algorithm that is unknown here.
    pub(super) algorithm: Option<Algorithm>,
    pub(super) kid: Option<String>,
}

impl<'a> Token<'a> {
    /// Cuts a token; none where it is no token. A `.` too many is left in the payload, where it
    /// is no base64.
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

    /// The bytes of the signature, decoded into `space`.
    pub(super) fn signature<'s>(&self, space: &'s mut [u8; SIGNATURE_SPACE]) -> Option<&'s [u8]> {
        let length = URL_SAFE_NO_PAD.decode_slice(self.signature, space).ok()?;
        space.get(..length)
    }

    /// The bytes of the payload, to be read by [`Payload::parse`].
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
        let header: HeaderMembers<'_> = object(&json)?;
        // An extension that has to be understood, and none is.
        if header.crit.is_some() {
            return None;
        }
        let mut known = HEADERS.into_iter().map(|(algorithm, ..)| algorithm);
        Some(Self {
            algorithm: known.find(|algorithm| algorithm.as_str() == header.alg),
            kid: header.kid.map(|kid| kid.0.into_owned()),
        })
    }
}

/// A text that is borrowed where it has no escapes; `Cow` by itself never is.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct HeaderMembers<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow, default, deserialize_with = "present")]
    kid: Option<Text<'a>>,
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
    /// Reads the claims; none where one is missing, twice, of a wrong kind or out of range.
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

/// A member that is there, `null` being a value like others.
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
