//! `GRIP_URL`: where items are published to, with which credentials, and how the proxy's requests
//! are verified.
//!
//! ```
//! use gripware_core::{Credentials, GripUrl};
//!
//! let pushpin = GripUrl::parse("http://localhost:5561/?verify-key=changeme&verify-iss=pushpin")?;
//! assert_eq!(*pushpin.publish_uri(), "http://localhost:5561/publish/");
//! assert_eq!(pushpin.verify_iss(), Some("pushpin"));
//!
//! let fastly = GripUrl::parse("https://api.fastly.com/service/SvcId123?key=TOKEN")?;
//! assert!(matches!(fastly.credentials(), Credentials::FastlyKey(token) if token == "TOKEN"));
//! assert_eq!(fastly.verify_iss(), Some("fastly:SvcId123"));
//!
//! // A key that cannot be read is refused here and not at the first request.
//! assert!(GripUrl::parse("http://localhost:5561/?verify-key=-----BEGIN+PUBLIC+KEY-----").is_err());
//! # Ok::<(), gripware_core::GripUrlError>(())
//! ```

mod credentials;
mod error;
mod parameters;
mod split;
#[cfg(test)]
mod tests;

use std::{fmt, str::FromStr};

use http::Uri;

pub(crate) use self::parameters::percent_decoded;
pub use self::{credentials::Credentials, error::GripUrlError};
use self::{parameters::Parameters, split::Split};
use crate::sig::Key;

/// The most bytes of one URL. A JWK set may take most of them; [`Uri`] itself ends at 65 534, and
/// `/publish/` is added.
pub const MAX_URL_LEN: usize = 64_000;

/// The most URLs that [`GripUrl::parse_many`] takes. Every item is sent to each.
pub const MAX_URLS: usize = 32;

/// The control endpoint of a GRIP proxy, read from a URL (GRIP 4.1).
///
/// | parameter | meaning |
/// |---|---|
/// | `iss` | items are sent with a JWT of this issuer, signed with `key` |
/// | `key` | the key of that JWT; without `iss` a token |
/// | `verify-iss` | the issuer that the proxy's `Grip-Sig` has to have |
/// | `verify-key` | the key or keys that it is verified with |
///
/// Both keys may be written as `base64:` and their bytes in base64, where a `+` needs no escape.
/// What a key looks like is told in [`Key`]. Other parameters stay in the URL that items are sent
/// to. One slash at the end of the path is taken off. A name and password before the host are sent
/// as Basic credentials.
///
/// # Whose keys and tokens
/// * On `api.fastly.com/service/<id>` the token is sent as `Fastly-Key`. On it and on the older
///   `fanout.fastly.com/<id>`, [`Key::fastly`] verifies where there is no `verify-key`, and the
///   issuer is `fastly:<id>` where there is no `verify-iss`.
/// * Elsewhere a token is sent as `Authorization: Bearer`.
/// * With `iss` and a shared secret as `key`, that secret also verifies where there is no
///   `verify-key`, as the fanout.io cloud had it.
/// * Fastly's key by itself says nothing about whose service a request came through. So a URL of
///   another host with Fastly's key as `verify-key` needs a `verify-iss`.
///
/// `Debug` and `Display` print neither keys nor tokens, passwords or the query.
#[derive(Clone)]
pub struct GripUrl {
    control_uri: Uri,
    publish_uri: Uri,
    credentials: Credentials,
    verify_keys: Vec<Key>,
    verify_iss: Option<String>,
}

impl GripUrl {
    /// Creates a control endpoint without credentials and keys; `uri` has none of the four
    /// parameters and no name and password.
    ///
    /// # Errors
    /// If `uri` has any of those, or is no absolute `http` or `https` URL.
    pub fn new(uri: &str) -> Result<Self, GripUrlError> {
        let (split, parameters) = Self::read(uri)?;
        if let Some(parameter) = parameters.first() {
            return Err(GripUrlError::Unexpected { parameter });
        }
        if split.userinfo.is_some() {
            return Err(GripUrlError::Userinfo);
        }
        Self::at(&split, &parameters)
    }

    /// Reads a URL with its parameters.
    ///
    /// # Errors
    /// If it is no absolute `http` or `https` URL, has a fragment, a parameter twice or empty,
    /// or a key that cannot be read or used.
    pub fn parse(url: &str) -> Result<Self, GripUrlError> {
        let (split, parameters) = Self::read(url)?;
        let fastly = split.fastly_service()?;
        let mut grip_url = Self::at(&split, &parameters)?;

        let (credentials, shared) = parameters.credentials(fastly.as_ref())?;
        grip_url.credentials = match (split.basic()?, credentials) {
            (Some(_), Some(_)) => return Err(GripUrlError::TwoCredentials),
            (one, other) => one.or(other).unwrap_or_default(),
        };
        grip_url.verify_keys = match (parameters.verify_keys()?, &fastly, shared) {
            (Some(keys), _, _) => keys,
            (None, Some(_), _) => vec![Key::fastly()],
            (None, None, Some(key)) => vec![key],
            (None, None, None) => Vec::new(),
        };
        grip_url.verify_iss = match parameters.verify_iss()? {
            Some(issuer) => Some(issuer),
            None => fastly.map(|service| format!("fastly:{}", service.id)),
        };
        if grip_url.verify_iss.is_none() && grip_url.verify_keys.iter().any(Key::is_fastly) {
            return Err(GripUrlError::IssuerRequired);
        }
        Ok(grip_url)
    }

