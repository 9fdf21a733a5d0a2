use std::net::IpAddr;

use gripware_core::{Credentials, GripUrl};

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
    pub(crate) url: GripUrl,
    pub(crate) max_body: usize,
    pub(crate) max_items: usize,
    allows_insecure: bool,
}

impl Endpoint {
    /// An endpoint by its URL, with the credentials of that.
    pub fn new(url: GripUrl) -> Self {
        Self {
            url,
            max_body: 1_000_000,
            max_items: 100,
            allows_insecure: false,
        }
    }

    /// Sets the most bytes of one request. Default 1 000 000, which is what Pushpin takes as it
    /// comes. A single item that is over it cannot be published.
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets the most items of one request. Default 100: Pushpin queues no more for one client, so
    /// a longer burst to one channel may lose some in silence.
    pub fn max_items(mut self, items: usize) -> Self {
        self.max_items = items;
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
        !self.allows_insecure
            && !matches!(self.url.credentials(), Credentials::None)
            && !self.is_https()
            && !self.is_loopback()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.url.publish_uri().scheme_str() == Some("https")
    }

    fn is_loopback(&self) -> bool {
        let host = self.url.publish_uri().host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        match host.parse::<IpAddr>() {
            Ok(IpAddr::V6(address)) => address.to_canonical().is_loopback(),
            Ok(address) => address.is_loopback(),
            Err(_) => host.eq_ignore_ascii_case("localhost"),
        }
    }
}

impl From<GripUrl> for Endpoint {
    fn from(url: GripUrl) -> Self {
        Self::new(url)
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
