//! Where a broadcaster may POST to.
//!
//! Whoever may subscribe names a URL that the broadcaster then calls from inside its network. So that
//! a subscription is no way into it (server-side request forgery, SSRF), the broadcaster connects
//! only to public addresses, and to the networks it was told. That is checked on the address that is
//! dialled, after the name was resolved: a name that means another address a moment later (DNS
//! rebinding) gains nothing, and redirects are not followed.
//!
//! ```
//! use gripware_topics_server::Targets;
//!
//! let targets = Targets::public().allow("127.0.0.1".parse()?).allow("10.1.0.0/16".parse()?);
//! assert!(targets.permit("127.0.0.1".parse()?));
//! assert!(targets.permit("::ffff:10.1.2.3".parse()?));
//! assert!(!targets.permit("127.0.0.2".parse()?));
//! assert!(!targets.permit("169.254.169.254".parse()?)); // where clouds have their secrets
//! assert!(targets.permit("1.1.1.1".parse()?));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
    sync::Arc,
};

use gripware_topics::Address;
use thiserror::Error;

/// The addresses that may be dialled: public ones, and networks that are named.
#[derive(Clone, Debug, Default)]
pub struct Targets(Arc<[Network]>);

impl Targets {
    /// Public addresses alone: no loopback, link-local, private, shared, multicast or reserved ones.
    #[must_use]
    pub fn public() -> Self {
        Self::default()
    }

    /// Adds a network, which may be any.
    #[must_use]
    pub fn allow(self, network: Network) -> Self {
        Self(self.0.iter().copied().chain([network]).collect())
    }

    /// Whether an address may be dialled. One that has an IPv4 address inside (mapped, NAT64, 6to4)
    /// is that one.
    #[must_use]
    pub fn permit(&self, address: IpAddr) -> bool {
        let address = inner(address);
        is_public(address) || self.0.iter().any(|network| network.contains(address))
    }

    /// Whether a URL is refused whatever its name may mean: its host is an address that may not be
    /// dialled.
    pub(crate) fn refuse(&self, url: &Address) -> bool {
        let uri = url.uri();
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host.parse().is_ok_and(|address| !self.permit(address))
    }
}

/// A network: an address and how many of its bits count, `10.0.0.0/8` or `::1`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(u32::from(32 - self.bits)).unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            (IpAddr::V6(network), IpAddr::V6(address)) => {
                let mask = u128::MAX
                    .checked_shl(u32::from(128 - self.bits))
                    .unwrap_or(0);
                (network.to_bits() ^ address.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

/// Why a text is no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it is no network, such as 10.0.0.0/8 or ::1")]
pub struct NetworkError;

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) if bits.bytes().all(|byte| byte.is_ascii_digit()) => {
                bits.parse().map_err(|_| NetworkError)?
            }
            Some(_) => return Err(NetworkError),
            None => most,
        };
        match bits <= most {
            true => Ok(Self { address, bits }),
            false => Err(NetworkError),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The IPv4 address that an IPv6 one stands for, where it does.
fn inner(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else {
        return address;
    };
    let [a, b, c, d, .., g, h] = v6.segments();
    let v4 = |high: u16, low: u16| {
        IpAddr::V4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
    };
    if let Some(mapped) = v6.to_ipv4_mapped() {
        return IpAddr::V4(mapped);
    }
    match (a, b, c, d) {
        // NAT64 (RFC 6052) and 6to4 (RFC 3056).
        (0x64, 0xff9b, 0, 0) => v4(g, h),
        (0x2002, high, low, _) => v4(high, low),
        _ => address,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// What the registry of special-purpose addresses (RFC 6890) has as globally reachable.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || (a == 100 && b & 0xc0 == 64)
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && b & 0xfe == 18);
    !special
}

/// Only what is given out for the global internet, 2000::/3, without what of it is special.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let global = a & 0xe000 == 0x2000;
    let special = (a == 0x2001 && (b < 0x200 || b == 0xdb8)) || a == 0x3fff;
    global && !special
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses_may_be_dialled() {
        let targets = Targets::public();
        for address in [
            "1.1.1.1",
            "100.63.255.255",
            "172.32.0.1",
            "2606:4700::1111",
            "64:ff9b::101:101",
            "::ffff:1.1.1.1",
        ] {
            assert!(targets.permit(address.parse().unwrap()), "{address}");
        }
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2001::1",
            "2001:db8::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!targets.permit(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn a_network_allows_its_addresses_and_no_others() {
        for (network, yes, no) in [
            ("127.0.0.1", "127.0.0.1", "127.0.0.2"),
            ("127.0.0.0/8", "127.255.0.1", "169.254.0.1"),
            ("10.1.2.3/16", "10.1.255.255", "10.2.0.0"),
            ("0.0.0.0/0", "127.0.0.1", "::1"),
            ("::/0", "::1", "127.0.0.1"),
            ("::1", "::1", "::2"),
            ("fd00::/8", "fd12::1", "fc00::1"),
        ] {
            let targets = Targets::public().allow(network.parse().unwrap());
            assert!(targets.permit(yes.parse().unwrap()), "{network} {yes}");
            assert!(!targets.permit(no.parse().unwrap()), "{network} {no}");
        }
        for text in [
            "",
            "localhost",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/-1",
            "10/8",
            "1.1.1.1/+8",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError), "{text}");
        }
    }

    #[test]
    fn a_url_with_an_address_is_refused_before_it_is_dialled() {
        let targets = Targets::public();
        for (url, refused) in [
            ("http://127.0.0.1:1/", true),
            ("http://[::1]/", true),
            ("http://1.1.1.1/", false),
            ("http://localhost/", false), // until it is resolved
        ] {
            assert_eq!(
                targets.refuse(&Address::new(url).unwrap()),
                refused,
                "{url}"
            );
        }
    }
}
