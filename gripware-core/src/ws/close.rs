//! Why a WebSocket is closed (GRIP 2.7).
//!
//! ```
//! use gripware_core::ws::{Close, CloseCode, CloseCodeError};
//!
//! let close = Close::parse(b"\x0f\xa1bye");
//! assert_eq!(close.code(), Some(4001));
//! assert_eq!(close.reason(), "bye");
//!
//! assert_eq!(Close::new(CloseCode::NORMAL).with_reason("done").to_bytes(), "\x03\u{e8}done"
//!     .chars().map(|c| c as u8).collect::<Vec<_>>());
//!
//! // 1005 stands for "there was no code" and is never sent.
//! assert_eq!(CloseCode::new(1005), Err(CloseCodeError { code: 1005 }));
//! ```

use std::{convert::Infallible, fmt};

use bytes::Bytes;
use thiserror::Error;

/// The most bytes that the reason of a close has: a control frame has 125, two are the code's.
pub const MAX_REASON_LEN: usize = 123;

/// A close code that may be sent: 1000, 1001, 1003, 1007 to 1014, and 3000 to 4999.
///
/// The others are reserved, or stand for something that happened without a close frame. A client
/// that receives one of those fails the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CloseCode(u16);

impl CloseCode {
    /// 1000: the connection has done what it was for.
    pub const NORMAL: Self = Self(1000);
    /// 1001: an end goes away, such as a server that shuts down.
    pub const GOING_AWAY: Self = Self(1001);
    /// 1003: a kind of message that the endpoint cannot take.
    pub const UNSUPPORTED_DATA: Self = Self(1003);
    /// 1007: a message whose content is not what its kind says, such as text that is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// 1008: a message against the rules, where no other code fits.
    pub const POLICY_VIOLATION: Self = Self(1008);
    /// 1009: a message that is too big.
    pub const MESSAGE_TOO_BIG: Self = Self(1009);
    /// 1010: an extension that the client needs was not negotiated.
    pub const MANDATORY_EXTENSION: Self = Self(1010);
    /// 1011: the server met something it did not expect.
    pub const INTERNAL_ERROR: Self = Self(1011);
    /// 1012: the server restarts.
    pub const SERVICE_RESTART: Self = Self(1012);
    /// 1013: the server is too busy.
    pub const TRY_AGAIN_LATER: Self = Self(1013);
    /// 1014: a gateway got no proper answer.
    pub const BAD_GATEWAY: Self = Self(1014);

    /// Creates a code by its number.
    ///
    /// # Errors
    /// If it must not be sent.
    pub const fn new(code: u16) -> Result<Self, CloseCodeError> {
        match code {
            1000 | 1001 | 1003 | 1007..=1014 | 3000..=4999 => Ok(Self(code)),
            _ => Err(CloseCodeError { code: code as i32 }),
        }
    }

