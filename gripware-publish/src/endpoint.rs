//! A control endpoint, and what it accepts at once.

use std::{net::IpAddr, time::SystemTime};

use gripware_core::{
    Credentials, GripUrl,
    sig::{Key, Signer},
};
#[cfg(feature = "zeromq")]
use http::uri::Authority;
use serde_json::{Map, Value};

#[cfg(feature = "zeromq")]
use crate::BuildError;

/// A control endpoint that items are sent to, with what it takes at once.
///
/// ```
/// use gripware_core::GripUrl;
/// use gripware_publish::{BuildError, Endpoint, Publisher};
///
/// let pushpin = GripUrl::parse("http://pushpin.internal:5561/?key=token")?;
/// let refused = Publisher::builder().endpoint(pushpin.clone()).build();
/// assert!(matches!(refused, Err(BuildError::InsecureCredentials { .. })));
///
/// let endpoint = Endpoint::new(pushpin).max_items(50).allow_insecure_credentials();
/// Publisher::builder().endpoint(endpoint).build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Endpoint {
    pub(crate) address: Address,
    pub(crate) max_body: usize,
    pub(crate) max_items: usize,
    pub(crate) max_item: usize,
    allows_insecure: bool,
    /// Further claims of the tokens that it gets.
    pub(crate) claims: Option<Map<String, Value>>,
}

/// Where an endpoint is.
#[derive(Clone, Debug)]
pub(crate) enum Address {
    /// The control API.
    Http(Box<GripUrl>),
    /// Host and port of a PULL socket.
    #[cfg(feature = "zeromq")]
    ZeroMq(String),
}

impl Endpoint {
    /// Creates an endpoint by its URL, with the credentials of that.
    pub fn new(url: GripUrl) -> Self {
        Self::at(Address::Http(Box::new(url)))
    }

    /// The ZeroMQ PULL socket of a Pushpin, which by default is `tcp://127.0.0.1:5560`
    /// (GRIP 3.4). The address may also be written with `zmq+tcp://`.
    ///
    /// ZeroMQ knows no answer: an item is accepted when it is on its way to a proxy that was
    /// there, and neither credentials nor encryption protect it. What is said of requests holds
    /// for writes to the socket.
    ///
    /// # Errors
    /// If it is no such address with a host and a port.
    #[cfg(feature = "zeromq")]
    pub fn zeromq(address: &str) -> Result<Self, BuildError> {
        zeromq_authority(address).map(|authority| Self::at(Address::ZeroMq(authority)))
    }

    fn at(address: Address) -> Self {
        Self {
            address,
            max_body: 1_000_000,
            max_items: 100,
            max_item: 16 << 20,
            allows_insecure: false,
            claims: None,
        }
    }

    /// Sets the most bytes of one request with several items. Default 1 000 000, which is what
    /// Pushpin takes as it comes. A longer item goes by itself, up to [`max_item`](Self::max_item).
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets the most bytes of one item, as JSON. Default 16 MiB, which is what a hub takes as it
    /// comes; a longer one cannot be published.
    ///
    /// Pushpin refuses an item of over 1 000 000 bytes with 400 unless its `push_in_http_max_body_size`
    /// is raised: with 999 988 such an item is refused here, with its size in the error.
    pub fn max_item(mut self, bytes: usize) -> Self {
        self.max_item = bytes;
        self
    }

    /// Sets the most items of one request. Default 100: Pushpin queues no more for one client, so
    /// a longer burst to one channel may lose some in silence.
    pub fn max_items(mut self, items: usize) -> Self {
        self.max_items = items;
        self
    }

