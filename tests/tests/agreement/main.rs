//! The crate against other implementations: what one writes, the other reads.
//!
//! Where they differ, the difference stands in a table with its reason. An entry that no longer
//! differs fails the test too.

mod events;
mod holds;
mod items;
mod signatures;
mod tokens;
mod urls;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine, engine::general_purpose::STANDARD};
use gripware_interop::Peer;
use serde_json::{Value, json};

fn peers() -> [Peer; 2] {
    [Peer::python(), Peer::node()]
}

/// Bytes as peers write and read them.
fn bytes(content: impl AsRef<[u8]>) -> Value {
    json!({"base64": STANDARD.encode(content)})
}

fn from_bytes(value: &Value) -> Vec<u8> {
    let text = value["base64"].as_str().expect("bytes in base64");
    STANDARD.decode(text).expect("bytes in base64")
}

/// The peers have clocks of their own, so the crate is given the same one.
fn now() -> SystemTime {
    SystemTime::now()
}

fn seconds_from_now(seconds: i64) -> i64 {
    let now = now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(now.as_secs()).expect("a time before the year 9999") + seconds
}
