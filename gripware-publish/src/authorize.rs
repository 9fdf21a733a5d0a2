//! The `Authorization` of requests to one endpoint; a token that expires is signed anew.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use gripware_core::{
    Credentials,
    sig::{SignError, Signer},
};
use http::{HeaderName, HeaderValue, header::AUTHORIZATION};
use serde_json::{Map, Value};

/// How long a minted token holds: as short as clocks that differ by minutes allow.
const LIFETIME: Duration = Duration::from_secs(600);
/// How long a minted token is used again.
const FRESH: Duration = Duration::from_secs(540);
const FASTLY_KEY: HeaderName = HeaderName::from_static("fastly-key");

/// The header that credentials become.
#[derive(Debug)]
pub(crate) enum Authorizer {
    None,
    Fixed {
        name: HeaderName,
        value: HeaderValue,
        /// What may not come back out of an answer.
        secrets: Vec<String>,
    },
    Jwt {
        signer: Signer,
        minted: Mutex<Option<Minted>>,
    },
}

#[derive(Debug)]
pub(crate) struct Minted {
    value: HeaderValue,
    at: SystemTime,
}

impl Authorizer {
    /// `None` if no header can carry the credentials.
    pub(crate) fn new(
        credentials: &Credentials,
        claims: Option<&Map<String, Value>>,
    ) -> Option<Self> {
        let is_token = matches!(credentials, Credentials::Jwt { .. });
        if claims.is_some() && !is_token {
            return None;
        }
        let (name, value, secrets) = match credentials {
            Credentials::None => return Some(Self::None),
            Credentials::Basic { user, password } => {
                let token = STANDARD.encode(format!("{user}:{password}"));
                let value = format!("Basic {token}");
                (AUTHORIZATION, value, vec![token, password.clone()])
            }
            Credentials::Bearer(token) => (
                AUTHORIZATION,
                format!("Bearer {token}"),
                vec![token.clone()],
            ),
            Credentials::FastlyKey(token) => (FASTLY_KEY, token.clone(), vec![token.clone()]),
            Credentials::Jwt { iss, key } => {
                let mut signer = Signer::new(key.clone()).ok()?;
                if let Some(claims) = claims {
                    signer = signer.with_claims(claims.clone()).ok()?;
                }
                return Some(Self::Jwt {
                    signer: signer.with_issuer(iss.as_str()).with_lifetime(LIFETIME),
                    minted: Mutex::new(None),
                });
            }
            _ => return None,
        };
        Some(Self::Fixed {
            name,
            value: sensitive(&value)?,
            secrets,
        })
    }

    /// The header for a request that is sent `now`.
    pub(crate) fn header(
        &self,
        now: SystemTime,
    ) -> Result<Option<(HeaderName, HeaderValue)>, SignError> {
        match self {
            Self::None => Ok(None),
            Self::Fixed { name, value, .. } => Ok(Some((name.clone(), value.clone()))),
            Self::Jwt { signer, minted } => {
                let mut minted = minted.lock().unwrap_or_else(PoisonError::into_inner);
                // A clock that was set back gives an error here, and a new token.
                let is_fresh = |at: SystemTime| now.duration_since(at).is_ok_and(|age| age < FRESH);
                if let Some(minted) = minted.as_ref().filter(|minted| is_fresh(minted.at)) {
                    return Ok(Some((AUTHORIZATION, minted.value.clone())));
                }
                let token = signer.sign(now)?;
                let value = sensitive(&format!("Bearer {token}")).ok_or(SignError::Failed)?;
                *minted = Some(Minted {
                    value: value.clone(),
                    at: now,
                });
                Ok(Some((AUTHORIZATION, value)))
            }
        }
    }

    /// Whether a text shows what was sent: an endpoint may repeat a request in its answer.
    pub(crate) fn is_shown_by(&self, text: &str) -> bool {
        match self {
            Self::None => false,
            Self::Fixed { secrets, .. } => secrets
                .iter()
                .any(|secret| !secret.is_empty() && text.contains(secret.as_str())),
            // Every token starts so, and what follows is for nobody's log.
            Self::Jwt { .. } => text.contains("eyJ"),
        }
    }
}