    /// Sets a further claim of the tokens that are signed for a URL with `iss` and a key, such as
    /// `sub` or `aud`. The claims `iss` and `exp` are made by the publisher: setting one of them is
    /// refused when the endpoint is used ([`BuildError::Credentials`](crate::BuildError::Credentials)), and so is a claim for
    /// credentials that are no token.
    ///
    /// ```
    /// use gripware_core::GripUrl;
    /// use gripware_publish::{BuildError, Endpoint, Publisher};
    ///
    /// let url = GripUrl::parse("https://push.example/?iss=realm&key=secret")?;
    /// let endpoint = Endpoint::new(url.clone()).claim("sub", "publisher-1");
    /// Publisher::builder().endpoint(endpoint).build()?;
    ///
    /// let refused = Publisher::builder().endpoint(Endpoint::new(url).claim("exp", 0)).build();
    /// assert!(matches!(refused, Err(BuildError::Credentials { .. })));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn claim(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        let claims = self.claims.get_or_insert_default();
        claims.insert(name.into(), value.into());
        self
    }

    /// **Dangerous.** Sends credentials over plain http, where everybody on the way can read them
    /// and publish with them. Without this only a host that is this machine gets them so.
    pub fn allow_insecure_credentials(mut self) -> Self {
        self.allows_insecure = true;
        self
    }

    /// Whether its credentials would be readable on the way.
    pub(crate) fn is_insecure(&self) -> bool {
        self.url().is_some_and(|url| {
            !self.allows_insecure
                && !matches!(url.credentials(), Credentials::None)
                && !is_https(url)
                && !is_loopback(url)
        })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.url().is_some_and(is_https)
    }

    /// Its address without a query.
    pub(crate) fn name(&self) -> String {
        match &self.address {
            Address::Http(url) => url.to_string(),
            #[cfg(feature = "zeromq")]
            Address::ZeroMq(authority) => format!("tcp://{authority}"),
        }
    }

    /// Whether another one differs in nothing: the address, the credentials, and all settings.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let settings = |it: &Self| {
            (
                it.max_body,
                it.max_items,
                it.max_item,
                it.allows_insecure,
                it.claims.clone(),
            )
        };
        let is_same_address = match (&self.address, &other.address) {
            (Address::Http(one), Address::Http(other)) => {
                one.publish_uri() == other.publish_uri()
                    && is_same(one.credentials(), other.credentials())
            }
            #[cfg(feature = "zeromq")]
            (Address::ZeroMq(one), Address::ZeroMq(other)) => one == other,
            #[cfg(feature = "zeromq")]
            _ => false,
        };
        is_same_address && settings(self) == settings(other)
    }

    fn url(&self) -> Option<&GripUrl> {
        match &self.address {
            Address::Http(url) => Some(url),
            #[cfg(feature = "zeromq")]
            Address::ZeroMq(_) => None,
        }
    }
}

impl From<GripUrl> for Endpoint {
    fn from(url: GripUrl) -> Self {
        Self::new(url)
    }
}

/// Reads the host and the port of a ZeroMQ address.
#[cfg(feature = "zeromq")]
pub(crate) fn zeromq_authority(address: &str) -> Result<String, BuildError> {
    let refused = || BuildError::ZeroMqAddress {
        address: address.to_owned(),
    };
    let authority = address.strip_prefix("zmq+").unwrap_or(address);
    let authority = authority.strip_prefix("tcp://").ok_or_else(refused)?;
    let authority = authority.strip_suffix('/').unwrap_or(authority);
    let authority: Authority = authority.parse().map_err(|_| refused())?;
    let has_port = authority.port_u16().is_some_and(|port| port != 0);
    if !has_port || authority.host().is_empty() || authority.as_str().contains('@') {
        return Err(refused());
    }
    Ok(authority.to_string())
}

/// Whether credentials are the same. Keys that sign differently each time are taken for different ones.
fn is_same(one: &Credentials, other: &Credentials) -> bool {
    use Credentials::{Basic, Bearer, FastlyKey, Jwt, None};

    match (one, other) {
        (None, None) => true,
        (Bearer(one), Bearer(other)) | (FastlyKey(one), FastlyKey(other)) => one == other,
        (
            Basic { user, password },
            Basic {
                user: other_user,
                password: other_password,
            },
        ) => user == other_user && password == other_password,
        (
            Jwt { iss, key },
            Jwt {
                iss: other_iss,
                key: other_key,
            },
        ) => {
            // A key does not show what it is, but what it signs does.
            let signed = |key: &Key| Signer::new(key.clone())?.sign(SystemTime::UNIX_EPOCH);
            iss == other_iss
                && matches!((signed(key), signed(other_key)), (Ok(one), Ok(other)) if one == other)
        }
        _ => false,
    }
}

fn is_https(url: &GripUrl) -> bool {
    url.publish_uri().scheme_str() == Some("https")
}

fn is_loopback(url: &GripUrl) -> bool {
    let host = url.publish_uri().host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V6(address)) => address.to_canonical().is_loopback(),
        Ok(address) => address.is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_insecure(url: &str) -> bool {
        Endpoint::new(GripUrl::parse(url).unwrap()).is_insecure()
    }

    #[test]
    fn credentials_go_over_plain_http_to_this_machine_only() {
        for url in [
            "http://localhost:5561/?key=t",
            "http://LOCALHOST/?key=t",
            "http://127.1.2.3/?iss=a&key=t",
            "http://[::1]:5561/?key=t",
            "http://user:pass@[::ffff:127.0.0.1]/",
            "https://push.example/?key=t",
            "http://push.example/",
            "http://push.example/?verify-key=secret",
        ] {
            assert!(!is_insecure(url), "{url}");
        }
        for url in [
            "http://push.example/?key=t",
            "http://push.example/?iss=a&key=t",
            "http://user:pass@push.example/",
            "http://10.0.0.1/?key=t",
            "http://[::2]/?key=t",
            "http://127.0.0.1.example/?key=t",
            "http://localhost.example/?key=t",
        ] {
            assert!(is_insecure(url), "{url}");
        }
    }
}
