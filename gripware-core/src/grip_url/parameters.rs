//! The query of a GRIP URL: keys and issuers, percent-encoded.

use super::{Credentials, GripUrlError, split::Service};
use crate::sig::{Algorithm, Key, decode_base64};

const ISS: &str = "iss";
const KEY: &str = "key";
const VERIFY_ISS: &str = "verify-iss";
const VERIFY_KEY: &str = "verify-key";

/// The parameters that are ours, taken out of a query.
pub(super) struct Parameters {
    /// In the order of [`Parameters::NAMES`].
    values: [Option<Vec<u8>>; 4],
    rest: String,
}

impl Parameters {
    const NAMES: [&'static str; 4] = [ISS, KEY, VERIFY_ISS, VERIFY_KEY];

    pub(super) fn take(query: Option<&str>) -> Result<Self, GripUrlError> {
        let mut values = [const { None }; 4];
        let mut rest = String::new();
        for pair in query.unwrap_or_default().split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let name = percent_decoded(name, true);
            let known = Self::NAMES
                .into_iter()
                .zip(&mut values)
                .find(|(known, _)| name.as_deref() == Some(known.as_bytes()));
            let Some((parameter, place)) = known else {
                if !rest.is_empty() {
                    rest.push('&');
                }
                rest.push_str(pair);
                continue;
            };
            let mut value =
                percent_decoded(value, true).ok_or(GripUrlError::Encoding { parameter })?;
            if value.is_empty() {
                return Err(GripUrlError::Empty { parameter });
            }
            // A `+` in a query means a space, and base64 has no spaces: it was meant as it is.
            if value.starts_with(b"base64:") {
                for byte in &mut value {
                    if *byte == b' ' {
                        *byte = b'+';
                    }
                }
            }
            if place.replace(value).is_some() {
                return Err(GripUrlError::Duplicate { parameter });
            }
        }
        Ok(Self { values, rest })
    }

    /// The query without them.
    pub(super) fn rest(&self) -> &str {
        &self.rest
    }

    /// The name of the first that is there.
    pub(super) fn first(&self) -> Option<&'static str> {
        let mut all = Self::NAMES.into_iter().zip(&self.values);
        all.find_map(|(name, value)| value.as_ref().map(|_| name))
    }

    /// What `iss` and `key` mean, and the shared secret that may verify too.
    pub(super) fn credentials(
        &self,
        fastly: Option<&Service<'_>>,
    ) -> Result<(Option<Credentials>, Option<Key>), GripUrlError> {
        let [_, key, _, _] = &self.values;
        match (self.text(ISS)?, key) {
            (None, None) => Ok((None, None)),
            (Some(_), None) => Err(GripUrlError::MissingKey),
            (Some(iss), Some(key)) => {
                let key = Key::parse(key).map_err(|source| GripUrlError::Key {
                    parameter: KEY,
                    source,
                })?;
                let shared = (key.algorithm() == Algorithm::Hs256).then(|| key.clone());
                let credentials = Credentials::Jwt { iss, key }.checked()?;
                Ok((Some(credentials), shared))
            }
            (None, Some(token)) => {
                let token = token_text(token)?;
                let credentials = match fastly {
                    Some(service) if service.takes_fastly_key => Credentials::FastlyKey(token),
                    _ => Credentials::Bearer(token),
                };
                Ok((Some(credentials.checked()?), None))
            }
        }
    }

    pub(super) fn verify_keys(&self) -> Result<Option<Vec<Key>>, GripUrlError> {
        let [_, _, _, key] = &self.values;
        let keys = key.as_ref().map(Key::parse_all).transpose();
        keys.map_err(|source| GripUrlError::Key {
            parameter: VERIFY_KEY,
            source,
        })
    }

    pub(super) fn verify_iss(&self) -> Result<Option<String>, GripUrlError> {
        self.text(VERIFY_ISS)
    }

    fn text(&self, parameter: &'static str) -> Result<Option<String>, GripUrlError> {
        let mut all = Self::NAMES.into_iter().zip(&self.values);
        let value = all.find_map(|(name, value)| value.clone().filter(|_| name == parameter));
        value
            .map(String::from_utf8)
            .transpose()
            .map_err(|_| GripUrlError::Encoding { parameter })
    }
}

/// A token as text, out of its base64 where it says so.
fn token_text(value: &[u8]) -> Result<String, GripUrlError> {
    let bytes = match value.strip_prefix(b"base64:") {
        Some(encoded) => decode_base64(encoded).map_err(|source| GripUrlError::Key {
            parameter: KEY,
            source,
        })?,
        None => value.to_vec(),
    };
    String::from_utf8(bytes).map_err(|_| GripUrlError::TokenBytes)
}

/// Returns the bytes of a part of a URL; `None` if a `%` has no two hexadecimal digits after it.
pub(crate) fn percent_decoded(text: &str, plus_is_space: bool) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let value = digit(bytes.next()?)? * 16 + digit(bytes.next()?)?;
                u8::try_from(value).ok()?
            }
            b'+' if plus_is_space => b' ',
            byte => byte,
        });
    }
    Some(decoded)
}