    /// Reads URLs with white space between them, as `GRIP_URL` has them; none where there is no
    /// URL in the text.
    ///
    /// # Errors
    /// If one of them is refused by [`parse`](Self::parse), or there are more than
    /// [`MAX_URLS`].
    pub fn parse_many(urls: &str) -> Result<Vec<Self>, GripUrlError> {
        let count = urls.split_ascii_whitespace().count();
        if count > MAX_URLS {
            return Err(GripUrlError::TooMany {
                count,
                limit: MAX_URLS,
            });
        }
        urls.split_ascii_whitespace().map(Self::parse).collect()
    }

    /// Creates a service on Fastly Fanout: items go to its API with this token, and requests are
    /// verified with Fastly's key and the service's own issuer.
    ///
    /// # Errors
    /// If the id has anything but ASCII letters and digits, or the token cannot stand in a
    /// header.
    pub fn fastly(service_id: &str, api_token: impl Into<String>) -> Result<Self, GripUrlError> {
        if !split::is_service_id(service_id) {
            return Err(GripUrlError::FastlyService);
        }
        Self::parse(&format!(
            "https://{}/service/{service_id}",
            split::FASTLY_API
        ))?
        .with_credentials(Credentials::FastlyKey(api_token.into()))
    }

    /// Sets what is sent along with items.
    ///
    /// # Errors
    /// If a token or a name cannot stand in a header, or the key of a JWT cannot sign.
    pub fn with_credentials(mut self, credentials: Credentials) -> Result<Self, GripUrlError> {
        self.credentials = credentials.checked()?;
        Ok(self)
    }

    /// Adds a key that the proxy's requests may be signed with. While a key is replaced there are
    /// two.
    #[must_use]
    pub fn with_verify_key(mut self, key: Key) -> Self {
        self.verify_keys.push(key);
        self
    }

    /// Sets the issuer that the proxy's requests have to have.
    #[must_use]
    pub fn with_verify_iss(mut self, issuer: impl Into<String>) -> Self {
        self.verify_iss = Some(issuer.into());
        self
    }

    /// Returns the URL without the four parameters, name and password, and one slash at its end. An
    /// empty path prints as `/`.
    #[must_use]
    pub fn control_uri(&self) -> &Uri {
        &self.control_uri
    }

    /// Where items are sent to: the control URL with `/publish/` after its path.
    #[must_use]
    pub fn publish_uri(&self) -> &Uri {
        &self.publish_uri
    }

    /// What is sent along with items.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Returns the keys that the proxy's requests are verified with. Where there is none, they
    /// cannot be.
    #[must_use]
    pub fn verify_keys(&self) -> &[Key] {
        &self.verify_keys
    }

    /// Returns the issuer that the proxy's requests have to have; `None` if any will do.
    #[must_use]
    pub fn verify_iss(&self) -> Option<&str> {
        self.verify_iss.as_deref()
    }

    fn read(url: &str) -> Result<(Split<'_>, Parameters), GripUrlError> {
        if url.len() > MAX_URL_LEN {
            return Err(GripUrlError::TooLong {
                length: url.len(),
                limit: MAX_URL_LEN,
            });
        }
        let split = Split::new(url)?;
        let parameters = Parameters::take(split.query)?;
        Ok((split, parameters))
    }

    fn at(split: &Split<'_>, parameters: &Parameters) -> Result<Self, GripUrlError> {
        Ok(Self {
            control_uri: split.uri("", parameters.rest())?,
            publish_uri: split.uri("/publish/", parameters.rest())?,
            credentials: Credentials::None,
            verify_keys: Vec::new(),
            verify_iss: None,
        })
    }
}

impl fmt::Display for GripUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = &self.control_uri;
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        write!(f, "{scheme}://{authority}{}", uri.path())?;
        if uri.query().is_some() {
            f.write_str("?[redacted]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for GripUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GripUrl")
            .field("control_uri", &format_args!("{self}"))
            .field("credentials", &self.credentials)
            .field("verify_keys", &self.verify_keys)
            .field("verify_iss", &self.verify_iss)
            .finish()
    }
}

impl FromStr for GripUrl {
    type Err = GripUrlError;

    fn from_str(url: &str) -> Result<Self, GripUrlError> {
        Self::parse(url)
    }
}

impl TryFrom<&str> for GripUrl {
    type Error = GripUrlError;

    fn try_from(url: &str) -> Result<Self, GripUrlError> {
        Self::parse(url)
    }
}
