//! The extensions of a native handshake (`Sec-WebSocket-Extensions`; RFC 6455, section 9.1). The
//! client's own pass, so that what it says may be compressed; GRIP is the hub's (GRIP 2.8).

use gripware_core::header::trim_ows_bytes;
use http::{HeaderMap, HeaderName, HeaderValue, header::SEC_WEBSOCKET_EXTENSIONS};

const NAME: HeaderName = SEC_WEBSOCKET_EXTENSIONS;

/// Offers GRIP to the application, behind what the client offers. It is one header, as there are
/// applications that read no other.
pub(crate) fn offer_grip(headers: &mut HeaderMap) {
    remove_grip(headers);
    let offered = headers.get_all(NAME).iter().map(HeaderValue::as_bytes);
    let offered: Vec<_> = offered
        .filter(|it| !it.is_empty())
        .chain([&b"grip"[..]])
        .collect();
    // It is made of what headers have.
    if let Ok(offered) = HeaderValue::from_bytes(&offered.join(&b", "[..])) {
        headers.insert(NAME, offered);
    }
}

/// Whether the application has chosen GRIP.
pub(crate) fn have_grip(headers: &HeaderMap) -> bool {
    all(headers).any(is_grip)
}

/// Whether it has chosen another extension as well, such as one that compresses: the hub would not
/// understand what it says.
pub(crate) fn have_others(headers: &HeaderMap) -> bool {
    all(headers).any(|extension| !is_grip(extension))
}

/// Removes the extension of GRIP, which no client offers: one that gets it fails.
pub(crate) fn remove_grip(headers: &mut HeaderMap) {
    if !have_grip(headers) {
        return;
    }
    let others = all(headers).filter(|extension| !is_grip(extension));
    let others: Vec<_> = others.map(trim_ows_bytes).collect();
    let others = HeaderValue::from_bytes(&others.join(&b", "[..]));
    headers.remove(NAME);
    if let Some(others) = others.ok().filter(|others| !others.is_empty()) {
        headers.insert(NAME, others);
    }
}

/// Returns each extension with its parameters, as it is written.
pub(super) fn all(headers: &HeaderMap) -> impl Iterator<Item = &[u8]> {
    let values = headers.get_all(NAME).into_iter();
    values
        .flat_map(|value| value.as_bytes().split(|byte| *byte == b','))
        .filter(|extension| !trim_ows_bytes(extension).is_empty())
}

fn is_grip(extension: &[u8]) -> bool {
    let name = extension.split(|byte| *byte == b';').next();
    name.is_some_and(|name| trim_ows_bytes(name).eq_ignore_ascii_case(b"grip"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(values: &[&'static str]) -> HeaderMap {
        let values = values
            .iter()
            .map(|value| (NAME, HeaderValue::from_static(value)));
        let mut headers = HeaderMap::new();
        for (name, value) in values {
            headers.append(name, value);
        }
        headers
    }

    #[test]
    fn grip_is_offered_behind_what_the_client_offers() {
        for (offered, all) in [
            (&[][..], "grip"),
            (&[""], "grip"),
            (
                &["permessage-deflate; x=\"1,2\""],
                "permessage-deflate; x=\"1,2\", grip",
            ),
            (&["a", "b; c"], "a, b; c, grip"),
            (&["grip; message-prefix=\"\""], "grip"),
            (&["a, grip", "b"], "a, b, grip"),
        ] {
            let mut headers = map(offered);
            offer_grip(&mut headers);
            assert_eq!(
                headers.get_all(NAME).iter().collect::<Vec<_>>(),
                [all],
                "{offered:?}"
            );
        }
    }

    #[test]
    fn it_is_seen_what_the_application_has_chosen() {
        for (chosen, has_grip, has_others) in [
            (&[][..], false, false),
            (&[""], false, false),
            (&["grip"], true, false),
            (&["GRIP ; message-prefix=\"\""], true, false),
            (&["gripe"], false, true),
            (&["x; grip"], false, true),
            (&["permessage-deflate", " grip"], true, true),
        ] {
            let headers = map(chosen);
            assert_eq!(have_grip(&headers), has_grip, "{chosen:?}");
            assert_eq!(have_others(&headers), has_others, "{chosen:?}");
        }
    }

    #[test]
    fn grip_is_taken_out_and_the_others_stay() {
        for (chosen, left) in [
            ("grip", None),
            (
                "permessage-deflate; client_max_window_bits",
                Some("permessage-deflate; client_max_window_bits"),
            ),
            (
                "permessage-deflate, GRIP; message-prefix=\"\"",
                Some("permessage-deflate"),
            ),
            ("gripe", Some("gripe")),
        ] {
            let mut headers = map(&[chosen]);
            remove_grip(&mut headers);
            let seen = headers.get(NAME).map(|it| it.to_str().unwrap());
            assert_eq!(seen, left, "{chosen}");
        }
    }
}
