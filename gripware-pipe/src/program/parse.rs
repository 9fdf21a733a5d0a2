//! Reads the texts of settings.

use std::{
    net::{SocketAddr, ToSocketAddrs},
    time::Duration,
};

/// `HOST:PORT`, where the host may be a name, or `unix:PATH`.
pub(super) fn place(text: &str) -> Result<String, &'static str> {
    if text
        .strip_prefix("unix:")
        .is_some_and(|path| !path.is_empty())
    {
        return Ok(text.to_owned());
    }
    address(text).map_err(|_| "it has to be HOST:PORT or unix:PATH")
}

/// `HOST:PORT`, where the host may be a name.
pub(super) fn address(text: &str) -> Result<String, &'static str> {
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
        Err("it has to be HOST:PORT, such as 127.0.0.1:8611 or [::]:1234")
    }
}

/// An address that is looked up now.
pub(super) fn resolved(text: &str) -> Result<SocketAddr, &'static str> {
    let found = address(text)?.to_socket_addrs();
    let found = found.map_err(|_| "the host cannot be found")?.next();
    found.ok_or("the host has no address")
}

pub(super) fn text(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        return Err("it is empty");
    }
    Ok(text.to_owned())
}

pub(super) fn boolean(text: &str) -> Result<bool, &'static str> {
    match text {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err("it has to be true or false"),
    }
}

/// A count of at least one.
pub(super) fn count(text: &str) -> Result<u32, &'static str> {
    match text.parse() {
        Ok(0) | Err(_) => Err("it has to be a whole number above 0"),
        Ok(count) => Ok(count),
    }
}

/// A number of bytes, above 0.
pub(super) fn size(text: &str) -> Result<u32, &'static str> {
    let (number, unit) = split(text);
    let factor = match unit {
        "" | "B" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        _ => None,
    };
    number
        .parse::<u32>()
        .ok()
        .zip(factor)
        .and_then(|(number, factor)| number.checked_mul(factor))
        .filter(|size| *size > 0)
        .ok_or("it has to be a number of bytes above 0, or one with KiB or MiB")
}

/// A number of seconds, or one with a unit. At most about 30 years, which timers can do.
pub(super) fn time(text: &str) -> Result<Duration, &'static str> {
    let (number, unit) = split(text);
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

    #[test]
    fn texts_are_read_with_their_units() {
        for (text, millis) in [
            ("5", 5000),
            ("2.5s", 2500),
            ("250ms", 250),
            ("2 m", 120_000),
        ] {
            assert_eq!(time(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for (text, bytes) in [("5", 5), ("64KiB", 65_536), ("1 MiB", 1 << 20)] {
            assert_eq!(size(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "s", "-1", "1d", "inf", "nan", "1e99", "1 2", "é"] {
            assert!(time(wrong).is_err() && size(wrong).is_err(), "{wrong}");
        }
        for right in ["127.0.0.1:0", "[::1]:80", "hub.internal:5561", "unix:/a"] {
            assert!(place(right).is_ok(), "{right}");
        }
        for wrong in ["", "80", ":80", "localhost", "a b:80", "a:65536", "unix:"] {
            assert!(place(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[0-9a-zKMiB. :+-]{0,12}|.{0,8}") {
            let _ = (time(&text), size(&text), place(&text), count(&text), boolean(&text));
        }
    }
}
