use http::{HeaderMap, header::SEC_WEBSOCKET_EXTENSIONS};

use crate::{header::trim_ows, ws::MESSAGE_PREFIX};

const GRIP: &str = "grip";
const PREFIX: &str = "message-prefix";

/// How the messages of an origin over a WebSocket are read: whether it speaks GRIP, and with which
/// prefix (GRIP 2.5).
///
/// ```
/// use gripware_core::proxy::MessageMode;
/// use http::{HeaderMap, HeaderValue};
///
/// let mut headers = HeaderMap::new();
/// assert_eq!(MessageMode::of(&headers), MessageMode::Plain);
/// headers.insert("sec-websocket-extensions", HeaderValue::from_static("grip; message-prefix=\"\""));
/// assert_eq!(MessageMode::of(&headers).prefix(), Some(&b""[..]));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageMode {
    /// All are for the client, as they are.
    Plain,
    /// Those with `m:` before them are for the client, those with `c:` for the proxy.
    Grip,
    /// The same with another prefix than `m:`, which may be empty.
    Prefixed(Box<str>),
}

impl MessageMode {
    /// Reads the headers of the response that answers `OPEN`.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let extensions = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter();
        extensions
            .filter_map(|value| str::from_utf8(value.as_bytes()).ok())
            .flat_map(|value| parts(value, ','))
            .find_map(|extension| Self::of_extension(&extension))
            .unwrap_or(Self::Plain)
    }

    fn of_extension(extension: &str) -> Option<Self> {
        let mut parts = parts(extension, ';').into_iter();
        if !trim_ows(&parts.next()?).eq_ignore_ascii_case(GRIP) {
            return None;
        }
        let prefix = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            let is_prefix = trim_ows(name).eq_ignore_ascii_case(PREFIX);
            is_prefix.then(|| unquoted(trim_ows(value)))
        });
        Some(match prefix {
            Some(prefix) if prefix != MESSAGE_PREFIX => Self::Prefixed(prefix.into()),
            Some(_) | None => Self::Grip,
        })
    }

    /// Returns what stands before a message to the client. `None` if the origin does not speak GRIP.
    #[must_use]
    pub fn prefix(&self) -> Option<&[u8]> {
        match self {
            Self::Plain => None,
            Self::Grip => Some(MESSAGE_PREFIX.as_bytes()),
            Self::Prefixed(prefix) => Some(prefix.as_bytes()),
        }
    }
}

/// Cuts a value at a separator that does not stand in quotes.
fn parts(value: &str, separator: char) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut is_quoted, mut is_escaped) = (false, false);
    for character in value.chars() {
        if character == separator && !is_quoted {
            parts.push(String::new());
            continue;
        }
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' if is_quoted => is_escaped = true,
            '"' => is_quoted = !is_quoted,
            _ => {}
        }
        if let Some(part) = parts.last_mut() {
            part.push(character);
        }
    }
    parts
}

fn unquoted(value: &str) -> String {
    let inner = value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'));
    let Some(inner) = inner else {
        return value.to_owned();
    };
    let mut text = String::new();
    let mut characters = inner.chars();
    while let Some(character) = characters.next() {
        match character {
            '\\' => text.extend(characters.next()),
            _ => text.push(character),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn mode(values: &[&str]) -> MessageMode {
        let mut headers = HeaderMap::new();
        for value in values {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            headers.append(SEC_WEBSOCKET_EXTENSIONS, value);
        }
        MessageMode::of(&headers)
    }

    #[test]
    fn a_prefix_is_read_with_and_without_quotes() {
        for (value, prefix) in [
            ("grip", "m:"),
            ("Grip ; x=y", "m:"),
            ("grip; message-prefix=m:", "m:"),
            (r#"grip; message-prefix="""#, ""),
            ("grip;message-prefix=>>", ">>"),
            (r#"grip; message-prefix=">>""#, ">>"),
            (r#"grip; message-prefix="a;b,c\"d""#, "a;b,c\"d"),
            ("permessage-deflate; x, grip; message-prefix=é", "é"),
            ("grip; message-prefix=\u{a0}>\t", "\u{a0}>"),
        ] {
            assert_eq!(mode(&[value]).prefix(), Some(prefix.as_bytes()), "{value}");
        }
        assert_eq!(mode(&["x", "grip"]), MessageMode::Grip);
    }

    #[test]
    fn without_the_extension_messages_are_what_they_are() {
        for values in [&[][..], &["gripper"], &["permessage-deflate"], &["x; grip"]] {
            assert_eq!(mode(values), MessageMode::Plain);
        }
    }
}
