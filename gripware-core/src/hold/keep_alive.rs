//! What a proxy sends on a stream to keep it from being taken for dead (GRIP 1.6).
//!
//! ```
//! use std::time::Duration;
//!
//! use gripware_core::KeepAlive;
//!
//! let sse = KeepAlive::sse(Duration::from_secs(20));
//! assert_eq!(sse.to_header()?, r":\n\n; format=cstring; timeout=20");
//!
//! // Half a second is no whole second.
//! assert!(KeepAlive::sse(Duration::from_millis(500)).to_header().is_err());
//! # Ok::<(), gripware_core::HoldError>(())
//! ```

use std::{fmt::Write as _, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;

use super::{HoldError, error::whole_seconds};

/// When a keep-alive is sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeepAliveMode {
    /// After the time without any other output. The default.
    #[default]
    Idle,
    /// Every so often, whatever else is sent.
    Interval,
}

/// Content that a proxy sends on a stream hold, and how often.
///
/// Any bytes but none at all. The encoding is chosen so that they arrive as they are. The time is
/// in whole seconds, at least one; a proxy sends up to a second early.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct KeepAlive {
    pub(super) content: Bytes,
    pub(super) timeout: Duration,
    pub(super) mode: KeepAliveMode,
    is_sse: bool,
}

impl KeepAlive {
    /// The time where none is set, as in proxies.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(55);

    /// How long server-sent events are silent by default before a keep-alive: below the 30 s after
    /// which mobile networks forget a connection, and the 60 s of nginx and load balancers.
    pub const DEFAULT_SSE_TIMEOUT: Duration = Duration::from_secs(20);

    /// The empty comment of server-sent events, after `timeout` without other output.
    ///
    /// A hold with it is sent as `text/event-stream`, whatever a framework takes its first bytes
    /// for; another content type that is set on purpose stays.
    pub fn sse(timeout: Duration) -> Self {
        Self {
            is_sse: true,
            ..Self::bytes(Bytes::from_static(b":\n\n")).timeout(timeout)
        }
    }

    /// Creates a text. It may have any characters.
    pub fn text(content: impl Into<String>) -> Self {
        Self::bytes(content.into())
    }

    /// Bytes of any kind.
    pub fn bytes(content: impl Into<Bytes>) -> Self {
        Self {
            content: content.into(),
            timeout: Self::DEFAULT_TIMEOUT,
            mode: KeepAliveMode::default(),
            is_sse: false,
        }
    }

    /// Sets the time. Default: [`DEFAULT_TIMEOUT`](Self::DEFAULT_TIMEOUT).
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Sets when it is sent. Default: [`KeepAliveMode::Idle`].
    pub fn mode(mut self, mode: KeepAliveMode) -> Self {
        self.mode = mode;
        self
    }

    pub(super) fn is_sse(&self) -> bool {
        self.is_sse
    }

    /// Whether a proxy would take it.
    pub(super) fn check(&self) -> Result<(), HoldError> {
        if self.content.is_empty() {
            return Err(HoldError::EmptyKeepAlive);
        }
        if whole_seconds("keep-alive", self.timeout)? == 0 {
            return Err(HoldError::BadTimeout {
                of: "keep-alive",
                timeout: self.timeout,
            });
        }
        Ok(())
    }

    /// Returns the value of a `Grip-Keep-Alive` header.
    ///
    /// # Errors
    /// If the content is empty, or the time is not a whole number of seconds from 1 on.
    pub fn to_header(&self) -> Result<String, HoldError> {
        self.check()?;
        let encoding = Encoding::of(&self.content);
        let timeout = self.timeout.as_secs();
        let digits = timeout.checked_ilog10().unwrap_or(0) as usize + 1;
        let mode = match self.mode {
            KeepAliveMode::Idle => "",
            KeepAliveMode::Interval => "; mode=interval",
        };
        // A text of exactly its capacity becomes the value of a header without a copy.
        let length = encoding.length(&self.content) + encoding.parameter().len();
        let mut value = String::with_capacity(length + TIMEOUT.len() + digits + mode.len());
        encoding.write(&self.content, &mut value);
        value.push_str(encoding.parameter());
        // Writing to a string does not fail.
        let _ = write!(value, "{TIMEOUT}{timeout}");
        value.push_str(mode);
        Ok(value)
    }
}

const TIMEOUT: &str = "; timeout=";

/// How a content is written so that a proxy reads it back as it is.
#[derive(Clone, Copy)]
enum Encoding {
    Raw,
    Cstring,
    Base64,
}

impl Encoding {
    fn of(content: &[u8]) -> Self {
        if is_raw(content) {
            Self::Raw
        } else if escaped_len(content) <= 2 * base64_len(content) {
            // What is mostly text stays readable.
            Self::Cstring
        } else {
            Self::Base64
        }
    }

    const fn parameter(self) -> &'static str {
        match self {
            Self::Raw => "",
            Self::Cstring => "; format=cstring",
            Self::Base64 => "; format=base64",
        }
    }

    fn length(self, content: &[u8]) -> usize {
        match self {
            Self::Raw => content.len(),
            Self::Cstring => escaped_len(content),
            Self::Base64 => base64_len(content),
        }
    }

    fn write(self, content: &[u8], out: &mut String) {
        match self {
            Self::Raw => out.extend(content.iter().map(|byte| char::from(*byte))),
            Self::Cstring => escape(content, out),
            Self::Base64 => STANDARD.encode_string(content, out),
        }
    }
}

