//! `Retry-After`: when an endpoint wants to be asked again (RFC 9110, section 10.2.3).

use std::time::{Duration, SystemTime};

use gripware_core::header::trim_ows;
use http::{HeaderMap, header::RETRY_AFTER};

/// Returns how long from `now` the endpoint wants to be left alone; `None` if it does not say, or
/// says it in a form that is none. A date that has passed is no time at all.
pub(crate) fn read(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let value = trim_ows(headers.get(RETRY_AFTER)?.to_str().ok()?);
    if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than fit are too many for any item.
        return Some(Duration::from_secs(value.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_and_dates_are_read_and_nothing_else() {
        let now = httpdate::parse_http_date("Fri, 13 Nov 2026 08:00:00 GMT").unwrap();
        let read = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, value.parse().unwrap());
            super::read(&headers, now).map(|time| time.as_secs())
        };
        for (value, seconds) in [
            ("0", Some(0)),
            ("7", Some(7)),
            (" 120 ", Some(120)),
            ("99999999999999999999999", Some(u64::MAX)),
            ("Fri, 13 Nov 2026 08:01:00 GMT", Some(60)),
            ("Fri, 13 Nov 2026 07:00:00 GMT", Some(0)),
            ("", None),
            ("-1", None),
            ("1.5", None),
            ("soon", None),
        ] {
            assert_eq!(read(value), seconds, "{value}");
        }
        assert_eq!(super::read(&HeaderMap::new(), now), None);
    }
}
