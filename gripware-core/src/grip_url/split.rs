//! Cuts a GRIP URL into its endpoint, its user information and its parameters.

use std::net::Ipv6Addr;

use http::{Uri, uri::Authority};

use super::{Credentials, GripUrlError, parameters::percent_decoded};

/// The host of Fastly's API.
pub(super) const FASTLY_API: &str = "api.fastly.com";
/// The host that Fanout had at Fastly before.
const FASTLY_FANOUT: &str = "fanout.fastly.com";

/// A URL cut at its delimiters.
pub(super) struct Split<'a> {
    scheme: &'static str,
    pub(super) userinfo: Option<&'a str>,
    authority: Authority,
    /// Without one slash at its end.
    path: &'a str,
    pub(super) query: Option<&'a str>,
}

/// What a Fastly URL says.
pub(super) struct Service<'a> {
    pub(super) id: &'a str,
    /// Whether a token goes into `Fastly-Key`; the older host takes Bearer only.
    pub(super) takes_fastly_key: bool,
}

impl<'a> Split<'a> {
    pub(super) fn new(url: &'a str) -> Result<Self, GripUrlError> {
        let (scheme, rest) = url.split_once("://").ok_or(GripUrlError::Scheme)?;
        let scheme = ["http", "https"]
            .into_iter()
            .find(|known| scheme.eq_ignore_ascii_case(known))
            .ok_or(GripUrlError::Scheme)?;
        if rest.contains('#') {
            return Err(GripUrlError::Fragment);
        }
        let (before, query) = match rest.split_once('?') {
            Some((before, query)) => (before, Some(query)),
            None => (rest, None),
        };
        let slash = before.find('/').unwrap_or(before.len());
        let (authority, path) = before.split_at_checked(slash).ok_or(GripUrlError::Host)?;
        let (userinfo, authority) = match authority.rsplit_once('@') {
            Some((userinfo, authority)) => (Some(userinfo), authority),
            None => (None, authority),
        };
        Ok(Self {
            scheme,
            userinfo,
            authority: checked_authority(authority).ok_or(GripUrlError::Host)?,
            path: path.strip_suffix('/').unwrap_or(path),
            query,
        })
    }

    /// The URL with this after its path, and with this query only.
    pub(super) fn uri(&self, suffix: &str, query: &str) -> Result<Uri, GripUrlError> {
        let mut path = format!("{}{suffix}", self.path);
        if path.is_empty() {
            path.push('/');
        }
        if !query.is_empty() {
            path.push('?');
            path.push_str(query);
        }
        if !path.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(GripUrlError::Path);
        }
        Uri::builder()
            .scheme(self.scheme)
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
            .map_err(|_| GripUrlError::Path)
    }

    /// The name and password before the host.
    pub(super) fn basic(&self) -> Result<Option<Credentials>, GripUrlError> {
        let Some(userinfo) = self.userinfo else {
            return Ok(None);
        };
        let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
        let decoded = |text| {
            let bytes = percent_decoded(text, false)?;
            String::from_utf8(bytes).ok()
        };
        let (Some(user), Some(password)) = (decoded(user), decoded(password)) else {
            return Err(GripUrlError::Userinfo);
        };
        if user.is_empty() {
            return Err(GripUrlError::Userinfo);
        }
        Credentials::Basic { user, password }.checked().map(Some)
    }

    /// The service that a URL of Fastly names; none on other hosts.
    pub(super) fn fastly_service(&self) -> Result<Option<Service<'a>>, GripUrlError> {
        let host = self.authority.host();
        let (id, takes_fastly_key) = if host.eq_ignore_ascii_case(FASTLY_API) {
            (self.path.strip_prefix("/service/"), true)
        } else if host.eq_ignore_ascii_case(FASTLY_FANOUT) {
            (self.path.strip_prefix('/'), false)
        } else {
            return Ok(None);
        };
        let id = id
            .filter(|id| is_service_id(id))
            .ok_or(GripUrlError::FastlyService)?;
        Ok(Some(Service {
            id,
            takes_fastly_key,
        }))
    }
}

/// Whether this can be the id of a Fastly service: 1 to 64 letters and digits.
pub(super) fn is_service_id(id: &str) -> bool {
    (1..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// A host and maybe a port, without a name and password.
fn checked_authority(text: &str) -> Option<Authority> {
    let port = if let Some(rest) = text.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        port
    } else {
        let colon = text.find(':').unwrap_or(text.len());
        let (host, port) = text.split_at_checked(colon)?;
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if host.is_empty() || !host.bytes().all(valid) {
            return None;
        }
        port
    };
    if !port.is_empty() {
        let digits = port.strip_prefix(':')?;
        if !digits.bytes().all(|byte| byte.is_ascii_digit()) || digits.parse::<u16>().ok()? == 0 {
            return None;
        }
    }
    text.parse().ok()
}
