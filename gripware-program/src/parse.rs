//! Value parsers for clap. No error has the text in it, which may be a secret in the wrong place.

use std::{net::SocketAddr, time::Duration};

use bytesize::ByteSize;

/// The longest time that [`time`] accepts: about 30 years, which every clock can add to now.
pub const MAX_TIME: Duration = Duration::from_secs(1_000_000_000);

/// Reads a time: a number of seconds, or one with a unit, such as `5`, `2.5`, `500ms`, `1h 30m`.
///
/// # Errors
/// Where it is none, or longer than [`MAX_TIME`].
pub fn time(text: &str) -> Result<Duration, &'static str> {
    let time = match text.parse() {
        Ok(seconds) => Duration::try_from_secs_f64(seconds).ok(),
        Err(_) => humantime::parse_duration(text).ok(),
    };
    time.filter(|time| *time <= MAX_TIME)
        .ok_or("it has to be a number of seconds, or one with ms, s, m or h")
}

/// Reads a time above zero.
///
/// # Errors
/// As [`time`], and where it is zero.
pub fn some_time(text: &str) -> Result<Duration, &'static str> {
    match time(text)? {
        Duration::ZERO => Err("it has to be above 0"),
        time => Ok(time),
    }
}

/// Reads a number of bytes, such as `65536`, `64KiB`, `1.5 MiB`; `kB` and `MB` are powers of ten.
/// Groups of digits may be divided by `_`.
///
/// # Errors
/// Where it is none, or more than can be addressed.
pub fn size(text: &str) -> Result<usize, &'static str> {
    let size = text.replace('_', "").parse::<ByteSize>().ok();
    size.and_then(|size| usize::try_from(size.as_u64()).ok())
        .ok_or("it has to be a number of bytes, or one with KiB, MiB or GiB")
}

/// Reads a whole number. Groups of digits may be divided by `_`.
///
/// # Errors
/// Where it is none.
pub fn count(text: &str) -> Result<usize, &'static str> {
    let digits = text.replace('_', "");
    digits.parse().map_err(|_| "it has to be a whole number")
}

/// Reads `true` or `1`, `false` or `0`.
///
/// # Errors
/// Where it is neither.
pub fn switch(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("it has to be true or false"),
    }
}

/// Reads a text that is not empty.
///
/// # Errors
/// Where it is empty.
pub fn text(text: &str) -> Result<String, &'static str> {
    match text {
        "" => Err("it is empty"),
        text => Ok(text.to_owned()),
    }
}

/// Reads `HOST:PORT`, where the host may be a name.
///
/// # Errors
/// Where it is none.
pub fn address(text: &str) -> Result<String, &'static str> {
    let is_name = || {
        text.rsplit_once(':').is_some_and(|(host, port)| {
            let legal =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
            !host.is_empty() && host.bytes().all(legal) && port.parse::<u16>().is_ok()
        })
    };
    if text.parse::<SocketAddr>().is_ok() || is_name() {
        Ok(text.to_owned())
    } else {
        Err("it has to be HOST:PORT, such as 127.0.0.1:8080 or [::]:8080")
    }
}

/// Reads `HOST:PORT`, where the host may be a name, `unix:PATH`, or `fd:NAME` for a socket that is
/// passed on by systemd.
///
/// # Errors
/// Where it is none of these.
pub fn place(text: &str) -> Result<String, &'static str> {
    const WRONG: &str = "it has to be HOST:PORT, unix:PATH or fd:NAME";
    match text.split_once(':') {
        Some(("unix" | "fd", "")) => Err(WRONG),
        Some(("unix" | "fd", _)) => Ok(text.to_owned()),
        _ => address(text).map_err(|_| WRONG),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_time_is_in_seconds_unless_it_says_otherwise() {
        for (text, millis) in [
            ("5", 5000),
            ("2.5", 2500),
            ("2.5s", 2500),
            ("5s", 5000),
            ("250ms", 250),
            ("2 m", 120_000),
            ("1h", 3_600_000),
            ("1h 30m", 5_400_000),
            ("0", 0),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for wrong in [
            "", "s", "-1", "1x", "inf", "nan", "1e99", "1 2", "5 s s", "é", "32y",
        ] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
        assert!(some_time("0ms").is_err());
    }

    #[test]
    fn a_size_is_in_bytes_unless_it_says_otherwise() {
        for (text, bytes) in [
            ("5", 5),
            ("5B", 5),
            ("100_000", 100_000),
            ("12kB", 12_000),
            ("64KiB", 65_536),
            ("1 MiB", 1 << 20),
            ("1.5 MiB", 3 << 19),
        ] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "-1", "1kx", "KiB", "99999999999999999999999", "é"] {
            assert!(size(wrong).is_err(), "{wrong}");
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
            assert!(address(right).is_ok() && place(right).is_ok(), "{right}");
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
            "unix:",
            "fd:",
        ] {
            assert!(address(wrong).is_err() && place(wrong).is_err(), "{wrong}");
        }
        for right in ["unix:/run/a", "fd:0", "fd:gripware-hub.socket"] {
            assert_eq!(place(right), Ok(right.to_owned()));
        }
    }

    #[test]
    fn a_count_is_a_number_and_a_switch_is_on_or_off() {
        assert_eq!((count("3"), count("10_000")), (Ok(3), Ok(10_000)));
        for wrong in ["", "-1", "1.0", "x"] {
            assert!(count(wrong).is_err(), "{wrong}");
        }
        assert_eq!((switch("1"), switch("false")), (Ok(true), Ok(false)));
        assert!(switch("").is_err());
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9a-zKMiB. :+_-]{0,12}|.{0,8}") {
            let _ = (time(&text), size(&text), place(&text), count(&text), switch(&text));
        }
    }
}
