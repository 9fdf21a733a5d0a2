use std::{
    sync::{LazyLock, Mutex},
    time::{Duration, Instant},
};

/// Every message begins with this, and has it once.
pub(crate) const MARK: u8 = b'~';

/// After the mark, in nanoseconds since the program began.
const DIGITS: usize = 19;

const LENGTH: usize = 100;

static BEGIN: LazyLock<Instant> = LazyLock::new(Instant::now);

/// A message of 100 bytes that says when it was made.
pub(crate) fn message() -> String {
    message_of(LENGTH)
}

/// The same with another length, in bytes.
pub(crate) fn message_of(length: usize) -> String {
    let now = BEGIN.elapsed().as_nanos();
    format!(
        "{mark}{now:0DIGITS$}{:x<1$}\n",
        "",
        length.saturating_sub(DIGITS + 2),
        mark = char::from(MARK)
    )
}

/// How long messages were under way, from some of the clients: looking at each message of all of
/// them would take more time than the proxy does.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    seen: Mutex<Vec<Duration>>,
}

impl Lag {
    /// Reads the messages in `bytes`, which begin with what an earlier call left in `rest`.
    pub(crate) fn read(&self, rest: &mut Vec<u8>, bytes: &[u8]) {
        rest.extend_from_slice(bytes);
        let now = BEGIN.elapsed();
        let Ok(mut seen) = self.seen.lock() else {
            return;
        };
        let mut parts = rest.split(|byte| *byte == MARK);
        let mut last = parts.next().unwrap_or_default();
        for part in parts {
            last = part;
            if let Some(made) = part.get(..DIGITS).and_then(read) {
                seen.push(now.saturating_sub(made));
            }
        }
        // A time that is not here whole is read with the bytes that follow.
        let begun = last.len() < DIGITS && rest.len() > last.len();
        let keep = if begun { last.len() + 1 } else { 0 };
        rest.drain(..rest.len() - keep);
    }

    /// The time that 99 of 100 messages needed at most, of those since the last call.
    pub(crate) fn p99(&self) -> Duration {
        let Ok(mut seen) = self.seen.lock() else {
            return Duration::ZERO;
        };
        seen.sort_unstable();
        let p99 = seen.get(seen.len() * 99 / 100).copied();
        seen.clear();
        p99.unwrap_or_default()
    }
}

fn read(digits: &[u8]) -> Option<Duration> {
    Some(Duration::from_nanos(
        std::str::from_utf8(digits).ok()?.parse().ok()?,
    ))
}
