//! The time at the beginning of each line of the log.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use humantime::format_rfc3339_seconds;
use tracing_subscriber::fmt::{format::Writer, time::FormatTime};

/// The time in UTC with microseconds, as `tracing_subscriber` writes it (RFC 3339).
///
/// Of two lines in the same second the date and the seconds are the same. They are made once, since
/// they would be a fifth of what a line costs, and a program has a line for each request.
#[derive(Debug, Default)]
pub(crate) struct LogTime {
    newest: Mutex<(u64, String)>,
}

impl LogTime {
    fn write(&self, now: SystemTime, to: &mut Writer<'_>) -> fmt::Result {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let (second, text) = &mut *newest;
        if *second != now.as_secs() || text.is_empty() {
            *second = now.as_secs();
            let whole = UNIX_EPOCH + Duration::from_secs(now.as_secs());
            *text = format_rfc3339_seconds(whole).to_string();
            // The zone stands behind the microseconds.
            text.pop();
        }
        to.write_str(text)?;
        let mut rest = now.subsec_micros();
        let mut micros = *b".000000Z";
        for digit in micros.iter_mut().skip(1).take(6).rev() {
            // Less than ten.
            *digit += (rest % 10) as u8;
            rest /= 10;
        }
        to.write_str(std::str::from_utf8(&micros).unwrap_or_default())
    }
}

impl FormatTime for LogTime {
    fn format_time(&self, to: &mut Writer<'_>) -> fmt::Result {
        self.write(SystemTime::now(), to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_own_microseconds_and_the_seconds_of_its_time() {
        let time = LogTime::default();
        for (micros, text) in [
            (0, "1970-01-01T00:00:00.000000Z"),
            (951_782_400_000_001, "2000-02-29T00:00:00.000001Z"),
            (951_782_400_123_456, "2000-02-29T00:00:00.123456Z"),
            (951_782_400_999_999, "2000-02-29T00:00:00.999999Z"),
            (951_782_401_000_000, "2000-02-29T00:00:01.000000Z"),
            (1_795_948_053_000_210, "2026-11-29T10:27:33.000210Z"),
        ] {
            let mut written = String::new();
            let now = UNIX_EPOCH + Duration::from_micros(micros);
            time.write(now, &mut Writer::new(&mut written)).unwrap();
            assert_eq!(written, text);
        }
    }
}
