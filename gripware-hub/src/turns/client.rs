//! Whom a turn counts for.

use std::{
    hash::{DefaultHasher, Hash as _, Hasher as _},
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use gripware_core::header::{CONNECTION_ID, trim_ows};
use http::{HeaderMap, HeaderValue};

use crate::http::reserved::X_FORWARDED_FOR;

/// A client, as far as turns are shared out between clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Client {
    V4(Ipv4Addr),
    /// The first 64 bits of an IPv6 address: whoever has one address has all that begin so.
    V6(u64),
    /// Its address is not known: a hash of the `Connection-Id`, which is the hub's own and random.
    Connection(u64),
}

impl Client {
    /// Finds out who a kept request is from, by the `X-Forwarded-For` that the hub sends.
    ///
    /// `has_peer` says whether the address of the client's connection is known and so the last one
    /// there. The one before it, if there is one, was added by the proxy that is trusted, and is the
    /// client's; what stands before that is what anybody may claim.
    pub(crate) fn of(headers: &HeaderMap, has_peer: bool) -> Self {
        let values = headers.get_all(X_FORWARDED_FOR).iter();
        let mut from_last = values
            .rev()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.rsplit(','))
            .map(|address| parse(trim_ows(address)));
        let last = from_last.next().flatten();
        let address = match from_last.next().flatten() {
            Some(before) if has_peer => Some(before),
            _ => last,
        };
        match address.map(|address| address.to_canonical()) {
            Some(IpAddr::V4(address)) => Self::V4(address),
            Some(IpAddr::V6(address)) => Self::V6((address.to_bits() >> 64) as u64),
            None => {
                let mut hasher = DefaultHasher::new();
                let id = headers.get(CONNECTION_ID);
                id.map(HeaderValue::as_bytes).hash(&mut hasher);
                Self::Connection(hasher.finish())
            }
        }
    }
}

/// An address, which some proxies write with a port.
fn parse(address: &str) -> Option<IpAddr> {
    let bare = address.trim_start_matches('[').trim_end_matches(']');
    bare.parse()
        .ok()
        .or_else(|| Some(address.parse::<SocketAddr>().ok()?.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(forwarded: &'static str, has_peer: bool) -> Client {
        let mut headers = HeaderMap::new();
        headers.insert("connection-id", HeaderValue::from_static("one"));
        if !forwarded.is_empty() {
            headers.insert("x-forwarded-for", HeaderValue::from_static(forwarded));
        }
        Client::of(&headers, has_peer)
    }

    #[test]
    fn a_client_counts_by_the_address_that_it_cannot_forge() {
        let v4 = |text: &str| Client::V4(text.parse().unwrap());
        for (forwarded, has_peer, expected) in [
            ("192.0.2.1", true, v4("192.0.2.1")),
            ("::ffff:192.0.2.1", true, v4("192.0.2.1")),
            // A proxy at 10.0.0.1 saw 192.0.2.1, which claims to be 198.51.100.7.
            ("198.51.100.7, 192.0.2.1, 10.0.0.1", true, v4("192.0.2.1")),
            ("192.0.2.1:4711, 10.0.0.1", true, v4("192.0.2.1")),
            ("unknown, 10.0.0.1", true, v4("10.0.0.1")),
            // On a unix socket the last one is what the proxy saw.
            ("198.51.100.7, 192.0.2.1", false, v4("192.0.2.1")),
        ] {
            assert_eq!(client(forwarded, has_peer), expected, "{forwarded}");
        }
    }

    #[test]
    fn an_ipv6_client_counts_by_its_network() {
        let one = client("2001:db8:0:1::1", true);
        assert_eq!(one, client("[2001:db8:0:1:ffff::2]:443, 10.0.0.1", true));
        assert_ne!(one, client("2001:db8:0:2::1", true));
    }

    #[test]
    fn a_client_of_no_address_counts_by_its_connection() {
        assert!(matches!(client("", false), Client::Connection(_)));
        let mut other = HeaderMap::new();
        other.insert("connection-id", HeaderValue::from_static("two"));
        assert_ne!(client("", false), Client::of(&other, false));
    }
}
