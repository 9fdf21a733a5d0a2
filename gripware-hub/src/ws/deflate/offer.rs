//! What a client offers, and what is agreed to (RFC 7692, section 7.1).

use gripware_core::header::trim_ows_bytes;
use http::{HeaderMap, HeaderValue};

use crate::ws::extensions;

/// How far back what is sent to a client may refer to.
///
/// A client may ask for any of the sizes between 256 bytes and 32 KiB, and gets the next smaller one
/// of three, so that what is published is compressed three times at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Window {
    /// 512 bytes.
    Small,
    /// 4 KiB.
    Medium,
    /// 32 KiB, which is as much as there is.
    Large,
}

impl Window {
    /// How many there are.
    pub(crate) const COUNT: usize = 3;

    /// Returns the largest one of at most so many bits; `None` if there is none. One of 256 bytes is
    /// not among them: the library has none.
    const fn within(bits: u8) -> Option<Self> {
        match bits {
            9..12 => Some(Self::Small),
            12..15 => Some(Self::Medium),
            15 => Some(Self::Large),
            _ => None,
        }
    }

    /// The logarithm of its size.
    pub(super) const fn bits(self) -> u8 {
        match self {
            Self::Small => 9,
            Self::Medium => 12,
            Self::Large => 15,
        }
    }
}

/// What a client and the hub have agreed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    pub(crate) window: Window,
    /// Whether the client has asked for a window, and is told which one.
    is_told: bool,
}

impl Agreement {
    /// Takes the first of a client's offers that the hub can fulfil; `None` if there is none, and
    /// nothing is compressed.
    pub(crate) fn of(client: &HeaderMap) -> Option<Self> {
        extensions::all(client).find_map(offered)
    }

    /// What the client is told in `Sec-WebSocket-Extensions`.
    pub(crate) fn to_header(self) -> HeaderValue {
        HeaderValue::from_static(match (self.is_told, self.window) {
            (false, _) => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover"
            }
            (true, Window::Small) => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=9"
            }
            (true, Window::Medium) => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=12"
            }
            (true, Window::Large) => {
                "permessage-deflate; server_no_context_takeover; client_no_context_takeover; \
                 server_max_window_bits=15"
            }
        })
    }
}

/// Reads one offer. With a parameter that is not known, comes twice or has a wrong value it is none.
fn offered(extension: &[u8]) -> Option<Agreement> {
    let mut parts = extension.split(|byte| *byte == b';').map(trim_ows_bytes);
    let name = parts.next()?;
    if !name.eq_ignore_ascii_case(b"permessage-deflate") {
        return None;
    }
    let mut known = Vec::new();
    let mut bits = None;
    for parameter in parts {
        let mut pair = parameter.splitn(2, |byte| *byte == b'=');
        let name = trim_ows_bytes(pair.next()?).to_ascii_lowercase();
        let value = pair.next().map(unquoted);
        match (&*name, value) {
            (b"server_max_window_bits", Some(value)) => bits = Some(window_bits(value)?),
            (b"client_max_window_bits", Some(value)) => {
                window_bits(value)?;
            }
            (
                b"client_max_window_bits"
                | b"server_no_context_takeover"
                | b"client_no_context_takeover",
                None,
            ) => {}
            _ => return None,
        }
        if known.contains(&name) {
            return None;
        }
        known.push(name);
    }
    Some(Agreement {
        window: Window::within(bits.unwrap_or(15))?,
        is_told: bits.is_some(),
    })
}

fn unquoted(value: &[u8]) -> &[u8] {
    let value = trim_ows_bytes(value);
    let inner = value
        .strip_prefix(b"\"")
        .and_then(|it| it.strip_suffix(b"\""));
    inner.unwrap_or(value)
}

/// Reads the logarithm of a window, which is from 8 to 15.
fn window_bits(value: &[u8]) -> Option<u8> {
    match value {
        [digit @ b'8'..=b'9'] => Some(digit - b'0'),
        [b'1', digit @ b'0'..=b'5'] => Some(10 + digit - b'0'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::header::SEC_WEBSOCKET_EXTENSIONS;

    use super::*;

    fn agreed(offers: &[&'static str]) -> Option<(Window, String)> {
        let mut headers = HeaderMap::new();
        for offer in offers {
            headers.append(SEC_WEBSOCKET_EXTENSIONS, HeaderValue::from_static(offer));
        }
        let agreement = Agreement::of(&headers)?;
        let header = agreement.to_header().to_str().unwrap().to_owned();
        Some((agreement.window, header))
    }

    const PLAIN: &str =
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

    #[test]
    fn what_clients_offer_is_agreed_to() {
        for (client, offer, window, bits) in [
            (
                "one that says no more",
                "permessage-deflate",
                Window::Large,
                "",
            ),
            (
                "Chromium, websockets of Python",
                "permessage-deflate; client_max_window_bits",
                Window::Large,
                "",
            ),
            (
                "one with little memory",
                "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12",
                Window::Medium,
                "; server_max_window_bits=12",
            ),
        ] {
            let expected = Some((window, format!("{PLAIN}{bits}")));
            assert_eq!(agreed(&[offer]), expected, "{client}");
        }
    }

    #[test]
    fn a_window_is_the_next_smaller_one_and_the_client_is_told() {
        for (asked, told) in [(9, 9), (11, 9), (12, 12), (14, 12), (15, 15)] {
            let offer = format!("permessage-deflate; server_max_window_bits=\"{asked}\"");
            let (_, header) = agreed(&[offer.leak()]).unwrap();
            assert_eq!(header, format!("{PLAIN}; server_max_window_bits={told}"));
        }
    }

    #[test]
    fn what_is_no_offer_is_passed_over() {
        for wrong in [
            "",
            "permessage-bzip2",
            "x-webkit-deflate-frame",
            "permessage-deflate; server_max_window_bits",
            "permessage-deflate; server_max_window_bits=8",
            "permessage-deflate; server_max_window_bits=16",
            "permessage-deflate; server_max_window_bits=09",
            "permessage-deflate; client_max_window_bits=7",
            "permessage-deflate; client_no_context_takeover=1",
            "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
            "permessage-deflate; fast",
            "permessage-deflate;",
        ] {
            assert_eq!(agreed(&[wrong]), None, "{wrong}");
            let (window, _) = agreed(&[wrong, "PerMessage-Deflate ; Client_max_window_bits=10"])
                .expect("the next one is one");
            assert_eq!(window, Window::Large, "{wrong}");
        }
    }
}
