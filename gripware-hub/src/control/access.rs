//! Who may use the control API: whoever has the key; without one, whoever is no page in a browser
//! (cross-site request forgery, DNS rebinding).

use std::{fmt, net::IpAddr};

use gripware_core::header::trim_ows_bytes;
use http::{
    HeaderMap,
    header::{AUTHORIZATION, HOST, ORIGIN},
    request::Parts,
};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// The most bytes that a key for the control API may have: it has to fit in a request's head.
pub(crate) const MAX_CONTROL_KEY_LEN: usize = 4096;

/// The key of the control API.
///
/// Its characters are visible ASCII, since they travel in a header. `Debug` prints none of them.
#[derive(Clone)]
pub(crate) struct ControlKey(Box<str>);

impl ControlKey {
    /// A key of 1 to [`MAX_CONTROL_KEY_LEN`] visible ASCII characters.
    pub(crate) fn new(key: &str) -> Result<Self, ControlKeyError> {
        if key.is_empty() {
            return Err(ControlKeyError::Empty);
        }
        if key.len() > MAX_CONTROL_KEY_LEN {
            return Err(ControlKeyError::TooLong {
                length: key.len(),
                limit: MAX_CONTROL_KEY_LEN,
            });
        }
        match key.bytes().position(|byte| !byte.is_ascii_graphic()) {
            Some(position) => Err(ControlKeyError::Character { position }),
            None => Ok(Self(key.into())),
        }
    }

    /// Returns `true` if there is one `Authorization` header, with this key. The comparison
    /// takes constant time, but for the lengths.
    fn is_in(&self, headers: &HeaderMap) -> bool {
        let mut values = headers.get_all(AUTHORIZATION).iter();
        let (Some(value), None) = (values.next(), values.next()) else {
            return false;
        };
        let Some((scheme, token)) = value.as_bytes().split_at_checked(b"Bearer ".len()) else {
            return false;
        };
        scheme.eq_ignore_ascii_case(b"Bearer ")
            && bool::from(trim_ows_bytes(token).ct_eq(self.0.as_bytes()))
    }
}

impl fmt::Debug for ControlKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ControlKey([redacted])")
    }
}

/// Why a text cannot be the key of the control API.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ControlKeyError {
    /// It is empty.
    #[error("the key is empty")]
    Empty,
    /// It does not fit in a request's head.
    #[error("the key has {length} bytes, more than {limit}")]
    TooLong {
        /// Its length in bytes.
        length: usize,
        /// The limit: 4096 bytes.
        limit: usize,
    },
    /// It has a space, a control character, or one that is not ASCII.
    #[error("the key has a character at byte {position} that no Authorization header can carry")]
    Character {
        /// Where, in bytes.
        position: usize,
    },
}

/// Who may ask.
#[derive(Debug)]
pub(super) struct Access {
    key: Option<ControlKey>,
}

/// Why somebody may not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Denied {
    /// The key is missing, or it is another one.
    Key,
    /// A page in a browser is behind the request.
    Page,
    /// The request is for a name that may have been made to point here.
    Name,
}

impl Access {
    pub(super) fn new(key: Option<ControlKey>) -> Self {
        Self { key }
    }

    /// Returns `true` if a key is required.
    pub(super) fn has_key(&self) -> bool {
        self.key.is_some()
    }

    /// Checks a request that came in at the address `local`.
    pub(super) fn check(&self, parts: &Parts, local: Option<IpAddr>) -> Result<(), Denied> {
        if let Some(key) = &self.key {
            // A page does not know the key, so there is nothing else to look at.
            return if key.is_in(&parts.headers) {
                Ok(())
            } else {
                Err(Denied::Key)
            };
        }
        let site = parts.headers.get("sec-fetch-site");
        if parts.headers.contains_key(ORIGIN) || site.is_some_and(|site| site != "none") {
            return Err(Denied::Page);
        }
        // DNS rebinding: a same-origin GET carries no `Origin`, and the attacker's name is a
        // registered domain. So over loopback any host with a dot is refused.
        let is_loopback = local.is_some_and(|local| local.to_canonical().is_loopback());
        if is_loopback && host(parts).is_some_and(is_domain) {
            return Err(Denied::Name);
        }
        Ok(())
    }
}

fn host(parts: &Parts) -> Option<&str> {
    match parts.uri.authority() {
        Some(authority) => Some(authority.as_str()),
        None => parts.headers.get(HOST)?.to_str().ok(),
    }
}

