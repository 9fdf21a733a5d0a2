//! Headers that say who says it: a client must not be able to send them.
//!
//! Header injection by spelling: CGI, WSGI and PHP make one variable of every name that differs only
//! in its separators, so `Meta.User` and `Meta_User` are `Meta-User` to them. Here every character
//! of a name that is neither letter nor digit counts as a hyphen.

use gripware_core::header::{GRIP_PREFIX, META_PREFIX};
use http::HeaderName;

/// Who a request is from, as each proxy on its way saw it.
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// How a header of the table is named.
#[derive(Clone, Copy, Debug)]
enum Pattern {
    Name(&'static str),
    Prefix(&'static str),
}

/// For proxies of GRIP alone (GRIP 1.2, 2.2).
const RESERVED: &[Pattern] = &[
    Pattern::Prefix(GRIP_PREFIX),
    Pattern::Prefix(META_PREFIX),
    Pattern::Prefix("content-bytes-"),
    Pattern::Name("connection-id"),
];

/// Where a request came from, as proxies in front say it. Libraries that look for a client's address
/// believe the first of these that is there, whoever wrote it.
const FORWARDING: &[Pattern] = &[
    Pattern::Name("forwarded"),
    Pattern::Name("forwarded-for"),
    Pattern::Name("x-forwarded"),
    Pattern::Prefix("x-forwarded-"),
    Pattern::Name("x-original-forwarded-for"),
    Pattern::Name("x-vercel-forwarded-for"),
    Pattern::Name("client-ip"),
    Pattern::Name("proxy-client-ip"),
    Pattern::Name("true-client-ip"),
    Pattern::Name("wl-proxy-client-ip"),
    Pattern::Name("x-client-ip"),
    Pattern::Name("x-cluster-client-ip"),
    Pattern::Name("x-originating-ip"),
    Pattern::Name("x-real-ip"),
    Pattern::Name("x-remote-addr"),
    Pattern::Name("x-remote-ip"),
    Pattern::Name("cf-connecting-ip"),
    Pattern::Name("cf-connecting-ipv6"),
    Pattern::Name("cf-pseudo-ipv4"),
    Pattern::Name("do-connecting-ip"),
    Pattern::Name("fastly-client-ip"),
    Pattern::Name("fly-client-ip"),
    Pattern::Name("x-appengine-user-ip"),
    Pattern::Name("x-azure-clientip"),
    Pattern::Name("x-azure-socketip"),
    Pattern::Name("x-envoy-external-address"),
    Pattern::Name("x-nf-client-connection-ip"),
];

/// Returns `true` for headers that only GRIP proxies may send, however their words are joined.
pub(crate) fn is_reserved(name: &HeaderName) -> bool {
    const FIRST: u128 = first_letters(RESERVED);
    may_be_in(FIRST, name) && is_in(RESERVED, name)
}

/// Returns `true` for headers that name the address of a client, however their words are joined.
pub(crate) fn is_forwarding(name: &HeaderName) -> bool {
    const FIRST: u128 = first_letters(FORWARDING);
    may_be_in(FIRST, name) && is_in(FORWARDING, name)
}

/// Returns `true` for such headers with another separator than a hyphen, which no proxy writes.
pub(crate) fn is_disguised(name: &HeaderName) -> bool {
    let is_other = |byte: u8| !byte.is_ascii_alphanumeric() && byte != b'-';
    name.as_str().bytes().any(is_other) && (is_reserved(name) || is_forwarding(name))
}

/// Returns the letters that names of a table begin with, as bits. Most headers begin with another,
/// and need not be compared with each pattern.
const fn first_letters(table: &[Pattern]) -> u128 {
    let mut letters = 0;
    let mut rest = table;
    while let [pattern, others @ ..] = rest {
        let (Pattern::Name(text) | Pattern::Prefix(text)) = pattern;
        if let [first @ b'a'..=b'z', ..] = text.as_bytes() {
            letters |= 1 << *first;
        }
        rest = others;
    }
    letters
}

fn may_be_in(first_letters: u128, name: &HeaderName) -> bool {
    let first = name.as_str().bytes().next();
    first.is_some_and(|first| first < 128 && first_letters >> first & 1 == 1)
}

fn is_in(table: &[Pattern], name: &HeaderName) -> bool {
    let name = name.as_str();
    table.iter().any(|pattern| match pattern {
        Pattern::Name(other) => name.len() == other.len() && begins(name, other),
        Pattern::Prefix(prefix) => begins(name, prefix),
    })
}

/// Names of [`HeaderName`] are in lower case.
fn begins(name: &str, prefix: &str) -> bool {
    let is_like =
        |(one, other): (u8, u8)| one == other || other == b'-' && !one.is_ascii_alphanumeric();
    name.len() >= prefix.len() && name.bytes().zip(prefix.bytes()).all(is_like)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What may stand in a name beside letters and digits (RFC 9110, section 5.6.2).
    const SEPARATORS: &str = "!#$%&'*+-.^_`|~";

    fn name(name: &str) -> HeaderName {
        HeaderName::from_bytes(name.as_bytes()).unwrap()
    }

    #[test]
    fn a_name_is_reserved_however_its_words_are_joined() {
        for separator in SEPARATORS.chars() {
            for reserved in [
                "Grip-Sig",
                "grip-any-thing",
                "Meta-User",
                "Connection-Id",
                "Content-Bytes-Replayed",
            ] {
                let joined = name(&reserved.replace('-', &separator.to_string()));
                assert!(is_reserved(&joined), "{joined}");
                assert_eq!(is_disguised(&joined), separator != '-', "{joined}");
            }
        }
        for free in [
            "grip",
            "gripe",
            "metadata",
            "connection",
            "connection-ids",
            "content-type",
            "my_header",
        ] {
            assert!(!is_reserved(&name(free)), "{free}");
            assert!(!is_disguised(&name(free)), "{free}");
        }
    }

    #[test]
    fn all_names_begin_with_a_letter() {
        for pattern in RESERVED.iter().chain(FORWARDING) {
            let (Pattern::Name(text) | Pattern::Prefix(text)) = pattern;
            assert!(
                text.starts_with(|first: char| first.is_ascii_lowercase()),
                "{text}"
            );
        }
    }

    #[test]
    fn what_names_an_address_is_known_however_its_words_are_joined() {
        for separator in SEPARATORS.chars() {
            for forwarding in [
                "X-Forwarded-For",
                "X-Forwarded-Anything",
                "X-Real-Ip",
                "Client-Ip",
                "True-Client-Ip",
                "Cf-Connecting-Ip",
                "Fastly-Client-Ip",
                "X-Client-Ip",
                "X-Cluster-Client-Ip",
            ] {
                let joined = name(&forwarding.replace('-', &separator.to_string()));
                assert!(is_forwarding(&joined), "{joined}");
                assert_eq!(is_disguised(&joined), separator != '-', "{joined}");
            }
        }
        assert!(is_forwarding(&name("Forwarded")));
        for free in ["x-forward", "client-ips", "ip", "x-client"] {
            assert!(!is_forwarding(&name(free)), "{free}");
        }
    }
}
