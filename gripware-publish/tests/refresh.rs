//! Turns for WebSockets of a proxy in this process.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::{Arc, Mutex};

use gripware_core::{Channel, GripUrl, item::ItemParts};
use gripware_publish::{Publisher, Sink, SinkError};

/// Notes whom it refreshes, or cannot.
#[derive(Debug, Default)]
struct Proxy {
    refreshed: Mutex<Vec<String>>,
    cannot: bool,
}

impl Sink for Proxy {
    fn name(&self) -> &str {
        "proxy"
    }

    fn accept(&self, _channel: &Channel, _item: &ItemParts) -> Result<(), SinkError> {
        Ok(())
    }

    fn refresh(&self, connections: &mut dyn Iterator<Item = &str>) -> bool {
        let refreshed = connections.map(str::to_owned);
        self.refreshed.lock().unwrap().extend(refreshed);
        !self.cannot
    }
}

/// One as it was before there were refreshes.
#[derive(Debug)]
struct Plain;

impl Sink for Plain {
    fn name(&self) -> &str {
        "plain"
    }

    fn accept(&self, _channel: &Channel, _item: &ItemParts) -> Result<(), SinkError> {
        Ok(())
    }
}

#[tokio::test]
async fn connections_are_refreshed_by_a_sink_that_is_alone() {
    let proxy = Arc::new(Proxy::default());
    let alone = Publisher::builder()
        .sink(Arc::clone(&proxy))
        .build()
        .unwrap();
    assert!(alone.refresh(["a", "b"]));
    assert_eq!(*proxy.refreshed.lock().unwrap(), ["a", "b"]);

    alone.close().await.unwrap();
    assert!(!alone.refresh(["c"]), "it is closed");
    let url = GripUrl::parse("http://localhost:5561/").unwrap();
    let one_of_two = [
        Publisher::builder()
            .sink(Arc::clone(&proxy))
            .endpoint(url.clone()),
        Publisher::builder().sink(Arc::clone(&proxy)).sink(Plain),
        Publisher::builder().endpoint(url),
        Publisher::builder().sink(Plain),
    ];
    for builder in one_of_two {
        let publisher = builder.build().unwrap();
        assert!(!publisher.refresh(["c"]), "{publisher:?}");
    }
    assert!(!Publisher::none().refresh(["c"]));
    assert_eq!(*proxy.refreshed.lock().unwrap(), ["a", "b"]);

    let full = Arc::new(Proxy {
        cannot: true,
        ..Proxy::default()
    });
    let full = Publisher::builder().sink(full).build().unwrap();
    assert!(!full.refresh(["c"]));
}
