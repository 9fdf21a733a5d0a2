use http::StatusCode;

/// Returns the status of this code; `None` if no final response has it.
///
/// Those from 100 to 199 are interim (RFC 9110, section 15.2). A client that gets one waits for the
/// final response, for which it takes whatever comes next on its connection: the answer to its next
/// request, or to somebody else's behind a shared proxy (response desynchronization). Codes from 600
/// on pass, as with Pushpin.
pub(super) fn final_status(code: impl TryInto<u16>) -> Option<StatusCode> {
    let status = StatusCode::from_u16(code.try_into().ok()?).ok()?;
    (!status.is_informational()).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_a_request_is_a_status() {
        for code in [200, 304, 599, 600, 999] {
            assert_eq!(
                final_status(code).map(|status| status.as_u16()),
                u16::try_from(code).ok()
            );
        }
        for code in [-1, 0, 99, 100, 101, 103, 199, 1000, 65_736] {
            assert_eq!(final_status(code), None, "{code}");
        }
    }
}
