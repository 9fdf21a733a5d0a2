//! What is counted, for Prometheus and for statsd.

use std::{
    fmt::Write,
    io,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use http::Method;

/// The comment of a counter is what the exposition says about it.
macro_rules! counters {
    ($($(#[doc = $help:literal])+ $name:ident;)*) => {
        /// The counters of one end.
        #[derive(Debug, Default)]
        pub(crate) struct Counters {
            $($(#[doc = $help])+ pub(crate) $name: Counter,)*
        }

        impl Counters {
            fn write(&self, text: &mut String) {
                $(
                    let name = concat!("gripware_pipe_", stringify!($name), "_total");
                    let help = concat!($($help),+).trim_ascii_start();
                    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter");
                    let _ = writeln!(text, "{name} {}", self.$name.value());
                )*
            }
        }
    };
}

counters! {
    /// Connections that were made, in either direction.
    connections;
    /// Pipes that were lost.
    lost;
    /// Connections that did not come about: unreachable, not trusted, or too late.
    failed;
    /// Calls to the other end.
    calls;
    /// Calls that have no response.
    calls_failed;
    /// Idempotent calls that were sent once more on another connection.
    repeated;
    /// Requests of the other end.
    requests;
    /// Requests that were passed on from one client to another.
    passed_on;
    /// Microseconds that calls have taken until the head of their response.
    call_microseconds;
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters, and where else they go.
#[derive(Debug, Default)]
pub(crate) struct Telemetry {
    pub(crate) counters: Counters,
    statsd: Option<UdpSocket>,
}

impl Telemetry {
    /// `statsd` is a socket that is connected and does not block.
    pub(crate) fn new(statsd: Option<UdpSocket>) -> Self {
        Self {
            counters: Counters::default(),
            statsd,
        }
    }

    /// Counts one of something at statsd.
    pub(crate) fn tick(&self, name: &str) {
        self.send(format_args!("{name}:1|c"));
    }

    /// Reports a time to statsd.
    pub(crate) fn timing(&self, name: &str, time: Duration) {
        self.send(format_args!("{name}:{}|ms", time.as_millis()));
    }

    fn send(&self, what: std::fmt::Arguments<'_>) {
        if let Some(statsd) = &self.statsd {
            // A statistic that cannot be sent is worth nothing.
            let _ = statsd.send(what.to_string().as_bytes());
        }
    }

    pub(crate) fn call_began(&self) {
        self.counters.calls.add(1);
        self.tick("message.send.tick");
    }

    pub(crate) fn call_ended(&self, took: Duration, is_ok: bool) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.counters.call_microseconds.add(micros);
        if !is_ok {
            self.counters.calls_failed.add(1);
        }
        self.timing("message.send.timing", took);
    }

    /// Reports the handling of an event, where anybody listens.
    pub(crate) fn handled(&self, handler: Option<&str>, took: Duration) {
        self.timing("message.receive.handle.timing", took);
        if let Some(handler) = handler {
            self.tick(&format!("message.received.handle.{handler}.tick"));
            self.timing(&format!("message.received.handle.{handler}.timing"), took);
        }
    }

    /// What RestPipe calls the handler of a request, `get_time_utc`. `None` if nobody listens.
    pub(crate) fn handler_name(&self, method: &Method, path: &str) -> Option<String> {
        self.statsd.as_ref()?;
        let noun = path.split("//").next().unwrap_or_default();
        let name = format!("{method}_{}", noun.trim_matches('/'));
        // A name of statsd has no others.
        let legal = |it: char| if it.is_ascii_alphanumeric() { it } else { '_' };
        Some(
            name.to_ascii_lowercase()
                .chars()
                .take(MAX_HANDLER_NAME)
                .map(legal)
                .collect(),
        )
    }

    /// The counters and these gauges (name, help, value) as Prometheus reads them (text format
    /// 0.0.4).
    pub(crate) fn exposition(&self, gauges: &[(&str, &str, u64)]) -> String {
        let mut text = String::with_capacity(2048);
        self.counters.write(&mut text);
        for (name, help, value) in gauges {
            let name = format!("gripware_pipe_{name}");
            let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
            let _ = writeln!(text, "{name} {value}");
        }
        text
    }
}

/// The most characters of a handler's name: it is a part of a datagram.
const MAX_HANDLER_NAME: usize = 100;

/// A socket that sends to statsd, and never waits for it.
pub(crate) fn statsd(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = if address.is_ipv4() {
        UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?
    } else {
        UdpSocket::bind((Ipv6Addr::UNSPECIFIED, 0))?
    };
    socket.connect(address)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statsd_gets_what_prometheus_shows() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = statsd(receiver.local_addr().unwrap()).unwrap();
        let telemetry = Telemetry::new(Some(sender));
        telemetry.call_began();
        telemetry.call_ended(Duration::from_millis(12), false);
        let mut buffer = [0; 64];
        let mut next = || {
            let length = receiver.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..length].to_vec()).unwrap()
        };
        assert_eq!(next(), "message.send.tick:1|c");
        assert_eq!(next(), "message.send.timing:12|ms");
        let name = telemetry.handler_name(&Method::GET, "/time/utc//a/b");
        telemetry.handled(name.as_deref(), Duration::from_millis(3));
        assert_eq!(next(), "message.receive.handle.timing:3|ms");
        assert_eq!(next(), "message.received.handle.get_time_utc.tick:1|c");
        assert_eq!(next(), "message.received.handle.get_time_utc.timing:3|ms");
        let text = telemetry.exposition(&[("clients", "Connected.", 3)]);
        assert!(text.contains("gripware_pipe_calls_total 1\n"), "{text}");
        assert!(
            text.contains("gripware_pipe_calls_failed_total 1\n"),
            "{text}"
        );
        assert!(text.contains("# TYPE gripware_pipe_clients gauge\ngripware_pipe_clients 3\n"));
    }
}