    /// Its number.
    #[must_use]
    pub const fn as_u16(self) -> u16 {
        self.0
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<u16> for CloseCode {
    type Error = CloseCodeError;

    fn try_from(code: u16) -> Result<Self, CloseCodeError> {
        Self::new(code)
    }
}

/// So that a plain number can stand where a code is taken: literals without a type are `i32`.
impl TryFrom<i32> for CloseCode {
    type Error = CloseCodeError;

    fn try_from(code: i32) -> Result<Self, CloseCodeError> {
        u16::try_from(code)
            .ok()
            .and_then(|code| Self::new(code).ok())
            .ok_or(CloseCodeError { code })
    }
}

/// A close code that must not be sent.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("close code {code} must not be sent; 1000, 1001, 1003, 1007-1014 and 3000-4999 may")]
pub struct CloseCodeError {
    /// The code.
    pub code: i32,
}

impl From<Infallible> for CloseCodeError {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// What a `CLOSE` event says: a code, a reason, or neither.
///
/// One that was built here has a code that may be sent. One that was received has whatever the
/// other end sent; [`to_answer`](Self::to_answer) makes of it what may be sent back. A reason has
/// at most [`MAX_REASON_LEN`] bytes in both cases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Close {
    code: Option<u16>,
    reason: String,
}

impl Close {
    /// Creates a close with a code.
    #[must_use]
    pub const fn new(code: CloseCode) -> Self {
        Self {
            code: Some(code.0),
            reason: String::new(),
        }
    }

    /// Creates a close without a code. A proxy tells its client 1000.
    #[must_use]
    pub const fn without_code() -> Self {
        Self {
            code: None,
            reason: String::new(),
        }
    }

    /// Gives a reason. What is over [`MAX_REASON_LEN`] bytes is cut off, between characters.
    ///
    /// A close without a code cannot say a reason, and stays as it is.
    #[must_use]
    pub fn with_reason(mut self, reason: &str) -> Self {
        if self.code.is_some() {
            self.reason = cut(reason).to_owned();
        }
        self
    }

    /// Reads the content of a `CLOSE` event. A single byte is no code; in a reason that is not
    /// UTF-8 the offending bytes are replaced, and the code stays.
    #[must_use]
    pub fn parse(content: &[u8]) -> Self {
        let Some((code, reason)) = content.split_first_chunk() else {
            return Self::without_code();
        };
        // A character that begins before the cut ends at most three bytes behind it.
        let reason = reason.get(..MAX_REASON_LEN + 3).unwrap_or(reason);
        Self {
            code: Some(u16::from_be_bytes(*code)),
            reason: cut(&String::from_utf8_lossy(reason)).to_owned(),
        }
    }

    /// Returns the code.
    #[must_use]
    pub const fn code(&self) -> Option<u16> {
        self.code
    }

    /// Returns the reason, empty where there is none.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.reason
    }

    /// Returns the close that answers this one: the same, or without a code where its code must not
    /// be sent.
    #[must_use]
    pub fn to_answer(&self) -> Self {
        match self.code.map(CloseCode::new) {
            Some(Ok(_)) => self.clone(),
            Some(Err(_)) | None => Self::without_code(),
        }
    }

    /// Returns the content of a `CLOSE` event that says this.
    #[must_use]
    pub fn to_bytes(&self) -> Bytes {
        match self.code {
            Some(code) => [&code.to_be_bytes(), self.reason.as_bytes()]
                .concat()
                .into(),
            None => Bytes::new(),
        }
    }
}

/// As much of a reason as may be sent.
fn cut(reason: &str) -> &str {
    let end = (0..=MAX_REASON_LEN).rev().find_map(|end| reason.get(..end));
    if reason.len() <= MAX_REASON_LEN {
        reason
    } else {
        end.unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_a_client_would_fail_on_are_refused() {
        for code in [1000, 1001, 1003, 1007, 1010, 1014, 3000, 4000, 4999] {
            assert_eq!(CloseCode::new(code).unwrap().as_u16(), code);
        }
        for code in [
            0, 1, 999, 1002, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65535,
        ] {
            let error = CloseCodeError {
                code: i32::from(code),
            };
            assert_eq!(CloseCode::new(code), Err(error));
        }
        for code in [-1, 65_536 + 1000] {
            assert_eq!(CloseCode::try_from(code), Err(CloseCodeError { code }));
        }
    }

    #[test]
    fn every_content_of_a_close_is_read() {
        for (content, code, reason) in [
            (&b""[..], None, ""),
            (b"\x03", None, ""),
            (b"\x03\xe8", Some(1000), ""),
            (b"\x0f\xa1bye", Some(4001), "bye"),
            (b"\0\0", Some(0), ""),
            (b"\x0f\xa1a\xffb", Some(4001), "a\u{fffd}b"),
        ] {
            let close = Close::parse(content);
            assert_eq!((close.code(), close.reason()), (code, reason));
        }
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        let close = Close::new(CloseCode::NORMAL);
        let fits = "x".repeat(123);
        assert_eq!(close.clone().with_reason(&fits).reason(), fits);
        assert_eq!(
            close.clone().with_reason(&format!("{fits}y")).reason(),
            fits
        );
        let euros = "€".repeat(42);
        assert_eq!(close.clone().with_reason(&euros).reason(), "€".repeat(41));
        let shifted = format!("x{}", "€".repeat(41));
        assert_eq!(
            close.with_reason(&shifted).reason(),
            format!("x{}", "€".repeat(40))
        );
    }

    #[test]
    fn a_received_reason_is_cut_like_one_that_is_sent() {
        for filling in ["x", "é", "€", "𝄞"] {
            for shift in 0..4 {
                let reason = "y".repeat(shift) + &filling.repeat(200);
                let content = [b"\x03\xe8", reason.as_bytes()].concat();
                let sent = Close::new(CloseCode::NORMAL).with_reason(&reason);
                assert_eq!(Close::parse(&content), sent);
            }
        }
    }

    #[test]
    fn a_close_is_answered_with_its_code_unless_it_must_not_be_sent() {
        let close = Close::parse(b"\x0f\xa1bye");
        assert_eq!(close.to_answer(), close);
        assert_eq!(close.to_bytes(), &b"\x0f\xa1bye"[..]);
        assert_eq!(
            Close::parse(b"\x03\xedbye").to_answer(),
            Close::without_code()
        );
        assert_eq!(Close::without_code().with_reason("x").to_bytes(), "");
    }
}
