//! Which close codes may be on the wire (RFC 6455, section 7.4; GRIP 2.7).

use gripware_core::ws::{Close, CloseCode};

/// Whether a code may stand in a close frame, whoever sends it.
///
/// 1002 is not among those that an application may send, but either end of a connection may. The
/// others are reserved, or stand for a connection that ended without a close frame.
pub(super) const fn is_legal(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// What a client is told where an origin or an item says `close`: the same, or 1000 where there is
/// no code or an illegal one. A client would fail the connection on an illegal one.
pub(crate) fn to_client(close: Close) -> Close {
    match close.code() {
        Some(code) if is_legal(code) => close,
        Some(_) | None => Close::new(CloseCode::NORMAL).with_reason(close.reason()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_clients_fail_on_becomes_1000() {
        for (content, sent) in [
            (&b""[..], &b"\x03\xe8"[..]),
            (b"\x00", b"\x03\xe8"),
            (b"\x00\x00why", b"\x03\xe8why"),
            (b"\x03\xed", b"\x03\xe8"),
            (b"\xff\xff", b"\x03\xe8"),
            (b"\x03\xea", b"\x03\xea"),
            (b"\x0f\xa1bye", b"\x0f\xa1bye"),
        ] {
            assert_eq!(to_client(Close::parse(content)).to_bytes(), sent);
        }
    }
}
