//! Times as Python's `isoformat` writes them.

use std::{
    fmt,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;

/// A time in UTC, in microseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Moment(u64);

impl Moment {
    pub(crate) fn now() -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = since.map_or(0, |since| since.as_micros());
        Self(u64::try_from(micros).unwrap_or(u64::MAX))
    }

    pub(crate) const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    pub(crate) const fn micros(self) -> u64 {
        self.0
    }

    pub(crate) const fn seconds_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1_000_000
    }

    pub(crate) const fn millis_since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0) / 1_000
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = i64::try_from(self.0 / 1_000_000).unwrap_or_default();
        let at = OffsetDateTime::from_unix_timestamp(seconds).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}",
            at.year(),
            u8::from(at.month()),
            at.day(),
            at.hour(),
            at.minute(),
            at.second()
        )?;
        match self.0 % 1_000_000 {
            0 => Ok(()),
            micros => write!(f, ".{micros:06}"),
        }
    }
}

/// Reads a time that a caller has set, and writes it as Python would.
pub(crate) fn parse_moment(text: &str) -> Option<String> {
    let (date, rest) = text.split_once(['T', ' '])?;
    let mut date = date.split('-');
    let (year, month, day) = (date.next()?, date.next()?, date.next()?);
    let (year, month, day) = (
        digits(year, 4, 4)?,
        digits(month, 1, 2)?,
        digits(day, 1, 2)?,
    );
    let month_of = time::Month::try_from(u8::try_from(month).ok()?).ok()?;
    let year_of = i32::try_from(year).ok().filter(|year| *year > 0)?;
    let day_of = u8::try_from(day).ok()?;
    if date.next().is_some() || time::Date::from_calendar_date(year_of, month_of, day_of).is_err() {
        return None;
    }
    let zone_at = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at_checked(zone_at)?;
    let mut clock = clock.splitn(3, ':');
    let hour = digits(clock.next()?, 1, 2).filter(|hour| *hour < 24)?;
    let minute = digits(clock.next()?, 1, 2).filter(|minute| *minute < 60)?;
    let (second, micros) = match clock.next() {
        Some(second) => seconds(second)?,
        None => (0, 0),
    };
    let zone = offset(zone)?;
    let fraction = match micros {
        0 => String::new(),
        micros => format!(".{micros:06}"),
    };
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"
    ))
}

fn seconds(text: &str) -> Option<(u32, u32)> {
    let (second, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let second = digits(second, 1, 2).filter(|second| *second < 60)?;
    digits(fraction.get(..1)?, 1, 1)?;
    if fraction.len() > 12 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept = fraction.get(..6).unwrap_or(fraction);
    let micros = format!("{kept:0<6}").parse().ok()?;
    Some((second, micros))
}

fn offset(zone: &str) -> Option<String> {
    if zone.is_empty() {
        return Some(String::new());
    }
    if zone == "Z" {
        return Some("+00:00".to_owned());
    }
    let (sign, rest) = zone.split_at_checked(1)?;
    let plain = rest.replacen(':', "", 1);
    let hours = digits(plain.get(..2)?, 2, 2).filter(|hours| *hours < 24)?;
    let minutes = match plain.get(2..) {
        Some("") | None => 0,
        Some(minutes) => digits(minutes, 2, 2).filter(|minutes| *minutes < 60)?,
    };
    let sign = if hours == 0 && minutes == 0 {
        "+"
    } else {
        sign
    };
    Some(format!("{sign}{hours:02}:{minutes:02}"))
}

fn digits(text: &str, least: usize, most: usize) -> Option<u32> {
    let fits = (least..=most).contains(&text.len());
    let are_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    (fits && are_digits).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn times_are_written_as_python_writes_them() {
        let at = Moment::from_micros(1_767_323_045_678_901);
        assert_eq!(at.to_string(), "2026-01-02T03:04:05.678901");
        let whole = Moment::from_micros(1_767_323_045_000_000);
        assert_eq!(whole.to_string(), "2026-01-02T03:04:05");
    }

    #[test]
    fn times_of_callers_are_read() {
        for (text, read) in [
            ("2026-01-02T03:04:05", Some("2026-01-02T03:04:05")),
            ("2026-1-2 3:4", Some("2026-01-02T03:04:00")),
            (
                "2026-01-02T03:04:05.123456+02:00",
                Some("2026-01-02T03:04:05.123456+02:00"),
            ),
            (
                "2026-01-02T03:04:05.5Z",
                Some("2026-01-02T03:04:05.500000+00:00"),
            ),
            (
                "2026-01-02T03:04:05-0130",
                Some("2026-01-02T03:04:05-01:30"),
            ),
            ("2026-02-30T03:04:05", None),
            ("2026-01-02", None),
            ("2026-01-02T25:04", None),
            ("2026-01-02T03:04:05.", None),
            ("yes", None),
            ("", None),
        ] {
            assert_eq!(parse_moment(text).as_deref(), read, "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(micros in 0..4_102_444_800_000_000_u64) {
            let text = Moment::from_micros(micros).to_string();
            prop_assert_eq!(parse_moment(&text), Some(text));
        }

        #[test]
        fn no_text_panics(text in any::<String>()) {
            let _ = parse_moment(&text);
        }
    }
}
