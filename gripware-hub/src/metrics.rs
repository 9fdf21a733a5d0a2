//! What a hub counts, as it happens; `/metrics` reads the numbers and asks nobody.

use std::{
    fmt::Write,
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use crate::inspect::{ConnectionKind, Subscribers};

/// The comment of a counter is what the exposition says about it.
macro_rules! counters {
    ($($(#[doc = $help:literal])+ $name:ident;)*) => {
        /// What has been counted since the hub was built, and what there is by kind.
        #[derive(Debug, Default)]
        pub(crate) struct Metrics {
            $($(#[doc = $help])+ pub(crate) $name: Counter,)*
            /// Clients that are held.
            pub(crate) connections: GaugeByKind,
            /// Subscriptions of held clients to channels.
            pub(crate) subscriptions: GaugeByKind,
        }

        impl Metrics {
            /// Tells `visit` each counter's name, meaning and value.
            fn each(&self, mut visit: impl FnMut(&'static str, &'static str, u64)) {
                $(visit(
                    concat!("gripware_hub_", stringify!($name), "_total"),
                    concat!($($help),+).trim_ascii_start(),
                    self.$name.value(),
                );)*
            }
        }
    };
}

counters! {
    /// Requests of clients.
    requests;
    /// Requests that the origin did not answer, or not so that it can be passed on.
    bad_gateway;
    /// Clients that were held: requests answered later.
    held_responses;
    /// Clients that were held: responses appended to.
    held_streams;
    /// Clients that were held: WebSockets.
    held_websockets;
    /// Connections that were passed through after a 101 of the application.
    passed_sockets;
    /// Items accepted.
    items;
    /// Items dropped since their id was seen a moment ago.
    duplicates;
    /// Items that waited for an earlier one in vain.
    gaps;
    /// Items handed to a connection.
    deliveries;
    /// Bytes written to held clients.
    sent_bytes;
    /// Messages dropped since a client did not read.
    dropped;
    /// Clients disconnected since they did not read.
    slow_closed;
    /// WebSocket clients that vanished: nothing came from them after a ping.
    silent_closed;
    /// Answers ended since their client did not take them.
    stalled_closed;
    /// HTTP/2 connections ended for a flood of frames.
    floods_closed;
    /// Requests refused since their client had too many in progress.
    busy;
    /// Requests of the hub's own to the origin.
    asks;
    /// Requests of the hub's own to the origin that failed.
    asks_failed;
    /// Clients that may have missed items of other nodes and cannot be told: streams without a next
    /// link, and WebSockets where nothing is done about it.
    lost_unrecoverable;
}

impl Metrics {
    /// Writes all counters and gauges as Prometheus reads them (text format 0.0.4).
    pub(crate) fn exposition(&self, gauges: &Gauges) -> String {
        let mut text = String::with_capacity(4096);
        self.each(|name, help, value| {
            head(&mut text, name, help, "counter");
            let _ = writeln!(text, "{name} {value}");
        });
        gauges.write(&mut text);
        text
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number of something that comes and goes. It is kept as it changes, so that reading it costs
/// the same however much there is.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicUsize);

impl Gauge {
    pub(crate) fn add(&self, count: usize) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// Takes away what has been added before.
    pub(crate) fn sub(&self, count: usize) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }

    pub(crate) fn value(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A gauge for each kind of client.
#[derive(Debug, Default)]
pub(crate) struct GaugeByKind {
    response: Gauge,
    stream: Gauge,
    websocket: Gauge,
    passed: Gauge,
}

impl GaugeByKind {
    pub(crate) fn of(&self, kind: ConnectionKind) -> &Gauge {
        match kind {
            ConnectionKind::Response => &self.response,
            ConnectionKind::Stream => &self.stream,
            ConnectionKind::WebSocket => &self.websocket,
            ConnectionKind::Passed => &self.passed,
        }
    }

    pub(crate) fn values(&self) -> Subscribers {
        Subscribers {
            response: self.response.value(),
            stream: self.stream.value(),
            websocket: self.websocket.value(),
        }
    }
}

/// What there is at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Gauges {
    /// Clients that are held.
    pub(crate) connections: Subscribers,
    /// Connections that are passed through.
    pub(crate) passed: usize,
    pub(crate) channels: usize,
    pub(crate) subscriptions: Subscribers,
    /// What waits for clients to read it, in bytes.
    pub(crate) queued_bytes: usize,
}

impl Gauges {
    fn write(&self, text: &mut String) {
        by_kind(
            text,
            "gripware_hub_connections",
            "Clients that are held.",
            self.connections,
        );
        let kind = ConnectionKind::Passed.as_str();
        let passed = self.passed;
        let _ = writeln!(text, "gripware_hub_connections{{kind=\"{kind}\"}} {passed}");
        by_kind(
            text,
            "gripware_hub_subscriptions",
            "Subscriptions of held clients to channels.",
            self.subscriptions,
        );
        for (name, help, value) in [
            (
                "gripware_hub_channels",
                "Channels that somebody is subscribed to.",
                self.channels,
            ),
            (
                "gripware_hub_queued_bytes",
                "Bytes that wait for clients to read them.",
                self.queued_bytes,
            ),
        ] {
            head(text, name, help, "gauge");
            let _ = writeln!(text, "{name} {value}");
        }
        let name = "gripware_hub_build_info";
        head(text, name, "The version, as a label.", "gauge");
        let version = env!("CARGO_PKG_VERSION");
        let _ = writeln!(text, "{name}{{version=\"{version}\"}} 1");
    }
}

fn by_kind(text: &mut String, name: &str, help: &str, count: Subscribers) {
    head(text, name, help, "gauge");
    for (kind, count) in [
        (ConnectionKind::Response, count.response),
        (ConnectionKind::Stream, count.stream),
        (ConnectionKind::WebSocket, count.websocket),
    ] {
        let kind = kind.as_str();
        let _ = writeln!(text, "{name}{{kind=\"{kind}\"}} {count}");
    }
}

fn head(text: &mut String, name: &str, help: &str, kind: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exposition_has_each_counter_and_gauge_with_its_meaning() {
        let metrics = Metrics::default();
        metrics.items.add(3);
        metrics.items.add(4);
        let gauges = Gauges {
            connections: Subscribers {
                stream: 2,
                ..Subscribers::default()
            },
            queued_bytes: 9,
            ..Gauges::default()
        };
        let text = metrics.exposition(&gauges);
        for lines in [
            "# HELP gripware_hub_items_total Items accepted.\n\
             # TYPE gripware_hub_items_total counter\n\
             gripware_hub_items_total 7\n",
            "# TYPE gripware_hub_connections gauge\n\
             gripware_hub_connections{kind=\"response\"} 0\n\
             gripware_hub_connections{kind=\"stream\"} 2\n\
             gripware_hub_connections{kind=\"websocket\"} 0\n\
             gripware_hub_connections{kind=\"passed\"} 0\n",
            "gripware_hub_queued_bytes 9\n",
        ] {
            assert!(text.contains(lines), "{lines}\nis not in\n{text}");
        }
        let mut names = std::collections::HashSet::new();
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                assert!(
                    names.insert(rest.split(' ').next().unwrap().to_owned()),
                    "{line}"
                );
            } else if !line.starts_with('#') {
                let (sample, value) = line.rsplit_once(' ').unwrap();
                let name = sample.split('{').next().unwrap();
                assert!(names.contains(name), "{line}");
                assert!(value.parse::<u64>().is_ok(), "{line}");
            }
        }
    }
}