fn sensitive(value: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(value).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use gripware_core::sig::{Key, Verifier};

    use super::*;

    fn header(credentials: &Credentials) -> Option<(String, String)> {
        let header = Authorizer::new(credentials, None)
            .unwrap()
            .header(SystemTime::now())
            .unwrap();
        header.map(|(name, value)| {
            assert!(value.is_sensitive());
            (name.to_string(), value.to_str().unwrap().to_owned())
        })
    }

    fn pair(name: &str, value: &str) -> Option<(String, String)> {
        Some((name.to_owned(), value.to_owned()))
    }

    #[test]
    fn each_kind_of_credentials_has_its_header() {
        assert_eq!(header(&Credentials::None), None);
        assert_eq!(
            header(&Credentials::Basic {
                user: "anna".to_owned(),
                password: "pä:ss".to_owned()
            }),
            pair("authorization", "Basic YW5uYTpww6Q6c3M=")
        );
        assert_eq!(
            header(&Credentials::Bearer("t1".to_owned())),
            pair("authorization", "Bearer t1")
        );
        assert_eq!(
            header(&Credentials::FastlyKey("t2".to_owned())),
            pair("fastly-key", "t2")
        );
    }

    #[test]
    fn a_token_is_minted_once_until_it_is_near_its_end() {
        let authorizer = Authorizer::new(
            &Credentials::Jwt {
                iss: "realm".to_owned(),
                key: Key::parse("secret").unwrap(),
            },
            None,
        )
        .unwrap();
        let now = SystemTime::now();
        let at = |time| authorizer.header(time).unwrap().unwrap().1;

        let first = at(now);
        let token = first.to_str().unwrap().strip_prefix("Bearer ").unwrap();
        let verifier = Verifier::builder()
            .with_key_of(Key::parse("secret").unwrap(), "realm")
            .build()
            .unwrap();
        let claims = verifier
            .verify(token.as_bytes(), now + Duration::from_secs(590))
            .unwrap();
        assert_eq!(claims.issuer(), Some("realm"));

        assert_eq!(at(now + Duration::from_secs(539)), first);
        let second = at(now + Duration::from_secs(541));
        assert_ne!(second, first);
        assert_ne!(
            at(now - Duration::from_secs(100)),
            second,
            "a clock set back"
        );
    }

    #[test]
    fn claims_of_ones_own_are_in_the_token_and_in_nothing_else() {
        use base64::engine::general_purpose::URL_SAFE_NO_PAD;

        let jwt = Credentials::Jwt {
            iss: "realm".to_owned(),
            key: Key::parse("secret").unwrap(),
        };
        let claim = |name: &str| Map::from_iter([(name.to_owned(), Value::from("me"))]);
        let authorizer = Authorizer::new(&jwt, Some(&claim("sub"))).unwrap();
        let (_, header) = authorizer.header(SystemTime::now()).unwrap().unwrap();
        let payload = header.to_str().unwrap().split('.').nth(1).unwrap();
        let payload = URL_SAFE_NO_PAD.decode(payload).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(
            (&payload["iss"], &payload["sub"]),
            (&"realm".into(), &"me".into())
        );
        assert!(payload["exp"].is_u64());
        for reserved in ["iss", "exp"] {
            assert!(Authorizer::new(&jwt, Some(&claim(reserved))).is_none());
        }
        let bearer = Credentials::Bearer("t".to_owned());
        assert!(Authorizer::new(&bearer, Some(&claim("sub"))).is_none());
    }

    #[test]
    fn what_was_sent_is_known_when_it_comes_back() {
        let basic = Authorizer::new(
            &Credentials::Basic {
                user: "anna".to_owned(),
                password: "hunter2".to_owned(),
            },
            None,
        )
        .unwrap();
        assert!(basic.is_shown_by("bad password hunter2"));
        assert!(basic.is_shown_by("Basic YW5uYTpodW50ZXIy"));
        assert!(!basic.is_shown_by("Published"));
    }
}