/// Whether a proxy reads the content back as it is without an encoding.
fn is_raw(content: &[u8]) -> bool {
    content
        .iter()
        .all(|byte| matches!(byte, b' '..=b'~') && *byte != b';')
        && content.first() != Some(&b' ')
        && content.last() != Some(&b' ')
}

/// Whether a byte stands for itself in the proxies' `cstring`, at a place that is not an end.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'\\' && byte != b';'
}

fn escaped_len(content: &[u8]) -> usize {
    content
        .iter()
        .map(|byte| match byte {
            b'\\' | b'\r' | b'\n' => 2,
            byte if is_plain(*byte) => 1,
            _ => 4,
        })
        .sum()
}

fn base64_len(content: &[u8]) -> usize {
    content.len().div_ceil(3) * 4
}

/// Writes the proxies' `cstring`, which knows `\\`, `\r`, `\n` and `\xHH` and drops any other
/// escape.
fn escape(content: &[u8], out: &mut String) {
    let last = content.len().saturating_sub(1);
    for (position, byte) in content.iter().enumerate() {
        let at_end = position == 0 || position == last;
        match byte {
            b'\\' => out.push_str(r"\\"),
            b'\r' => out.push_str(r"\r"),
            b'\n' => out.push_str(r"\n"),
            b' ' if at_end => out.push_str(r"\x20"),
            byte if is_plain(*byte) => out.push(char::from(*byte)),
            byte => {
                let _ = write!(out, r"\x{byte:02x}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(content: &[u8]) -> String {
        KeepAlive::bytes(content.to_vec()).to_header().unwrap()
    }

    #[test]
    fn content_is_written_so_that_a_proxy_reads_it_back() {
        assert_eq!(header(b"still here"), "still here; timeout=55");
        assert_eq!(header(b":\n\n"), r":\n\n; format=cstring; timeout=55");
        assert_eq!(header(b"a,b"), "a,b; timeout=55");
        assert_eq!(header(b"a;b"), r"a\x3bb; format=cstring; timeout=55");
        assert_eq!(header(b"a\tb\n"), r"a\x09b\n; format=cstring; timeout=55");
        assert_eq!(header(b"back\\"), "back\\; timeout=55");
        assert_eq!(
            header(b"\0\x01\x02\xff\xfe\xfd"),
            "AAEC//79; format=base64; timeout=55"
        );
        assert_eq!(
            header(b" lead and trail "),
            r"\x20lead and trail\x20; format=cstring; timeout=55"
        );
        assert_eq!(
            header(" ;".repeat(2).as_bytes()),
            r"\x20\x3b \x3b; format=cstring; timeout=55"
        );
    }

    #[test]
    fn an_interval_is_named() {
        let keep_alive = KeepAlive::text("x")
            .timeout(Duration::from_secs(7))
            .mode(KeepAliveMode::Interval);
        assert_eq!(
            keep_alive.to_header().unwrap(),
            "x; timeout=7; mode=interval"
        );
    }

    #[test]
    fn what_a_proxy_would_ignore_or_change_is_refused() {
        assert_eq!(
            KeepAlive::text("").to_header(),
            Err(HoldError::EmptyKeepAlive)
        );
        for timeout in [Duration::ZERO, Duration::from_millis(1500), Duration::MAX] {
            assert_eq!(
                KeepAlive::text("x").timeout(timeout).to_header(),
                Err(HoldError::BadTimeout {
                    of: "keep-alive",
                    timeout
                })
            );
        }
    }

    /// Reads a header as proxies do.
    fn read(value: &str) -> Vec<u8> {
        let mut parts = value.split(';').map(crate::header::trim_ows);
        let data = parts.next().unwrap();
        let format = parts
            .find_map(|part| part.strip_prefix("format="))
            .unwrap_or("raw");
        match format {
            "base64" => STANDARD.decode(data).unwrap(),
            "raw" => data.as_bytes().to_vec(),
            "cstring" => {
                let mut bytes = data.bytes();
                let mut out = Vec::new();
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'\\' => match bytes.next().unwrap() {
                            b'\\' => out.push(b'\\'),
                            b'r' => out.push(b'\r'),
                            b'n' => out.push(b'\n'),
                            b'x' => {
                                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                                let digits = std::str::from_utf8(&digits).unwrap().to_owned();
                                out.push(u8::from_str_radix(&digits, 16).unwrap());
                            }
                            other => panic!("\\{other} is no escape"),
                        },
                        byte => out.push(byte),
                    }
                }
                out
            }
            other => panic!("{other} is no format"),
        }
    }

    proptest! {
        #[test]
        fn any_content_survives(content in prop::collection::vec(any::<u8>(), 1..200)) {
            let value = header(&content);
            prop_assert!(value.bytes().all(|byte| matches!(byte, b' '..=b'~')));
            prop_assert_eq!(read(&value), content);
        }

        #[test]
        fn text_of_printable_characters_survives(content in "[ -~]{1,80}") {
            prop_assert_eq!(read(&header(content.as_bytes())), content.into_bytes());
        }
    }
}
