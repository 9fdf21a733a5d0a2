//! Headers that say who says it: a client must not be able to send them.

use gripware_core::header::{GRIP_PREFIX, META_PREFIX};
use http::HeaderName;

const FORWARDED: &str = "forwarded";
const X_REAL_IP: &str = "x-real-ip";
const X_FORWARDED_PREFIX: &str = "x-forwarded-";

/// Whether a header is for proxies of GRIP alone (GRIP 1.2, 2.2).
///
/// `_` counts as `-`: to a CGI or WSGI application `Meta_User` and `Meta-User` are the same.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    let name = name.as_str();
    begins(name, GRIP_PREFIX)
        || begins(name, META_PREFIX)
        || begins(name, "content-bytes-")
        || equals(name, "connection-id")
}

/// Whether a header says where a request came from before.
pub(crate) fn is_forwarding(name: &HeaderName) -> bool {
    let name = name.as_str();
    begins(name, X_FORWARDED_PREFIX) || equals(name, X_REAL_IP) || name == FORWARDED
}

/// Whether a header is one of those with `_` for `-`, as no proxy writes them.
pub(crate) fn is_disguised(name: &HeaderName) -> bool {
    name.as_str().contains('_') && (is_reserved(name) || is_forwarding(name))
}

fn begins(name: &str, prefix: &str) -> bool {
    let is_like = |(one, other): (u8, u8)| one == other || one == b'_' && other == b'-';
    name.len() >= prefix.len() && name.bytes().zip(prefix.bytes()).all(is_like)
}

fn equals(name: &str, other: &str) -> bool {
    name.len() == other.len() && begins(name, other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &'static str) -> HeaderName {
        HeaderName::from_static(name)
    }

    #[test]
    fn a_name_is_reserved_however_its_words_are_joined() {
        for reserved in [
            "grip-sig",
            "grip_sig",
            "grip_any-thing",
            "meta-user",
            "meta_user",
            "connection-id",
            "connection_id",
            "content-bytes-replayed",
            "content_bytes_accepted",
        ] {
            assert!(is_reserved(&name(reserved)), "{reserved}");
        }
        for free in [
            "grip",
            "gripe",
            "metadata",
            "connection",
            "connection-ids",
            "content-type",
        ] {
            assert!(!is_reserved(&name(free)), "{free}");
        }
    }

    #[test]
    fn forwarding_headers_are_known_in_disguise() {
        for (forwarding, is_in_disguise) in [
            ("x-forwarded-for", false),
            ("x_forwarded_host", true),
            ("x-forwarded_proto", true),
            ("x-real-ip", false),
            ("x_real_ip", true),
            ("forwarded", false),
        ] {
            assert!(is_forwarding(&name(forwarding)), "{forwarding}");
            assert_eq!(
                is_disguised(&name(forwarding)),
                is_in_disguise,
                "{forwarding}"
            );
        }
        assert!(!is_forwarding(&name("x-forward")));
        assert!(!is_disguised(&name("my_header")));
    }
}
