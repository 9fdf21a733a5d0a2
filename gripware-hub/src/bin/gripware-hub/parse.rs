//! Reads the texts of settings. No error has the text in it.

use std::{net::SocketAddr, time::Duration};

use crate::given::Given;

/// `HOST:PORT`, where the host may be a name.
pub(crate) fn address(given: &Given) -> Result<String, &'static str> {
    let text = &given.text;
    let is_name = || {
        text.rsplit_once(':').is_some_and(|(host, port)| {
            let legal =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            !host.is_empty() && host.bytes().all(legal) && port.parse::<u16>().is_ok()
        })
    };
    if text.parse::<SocketAddr>().is_ok() || is_name() {
        Ok(text.clone())
    } else {
        Err("it has to be HOST:PORT, such as 127.0.0.1:7999 or [::]:7999")
    }
}

pub(crate) fn text(given: &Given) -> Result<String, &'static str> {
    if given.text.is_empty() {
        return Err("it is empty");
    }
    Ok(given.text.clone())
}

pub(crate) fn boolean(given: &Given) -> Result<bool, &'static str> {
    match given.text.as_str() {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("it has to be true or false"),
    }
}

/// A count of at least one.
pub(crate) fn count(given: &Given) -> Result<usize, &'static str> {
    match given.text.parse() {
        Ok(0) | Err(_) => Err("it has to be a whole number above 0"),
        Ok(count) => Ok(count),
    }
}

/// A number of bytes, above 0.
pub(crate) fn size(given: &Given) -> Result<usize, &'static str> {
    let (number, unit) = split(&given.text);
    let factor = match unit {
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    number
        .parse::<usize>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .filter(|size| *size > 0)
        .ok_or("it has to be a number of bytes above 0, or one with KiB, MiB or GiB")
}

/// A number of seconds, or one with a unit. At most about 30 years, which timers can do.
pub(crate) fn time(given: &Given) -> Result<Duration, &'static str> {
    let (number, unit) = split(&given.text);
    let factor = match unit {
        "" | "s" => Some(1.0),
        "ms" => Some(0.001),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        _ => None,
    };
    number
        .parse::<f64>()
        .ok()
        .zip(factor)
        .map(|(number, factor)| number * factor)
        .filter(|seconds| (0.0..=1e9).contains(seconds))
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or("it has to be a number of seconds, or one with ms, s, m or h")
}

/// A time above 0.
pub(crate) fn some_time(given: &Given) -> Result<Duration, &'static str> {
    match time(given)? {
        Duration::ZERO => Err("it has to be above 0"),
        time => Ok(time),
    }
}

fn split(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| character.is_ascii_alphabetic() || character == ' ')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(end).unwrap_or((text, ""));
    (number, unit.trim_ascii_start())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::given::Source;

    fn given(text: &str) -> Given {
        Given {
            text: text.to_owned(),
            source: Source::Flag("x"),
        }
    }

    #[test]
    fn a_time_is_in_seconds_unless_it_says_otherwise() {
        for (text, millis) in [
            ("5", 5000),
            ("2.5", 2500),
            ("5s", 5000),
            ("250ms", 250),
            ("2 m", 120_000),
            ("1h", 3_600_000),
            ("0", 0),
        ] {
            assert_eq!(
                time(&given(text)),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
        for wrong in [
            "", "s", "-1", "1d", "inf", "nan", "1e99", "1 2", "5 s s", "é",
        ] {
            assert!(time(&given(wrong)).is_err(), "{wrong}");
        }
        assert!(some_time(&given("0ms")).is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9a-zKMiB. :+-]{0,12}|.{0,8}") {
            let given = given(&text);
            let _ = (time(&given), size(&given), address(&given), count(&given));
        }
    }

    #[test]
    fn a_size_is_in_bytes_unless_it_says_otherwise() {
        for (text, bytes) in [("5", 5), ("5B", 5), ("64KiB", 65_536), ("1 MiB", 1 << 20)] {
            assert_eq!(size(&given(text)), Ok(bytes), "{text}");
        }
        for wrong in [
            "",
            "0",
            "-1",
            "1.5",
            "1kb",
            "99999999999999999999",
            "99999999999999GiB",
        ] {
            assert!(size(&given(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_has_a_port() {
        for right in [
            "127.0.0.1:0",
            "[::1]:80",
            "localhost:80",
            "hub.internal:5561",
        ] {
            assert!(address(&given(right)).is_ok(), "{right}");
        }
        for wrong in [
            "",
            "80",
            ":80",
            "::1:80:",
            "localhost",
            "a b:80",
            "a:65536",
            "http://a:80",
        ] {
            assert!(address(&given(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_count_is_above_zero_and_a_switch_is_on_or_off() {
        assert_eq!(count(&given("3")), Ok(3));
        for wrong in ["", "0", "-1", "1.0", "x"] {
            assert!(count(&given(wrong)).is_err(), "{wrong}");
        }
        assert_eq!(boolean(&given("1")), Ok(true));
        assert_eq!(boolean(&given("false")), Ok(false));
        assert!(boolean(&given("")).is_err());
    }
}
