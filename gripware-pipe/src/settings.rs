use std::time::Duration;

use thiserror::Error;

/// The largest head of a request or a response, in bytes: method, path, and every header with 32
/// bytes of overhead, as HTTP/2 counts it (RFC 9113, section 6.5.2).
///
/// It is checked before anything is sent. An HTTP/2 peer that gets a larger one may end the whole
/// connection, and every other call with it.
pub const MAX_HEAD: usize = 64 * 1024;

/// How many headers a head of HTTP/1.1 may have. The parser makes room for all of them before it reads
/// a head, whatever comes: with as many as fit into [`MAX_HEAD`] that would be half the work of a call.
pub(crate) const MAX_HEADERS: usize = 256;

/// Times and limits of one end of a pipe.
///
/// | setting | default | why |
/// |---|---|---|
/// | [`heartbeat`](Self::heartbeat) | 5 s, and 5 s for the answer | a dead peer is noticed within 10 s |
/// | [`connect_timeout`](Self::connect_timeout) | 10 s | TCP, TLS and the first exchange |
/// | [`response_timeout`](Self::response_timeout) | 60 s | until the head of the response |
/// | [`idle_timeout`](Self::idle_timeout) | 5 min | a body without a byte |
/// | [`wait`](Self::wait) | none | a call to a client that is not there fails at once |
/// | [`drain`](Self::drain) | 5 s | what calls under way get when an end stops |
/// | [`refresh`](Self::refresh) | 1 s | how often certificates and revocations are read again |
/// | [`max_calls`](Self::max_calls) | 256 | calls under way on a pipe, in each direction |
/// | [`max_queued`](Self::max_queued) | 1024 | calls that wait for one of those to end |
/// | [`stream_window`](Self::stream_window) | 256 KiB | what may be buffered of a body |
/// | [`repeat_idempotent`](Self::repeat_idempotent) | yes | once, when the pipe is lost |
///
/// ```
/// use std::time::Duration;
/// use gripware_pipe::{Settings, SettingsError};
///
/// let settings = Settings::new().wait(Duration::from_secs(2)).max_calls(64);
/// assert_eq!(settings.check(), Ok(()));
/// assert_eq!(settings.max_calls(0).check(), Err(SettingsError::MaxCalls { calls: 0 }));
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Settings {
    pub(crate) heartbeat_interval: Duration,
    pub(crate) heartbeat_timeout: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) response_timeout: Duration,
    pub(crate) idle_timeout: Duration,
    pub(crate) wait: Duration,
    pub(crate) drain: Duration,
    pub(crate) refresh: Duration,
    pub(crate) max_calls: u32,
    pub(crate) max_queued: u32,
    pub(crate) stream_window: u32,
    pub(crate) repeat_idempotent: bool,
    pub(crate) development: bool,
}

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A time that has to be above zero is zero.
    #[error("the {name} has to be above 0")]
    Zero {
        /// Which.
        name: &'static str,
    },
    /// The number of calls is none that HTTP/2 can do here.
    #[error("{calls} calls at once: it has to be 1 to 8192")]
    MaxCalls {
        /// What was given.
        calls: u32,
    },
    /// The window is too small to be of use, or too large.
    #[error("a window of {bytes} bytes: it has to be 16 KiB to 16 MiB")]
    StreamWindow {
        /// What was given.
        bytes: u32,
    },
    /// Together the windows are more than an HTTP/2 connection can have.
    #[error("{calls} calls with windows of {bytes} bytes are more than 2 GiB")]
    Windows {
        /// The number of calls.
        calls: u32,
        /// The window of each.
        bytes: u32,
    },
}

impl Settings {
    /// The defaults.
    pub fn new() -> Self {
        Self {
            heartbeat_interval: Duration::from_secs(5),
            heartbeat_timeout: Duration::from_secs(5),
            connect_timeout: Duration::from_secs(10),
            response_timeout: Duration::from_secs(60),
            idle_timeout: Duration::from_secs(300),
            wait: Duration::ZERO,
            drain: Duration::from_secs(5),
            refresh: Duration::from_secs(1),
            max_calls: 256,
            max_queued: 1024,
            stream_window: 256 * 1024,
            repeat_idempotent: true,
            development: false,
        }
    }

    /// Sets how long a connection may be silent before it is asked for a sign of life (an HTTP/2
    /// PING), and how long the answer may take. Both ends ask.
    pub fn heartbeat(mut self, interval: Duration, timeout: Duration) -> Self {
        (self.heartbeat_interval, self.heartbeat_timeout) = (interval, timeout);
        self
    }

