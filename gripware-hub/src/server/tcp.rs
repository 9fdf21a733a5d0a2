//! When the operating system gives up a client that has vanished.

use std::{io, time::Duration};

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use crate::settings::Settings;

/// TCP counts its keep-alive in whole seconds, of which every system takes so many.
const MAX_SECONDS: u64 = 32_767;

/// How often a client's system is asked within the time that it has to answer.
const PROBES: u32 = 4;

/// When a client's system is asked whether the connection is still there, and how long it may take
/// to acknowledge anything.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TcpTimes {
    keep_alive: Duration,
    user_timeout: Duration,
}

impl TcpTimes {
    pub(crate) const fn new(settings: &Settings) -> Self {
        Self {
            keep_alive: settings.tcp_keep_alive,
            user_timeout: settings.tcp_user_timeout,
        }
    }

    pub(super) fn apply(self, stream: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(stream);
        if !self.keep_alive.is_zero() {
            let mut keep_alive = TcpKeepalive::new().with_time(seconds(self.keep_alive));
            if !self.user_timeout.is_zero() {
                keep_alive = probes(keep_alive, seconds(self.user_timeout / PROBES));
            }
            socket.set_tcp_keepalive(&keep_alive)?;
        }
        #[cfg(any(target_os = "linux", target_os = "android"))]
        if !self.user_timeout.is_zero() {
            socket.set_tcp_user_timeout(Some(seconds(self.user_timeout)))?;
        }
        Ok(())
    }
}

/// Where the system can be told how often it asks, and how often in vain: elsewhere it is what the
/// system thinks right.
#[cfg(any(target_os = "linux", target_os = "android", target_vendor = "apple"))]
fn probes(keep_alive: TcpKeepalive, interval: Duration) -> TcpKeepalive {
    keep_alive.with_interval(interval).with_retries(PROBES)
}

#[cfg(not(any(target_os = "linux", target_os = "android", target_vendor = "apple")))]
fn probes(keep_alive: TcpKeepalive, _interval: Duration) -> TcpKeepalive {
    keep_alive
}

/// The next whole number of seconds, from one on.
fn seconds(time: Duration) -> Duration {
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    Duration::from_secs(seconds.clamp(1, MAX_SECONDS))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn accepted() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await;
        (listener.accept().await.unwrap().0, client.unwrap())
    }

    #[tokio::test]
    async fn a_client_is_asked_after_45_s_and_given_up_60_s_after_it_was_heard() {
        let (stream, _client) = accepted().await;
        TcpTimes::new(&Settings::default()).apply(&stream).unwrap();
        let socket = SockRef::from(&stream);
        let minute = Duration::from_secs(60);
        assert!(socket.keepalive().unwrap());
        assert_eq!(socket.tcp_keepalive_time().unwrap(), minute * 3 / 4);
        assert_eq!(socket.tcp_keepalive_interval().unwrap(), minute / 4);
        assert_eq!(socket.tcp_keepalive_retries().unwrap(), PROBES);
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(minute));
    }

    #[tokio::test]
    async fn every_time_that_can_be_set_can_be_told_to_the_system() {
        for time in [Duration::from_nanos(1), crate::setting::MAX_TIME] {
            let (stream, _client) = accepted().await;
            let times = TcpTimes {
                keep_alive: time,
                user_timeout: time,
            };
            times.apply(&stream).unwrap();
        }
    }

    #[tokio::test]
    async fn without_times_it_is_as_the_system_has_it() {
        let (stream, _client) = accepted().await;
        let times = TcpTimes {
            keep_alive: Duration::ZERO,
            user_timeout: Duration::ZERO,
        };
        times.apply(&stream).unwrap();
        let socket = SockRef::from(&stream);
        assert!(!socket.keepalive().unwrap());
        assert_eq!(socket.tcp_user_timeout().unwrap(), None);
    }
}
