//! Headers that are about one connection, and not about the message (RFC 9110, section 7.6.1).

use gripware_core::header::trim_ows_bytes;
use http::{
    HeaderMap, HeaderName,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING},
};

use super::reserved::is_forwarding;

pub(crate) const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");

/// Returns `true` for headers that are never passed on, in either direction.
pub(crate) fn is_hop_by_hop(name: &HeaderName) -> bool {
    // `Trailer` is not among them: without it trailers would not be passed on.
    matches!(
        name.as_str(),
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "proxy-connection"
            | "te"
            | "transfer-encoding"
            | "upgrade"
    )
}

/// Removes the headers of the connection, and those that `Connection` names.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    strip_hop_by_hop_and(headers, |_| false);
}

/// The same, and others with them, in one pass.
pub(crate) fn strip_hop_by_hop_and(headers: &mut HeaderMap, others: impl Fn(&HeaderName) -> bool) {
    if headers.contains_key(CONNECTION) {
        for name in connection_tokens(headers) {
            // Without a host the origin cannot answer, whatever a client says. And what a proxy in
            // front has said of a client is not the client's to remove.
            if name != HOST && !is_forwarding(&name) {
                headers.remove(name);
            }
        }
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        // Request smuggling: it was overridden, and would count further on (RFC 9112, section 6.3).
        headers.remove(CONTENT_LENGTH);
    }
    retain(headers, |name| !is_hop_by_hop(name) && !others(name));
}

/// Returns `true` if `Connection` has this token.
pub(crate) fn has_connection_token(headers: &HeaderMap, token: &HeaderName) -> bool {
    connection_tokens(headers).contains(token)
}

/// Keeps some headers and removes the others.
pub(crate) fn retain(headers: &mut HeaderMap, keep: impl Fn(&HeaderName) -> bool) {
    // Most messages have none of them, and then nothing is allocated.
    if headers.keys().all(&keep) {
        return;
    }
    let gone: Vec<_> = headers.keys().filter(|name| !keep(name)).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
}

fn connection_tokens(headers: &HeaderMap) -> Vec<HeaderName> {
    let values = headers.get_all(CONNECTION).into_iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter_map(|token| HeaderName::from_bytes(trim_ows_bytes(token)).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn stripped(items: &[(&'static str, &'static str)]) -> String {
        let mut headers = HeaderMap::new();
        for (name, value) in items {
            headers.append(*name, HeaderValue::from_static(value));
        }
        strip_hop_by_hop(&mut headers);
        let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        names.sort_unstable();
        names.join(" ")
    }

    #[test]
    fn what_connection_names_goes_with_it() {
        let named = [
            ("connection", "x-hop, Close"),
            ("connection", "keep-alive,,(no name)"),
            ("keep-alive", "timeout=5"),
            ("x-hop", "1"),
            ("x-end", "2"),
        ];
        assert_eq!(stripped(&named), "x-end");
    }

    #[test]
    fn connection_cannot_remove_the_host_or_what_a_proxy_has_said() {
        let named = [
            ("connection", "host, x-forwarded-for, forwarded"),
            ("host", "a"),
            ("x-forwarded-for", "1.2.3.4"),
            ("forwarded", "for=1.2.3.4"),
        ];
        assert_eq!(stripped(&named), "forwarded host x-forwarded-for");
    }

    #[test]
    fn a_length_that_did_not_count_does_not_count_further_on() {
        let both = [("transfer-encoding", "chunked"), ("content-length", "3")];
        assert_eq!(stripped(&both), "");
    }
}