/// Returns `true` if a host, with or without its port, is a name with a dot.
fn is_domain(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let address = name.trim_start_matches('[').trim_end_matches(']');
    let name = name.strip_suffix('.').unwrap_or(name);
    let is_local = name
        .len()
        .checked_sub(".localhost".len())
        .and_then(|start| name.as_bytes().get(start..))
        .is_some_and(|end| end.eq_ignore_ascii_case(b".localhost"));
    name.contains('.') && !is_local && address.parse::<IpAddr>().is_err()
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Request};
    use proptest::prelude::*;

    use super::*;

    fn check(key: Option<&str>, local: &str, headers: &[(&str, &str)]) -> Result<(), Denied> {
        let mut request = Request::builder().uri("/channels");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let key = key.map(|key| ControlKey::new(key).unwrap());
        Access::new(key).check(&parts, Some(local.parse().unwrap()))
    }

    #[test]
    fn with_a_key_nothing_else_counts() {
        let with = |headers: &[_]| check(Some("s3cret"), "127.0.0.1", headers);
        assert_eq!(with(&[("authorization", "Bearer s3cret")]), Ok(()));
        assert_eq!(
            with(&[
                ("authorization", "bearer s3cret"),
                ("origin", "https://a.example"),
                ("host", "a.example"),
            ]),
            Ok(())
        );
        for wrong in [
            "",
            "s3cret",
            "Bearer",
            "Bearer ",
            "Bearer s3cre",
            "Bearer s3crets",
            "Bearer S3CRET",
            "Basic s3cret",
        ] {
            assert_eq!(
                with(&[("authorization", wrong)]),
                Err(Denied::Key),
                "{wrong}"
            );
        }
        assert_eq!(with(&[]), Err(Denied::Key));
        let right = ("authorization", "Bearer s3cret");
        assert_eq!(with(&[right, right]), Err(Denied::Key));
    }

    #[test]
    fn without_a_key_pages_are_refused() {
        let with = |headers: &[_]| check(None, "10.0.0.1", headers);
        assert_eq!(with(&[]), Ok(()));
        assert_eq!(with(&[("sec-fetch-site", "none")]), Ok(()));
        for site in ["cross-site", "same-site", "same-origin"] {
            assert_eq!(with(&[("sec-fetch-site", site)]), Err(Denied::Page));
        }
        for origin in ["https://a.example", "null", "http://127.0.0.1:5561"] {
            assert_eq!(with(&[("origin", origin)]), Err(Denied::Page));
        }
    }

    #[test]
    fn without_a_key_a_domain_that_points_to_loopback_is_refused() {
        for fine in [
            "localhost",
            "localhost:5561",
            "LOCALHOST.:5561",
            "hub",
            "hub:5561",
            "a.localhost:5561",
            "127.0.0.1:5561",
            "[::1]:5561",
            "::1",
        ] {
            assert_eq!(
                check(None, "127.0.0.1", &[("host", fine)]),
                Ok(()),
                "{fine}"
            );
        }
        for domain in [
            "a.example",
            "a.example:5561",
            "a.example.",
            "127.0.0.1.nip.io",
        ] {
            for local in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
                assert_eq!(
                    check(None, local, &[("host", domain)]),
                    Err(Denied::Name),
                    "{domain}"
                );
            }
            assert_eq!(check(None, "10.0.0.1", &[("host", domain)]), Ok(()));
        }
    }

    proptest! {
        #[test]
        fn no_host_and_no_authorization_panics(
            host in "[\\[\\]:.a-z0-9é-]{0,20}",
            authorization in ".{0,12}",
        ) {
            let _ = is_domain(&host);
            let value = HeaderValue::from_bytes(authorization.as_bytes());
            if let Ok(value) = value {
                let headers = HeaderMap::from_iter([(AUTHORIZATION, value)]);
                prop_assert!(!ControlKey::new("a-long-enough-key").unwrap().is_in(&headers));
            }
        }
    }

    #[test]
    fn a_key_is_one_that_a_header_can_carry_and_never_prints() {
        assert_eq!(ControlKey::new("").unwrap_err(), ControlKeyError::Empty);
        assert_eq!(
            ControlKey::new("a b").unwrap_err(),
            ControlKeyError::Character { position: 1 }
        );
        assert!(matches!(
            ControlKey::new(&"k".repeat(MAX_CONTROL_KEY_LEN + 1)),
            Err(ControlKeyError::TooLong { .. })
        ));
        let key = ControlKey::new("s3cret").unwrap();
        assert!(!format!("{key:?}").contains("s3cret"));
    }
}
