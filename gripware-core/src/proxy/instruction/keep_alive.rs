use std::time::Duration;

use bytes::Bytes;

use super::{InstructionError, grammar::Element, headers::duration};
use crate::{header::trim_ows, proxy::base64};

/// What the proxy sends on an idle stream, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeepAlive {
    /// What is sent.
    pub content: Bytes,
    /// After how long.
    pub timeout: Duration,
    /// Whether it is sent at an interval, rather than when nothing else was sent.
    pub is_interval: bool,
}

impl KeepAlive {
    pub(super) const DEFAULT_TIMEOUT: Duration = Duration::from_secs(55);

    /// Reads a `Grip-Keep-Alive` header (GRIP 1.6). An empty one is none.
    pub(super) fn parse(value: &str) -> Result<Option<Self>, InstructionError> {
        if trim_ows(value).is_empty() {
            return Ok(None);
        }
        let wrong = |why| InstructionError::new("Grip-Keep-Alive", value, why);
        let element = Element::raw(value).ok_or_else(|| wrong("its parameters are broken"))?;
        let data = element.first.as_str();
        let content = match element.get("format").unwrap_or_default() {
            "" | "raw" => data.as_bytes().to_vec(),
            "cstring" => unescape(data).ok_or_else(|| wrong("an escape is cut off"))?,
            "base64" => base64::decode(data),
            _ => return Err(wrong("there is no such format")),
        };
        if content.is_empty() {
            return Err(wrong("it has no content"));
        }
        let timeout = match element.get("timeout") {
            None => Self::DEFAULT_TIMEOUT,
            Some(seconds) => seconds
                .parse()
                .ok()
                .and_then(duration)
                .ok_or_else(|| wrong("the timeout is no number of seconds"))?
                .max(Duration::from_secs(1)),
        };
        let is_interval = match element.get("mode").unwrap_or_default() {
            "" | "idle" => false,
            "interval" => true,
            _ => return Err(wrong("there is no such mode")),
        };
        Ok(Some(Self {
            content: content.into(),
            timeout,
            is_interval,
        }))
    }
}

/// Knows `\\`, `\r`, `\n` and `\xHH`; of any other escape nothing stays.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = text.bytes();
    let mut out = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next()? {
            b'\\' => out.push(b'\\'),
            b'r' => out.push(b'\r'),
            b'n' => out.push(b'\n'),
            b'x' => {
                let mut digit = || char::from(bytes.next()?).to_digit(16);
                let value = digit()? * 16 + digit()?;
                out.push(u8::try_from(value).ok()?);
            }
            _ => {}
        }
    }
    Some(out)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn content(value: &str) -> Option<Vec<u8>> {
        let keep_alive = KeepAlive::parse(value).ok()??;
        Some(keep_alive.content.to_vec())
    }

    #[test]
    fn each_format_is_decoded_as_a_proxy_does() {
        assert_eq!(content(r":\n\n; format=cstring").unwrap(), b":\n\n");
        assert_eq!(content(r"a\tb\n; format=cstring").unwrap(), b"ab\n");
        assert_eq!(content(r"\x3b\x00; format=cstring").unwrap(), b";\0");
        assert_eq!(content(r#""a;b""#).unwrap(), b"\"a");
        assert_eq!(content("a,b").unwrap(), b"a,b");
        assert_eq!(content("AAE; format=base64").unwrap(), b"\0\x01");
    }

    #[test]
    fn what_a_proxy_refuses_is_refused() {
        assert_eq!(KeepAlive::parse(""), Ok(None));
        for value in [
            "a\\; format=cstring",
            r"\t; format=cstring",
            r"\xg0; format=cstring",
            "a; format=hex",
            "a; mode=often",
            "a; timeout=-1",
            "a; timeout=soon",
        ] {
            assert!(KeepAlive::parse(value).is_err(), "{value}");
        }
    }

    #[test]
    fn a_time_is_at_least_a_second() {
        let read = |value| KeepAlive::parse(value).unwrap().unwrap();
        assert_eq!(read("a; timeout=0").timeout, Duration::from_secs(1));
        assert_eq!(read("a").timeout, Duration::from_secs(55));
        assert!(read("a; mode=interval").is_interval);
    }

    proptest! {
        #[test]
        fn what_gripware_writes_is_read_back(bytes in prop::collection::vec(any::<u8>(), 1..80)) {
            let value = crate::KeepAlive::bytes(bytes.clone()).to_header().unwrap();
            prop_assert_eq!(content(&value).unwrap(), bytes);
        }
    }
}
