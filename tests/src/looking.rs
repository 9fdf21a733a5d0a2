use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::time::timeout;

use crate::{PATIENCE, Request};

/// How many subscribers a channel has, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Subscribers {
    /// Response holds.
    pub(crate) response: usize,
    /// Stream holds.
    pub(crate) stream: usize,
    /// WebSockets.
    pub(crate) websocket: usize,
}

impl Subscribers {
    /// How many there are in all.
    pub(crate) fn total(self) -> usize {
        self.response + self.stream + self.websocket
    }
}

/// What a hub's control API says of a channel. One that nobody follows has no subscribers.
pub(crate) async fn subscribers(control: SocketAddr, channel: &str) -> Subscribers {
    let channels = Request::new("GET", control, "/channels").send().await;
    assert_eq!(channels.status(), 200);
    let channels = channels.json().await;
    let list = channels.as_array().expect("a list of channels");
    let count = |entry: &Value, kind: &str| {
        let count = entry["subscribers"][kind].as_u64().unwrap_or_default();
        usize::try_from(count).expect("a count")
    };
    list.iter()
        .find(|entry| entry["name"] == channel)
        .map_or_else(Subscribers::default, |entry| Subscribers {
            response: count(entry, "response"),
            stream: count(entry, "stream"),
            websocket: count(entry, "websocket"),
        })
}

/// The value of a metric in Prometheus' text, added up over its labels.
pub(crate) fn metric(text: &str, name: &str) -> f64 {
    text.lines()
        .filter_map(|line| line.strip_prefix(name))
        .filter(|rest| rest.starts_with([' ', '{']))
        .filter_map(|rest| rest.rsplit_once(' '))
        .map(|(_, value)| value.parse::<f64>().expect("a number"))
        .sum()
}

/// How long one answer may take: one that a proxy has lost, as Pushpin does while its programs find
/// each other, never comes.
const ATTEMPT: Duration = Duration::from_secs(8);

/// Asks until the answer is yes.
///
/// # Panics
/// Where it is not within [`PATIENCE`].
pub async fn until(what: &str, mut question: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !timeout(ATTEMPT, question()).await.unwrap_or(false) {
        assert!(start.elapsed() < PATIENCE, "waited for {what} in vain");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
