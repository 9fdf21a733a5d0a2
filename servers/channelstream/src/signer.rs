//! Tokens of itsdangerous' `TimestampSigner`, as callers of the API sign them.
//!
//! `VALUE.TIME.TAG`: the time is a big-endian number of seconds in URL-safe base64 without padding,
//! and the tag is HMAC-SHA1 of all before it, by a key that is derived from the secret.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{digest, hmac};
use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
    prelude::BASE64_URL_SAFE_NO_PAD,
};
use thiserror::Error;

/// From where itsdangerous before 1.1 counts its seconds: 2011-01-01. No token of a clock that is
/// right has so small a number counted from 1970, so the two are told apart until 2052.
const EARLIER_EPOCH: u64 = 1_293_840_000;

/// How old a token may be, and how far in the future: as channelstream has it, which accepts any in
/// the future.
pub(crate) const MAX_AGE: Duration = Duration::from_secs(60);

/// The JavaScript client of channelstream leaves padding in, and replaces only the first character of
/// each kind.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Signs and checks tokens.
pub(crate) struct Signer {
    key: hmac::Key,
}

/// Why a token is not accepted. Whoever has sent it is not told which.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub(crate) enum TokenError {
    #[error("it is no token")]
    Malformed,
    #[error("the signature is not by this secret")]
    Tag,
    #[error("the token is not of this time")]
    Expired,
}

impl Signer {
    pub(crate) fn new(secret: &str) -> Self {
        let salted = [
            b"itsdangerous.Signer",
            b"signer".as_slice(),
            secret.as_bytes(),
        ]
        .concat();
        let key = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &salted);
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_ref()),
        }
    }

    /// The token of a value at a time.
    pub(crate) fn sign(&self, value: &str, now: SystemTime) -> String {
        let seconds = unix(now).to_be_bytes();
        let zeros = seconds.iter().take_while(|byte| **byte == 0).count();
        let time = BASE64_URL_SAFE_NO_PAD.encode(seconds.get(zeros..).unwrap_or_default());
        let signed = format!("{value}.{time}");
        let tag = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&self.key, signed.as_bytes()));
        format!("{signed}.{tag}")
    }

    /// Checks a token, and returns the value that it signs. Without a `max_age` it is good for ever.
    pub(crate) fn unsign<'a>(
        &self,
        token: &'a str,
        now: SystemTime,
        max_age: Option<Duration>,
    ) -> Result<&'a str, TokenError> {
        let (signed, tag) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let (value, time) = signed.rsplit_once('.').ok_or(TokenError::Malformed)?;
        let tag = decode(tag).ok_or(TokenError::Malformed)?;
        hmac::verify(&self.key, signed.as_bytes(), &tag).map_err(|_| TokenError::Tag)?;
        let bytes = decode(time).filter(|bytes| bytes.len() <= 8);
        let bytes = bytes.ok_or(TokenError::Malformed)?;
        let seconds = bytes
            .iter()
            .fold(0, |all, byte| all << 8 | u64::from(*byte));
        let signed_at = match seconds < EARLIER_EPOCH {
            true => seconds + EARLIER_EPOCH,
            false => seconds,
        };
        match max_age {
            Some(max_age) if unix(now).abs_diff(signed_at) > max_age.as_secs() => {
                Err(TokenError::Expired)
            }
            _ => Ok(value),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signer([redacted])")
    }
}

fn decode(text: &str) -> Option<Vec<u8>> {
    // 28 characters for a tag.
    let is_short = text.len() <= 64;
    is_short
        .then(|| text.replace('+', "-").replace('/', "_"))
        .and_then(|text| LENIENT.decode(text).ok())
}

fn unix(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: u64 = 1_700_000_000;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn check(token: &str, now: u64) -> Result<&str, TokenError> {
        Signer::new("s3cret").unsign(token, at(now), Some(MAX_AGE))
    }

    #[test]
    fn tokens_of_both_versions_of_itsdangerous_are_accepted() {
        let newer = "/connect.ZVPxAA.QFuQun62pFuoCaEnUrF17Omxb_4";
        let older = "/connect.GDWCgA.Q9WpFB8W62eZI7T3n09cKYgb8h4";
        for token in [newer, older] {
            assert_eq!(check(token, NOW), Ok("/connect"));
            assert_eq!(check(token, NOW + 60), Ok("/connect"));
            assert_eq!(check(token, NOW + 61), Err(TokenError::Expired));
            assert_eq!(check(token, NOW - 61), Err(TokenError::Expired));
            let unlimited = Signer::new("s3cret").unsign(token, at(0), None);
            assert_eq!(unlimited, Ok("/connect"));
        }
        assert_eq!(Signer::new("s3cret").sign("/connect", at(NOW)), newer);
    }

    #[test]
    fn what_nobody_has_signed_is_refused() {
        let token = "/connect.ZVPxAA.QFuQun62pFuoCaEnUrF17Omxb_4";
        assert_eq!(check("s3cret", NOW), Err(TokenError::Malformed));
        assert_eq!(check(&token.replace("/c", "/d"), NOW), Err(TokenError::Tag));
        let other = Signer::new("other").unsign(token, at(NOW), None);
        assert_eq!(other, Err(TokenError::Tag));
    }

    #[test]
    fn the_padding_and_characters_of_the_javascript_client_are_read() {
        let signer = Signer::new("s3cret");
        for seconds in NOW..NOW + 200 {
            // As its `hashStrip` has them: one `=` of the time stays.
            let time = "channelstream.".to_owned() + &base64_of(seconds);
            let tag = hmac::sign(&signer.key, time.as_bytes());
            let tag = base64::prelude::BASE64_STANDARD.encode(tag);
            let tag = tag
                .replacen('=', "", 1)
                .replacen('+', "-", 1)
                .replacen('/', "_", 1);
            let token = format!("{time}.{tag}");
            let read = signer.unsign(&token, at(seconds), Some(MAX_AGE));
            assert_eq!(read, Ok("channelstream"), "{token}");
        }
    }

    fn base64_of(seconds: u64) -> String {
        let bytes = u32::try_from(seconds).unwrap().to_be_bytes();
        let text = base64::prelude::BASE64_STANDARD.encode(bytes);
        text.replacen('=', "", 1)
            .replacen('+', "-", 1)
            .replacen('/', "_", 1)
    }

    #[test]
    fn a_signer_does_not_print_its_secret() {
        assert_eq!(format!("{:?}", Signer::new("s3cret")), "Signer([redacted])");
    }

    proptest! {
        #[test]
        fn no_text_is_a_token_by_chance(text in "[a-zA-Z0-9._=-]{0,80}") {
            prop_assert!(check(&text, NOW).is_err());
        }
    }
}