    /// Sets how long TCP, TLS and the first exchange may take.
    pub fn connect_timeout(mut self, limit: Duration) -> Self {
        self.connect_timeout = limit;
        self
    }

    /// Sets how long a call may take until the head of its response is there, waiting included.
    pub fn response_timeout(mut self, limit: Duration) -> Self {
        self.response_timeout = limit;
        self
    }

    /// Sets how long the body of a request or response may go without a byte.
    pub fn idle_timeout(mut self, limit: Duration) -> Self {
        self.idle_timeout = limit;
        self
    }

    /// Sets how long a call waits for a client that is known and not connected.
    pub fn wait(mut self, limit: Duration) -> Self {
        self.wait = limit;
        self
    }

    /// Sets how long calls under way may take to end when this end stops or leaves a connection.
    pub fn drain(mut self, limit: Duration) -> Self {
        self.drain = limit;
        self
    }

    /// Sets how often the files of certificates and revocations are read again.
    pub fn refresh(mut self, interval: Duration) -> Self {
        self.refresh = interval;
        self
    }

    /// Sets how many calls may be under way on one pipe, in each direction: 1 to 8192.
    pub fn max_calls(mut self, calls: u32) -> Self {
        self.max_calls = calls;
        self
    }

    /// Sets how many calls may wait for another one to end. Any more fail at once (backpressure).
    pub fn max_queued(mut self, calls: u32) -> Self {
        self.max_queued = calls;
        self
    }

    /// Sets how many bytes of one body may be received and not yet read: 16 KiB to 16 MiB.
    ///
    /// A connection's own window is this times the number of calls, so that slow readers never
    /// starve a call that is read. That product bounds the memory of one direction of a pipe.
    pub fn stream_window(mut self, bytes: u32) -> Self {
        self.stream_window = bytes;
        self
    }

    /// Sets whether a call that was lost with its pipe is sent once more on the next one, where it
    /// is idempotent (RFC 9110, section 9.2.2) and has no body. No other is ever repeated.
    pub fn repeat_idempotent(mut self, repeat: bool) -> Self {
        self.repeat_idempotent = repeat;
        self
    }

    /// Sets whether error responses carry the causes of an error, as a traceback.
    pub fn development(mut self, development: bool) -> Self {
        self.development = development;
        self
    }

    /// Checks the limits of each setting. The builders do so as well.
    ///
    /// # Errors
    /// Where one is out of its range.
    pub fn check(&self) -> Result<(), SettingsError> {
        let times = [
            ("heartbeat interval", self.heartbeat_interval),
            ("heartbeat timeout", self.heartbeat_timeout),
            ("connect timeout", self.connect_timeout),
            ("response timeout", self.response_timeout),
            ("idle timeout", self.idle_timeout),
            ("refresh interval", self.refresh),
        ];
        if let Some((name, _)) = times.into_iter().find(|(_, time)| time.is_zero()) {
            return Err(SettingsError::Zero { name });
        }
        let (calls, bytes) = (self.max_calls, self.stream_window);
        if !(1..=8192).contains(&calls) {
            return Err(SettingsError::MaxCalls { calls });
        }
        if !(16 << 10..=16 << 20).contains(&bytes) {
            return Err(SettingsError::StreamWindow { bytes });
        }
        if u64::from(calls) * u64::from(bytes) >= 1 << 31 {
            return Err(SettingsError::Windows { calls, bytes });
        }
        Ok(())
    }

    /// The window of a whole connection; [`check`](Self::check) keeps it below 2 GiB.
    pub(crate) fn connection_window(&self) -> u32 {
        self.max_calls
            .saturating_mul(self.stream_window)
            .max(65_535)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_their_range_are_refused() {
        let new = Settings::new;
        assert_eq!(new().check(), Ok(()));
        let zero = new().heartbeat(Duration::ZERO, Duration::from_secs(1));
        assert_eq!(
            zero.check().unwrap_err().to_string(),
            "the heartbeat interval has to be above 0"
        );
        for calls in [0, 8193] {
            let error = SettingsError::MaxCalls { calls };
            assert_eq!(new().max_calls(calls).check(), Err(error));
        }
        assert!(new().stream_window(1000).check().is_err());
        let (calls, bytes) = (8192, 1 << 20);
        let large = new().max_calls(calls).stream_window(bytes);
        assert_eq!(large.check(), Err(SettingsError::Windows { calls, bytes }));
    }
}
