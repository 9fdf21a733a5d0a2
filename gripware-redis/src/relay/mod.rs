//! Items between the nodes of a cluster, over one Redis stream.
//!
//! Every node reads the whole stream `gw:CLUSTER:items`, and a short one of its own,
//! `gw:CLUSTER:node:NODE`, with what others ask it. A stream resumes after an outage and, unlike
//! pub/sub, overflows no output buffer: a node that stands still reads on from where it was, until
//! the stream is trimmed.
//!
//! ```
//! use gripware_relay::Backend;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "redis://app:secret@10.0.0.7:6379/?maxlen=50000".parse()?;
//! let broker = Backend::open_url(&[gripware_redis::broker()], &url, &"blue".parse()?)?;
//! assert_eq!(broker.name(), "redis://10.0.0.7:6379/");
//!
//! let url = "redis://localhost/?maxlen=few".parse()?;
//! assert!(Backend::open_url(&[gripware_redis::broker()], &url, &"blue".parse()?).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # The URL
//! `redis://[user[:password]@]host[:port][/database]`, `rediss://` for TLS, `redis+unix:///path`
//! for a socket, and parameters:
//!
//! | parameter | default | meaning |
//! |---|---|---|
//! | `maxlen` | 100000 | about how many messages the stream keeps, 1000 to 10000000. A node that is further behind has lost some, and is told. Redis needs memory for as many messages as large as yours |
//! | `ca` | the system's | a file in PEM with the certificates to trust, for `rediss://` |
//!
//! # Permissions
//! An account for one cluster needs no more than this:
//!
//! ```text
//! ACL SETUSER gripware on >PASSWORD resetkeys resetchannels ~gw:CLUSTER:* -@all
//!   +xadd +xread +xrange +xrevrange +expire +multi +exec +select
//! ```
//!
//! One for a program that only publishes: `~gw:CLUSTER:items -@all +xadd`.
//!
//! # What Redis keeps
//! `XADD` is answered when the message is in the stream of this server. A restart without
//! persistence, or a failover to a replica that was behind, loses what was there: nodes notice the
//! numbers that are missing, and recover. A Redis Cluster is no use here, as one stream lives on one
//! server.

mod broker;
mod client;
mod incoming;
mod reply;

use std::sync::Arc;

use gripware_relay::Backend;

use self::broker::RedisBroker;

/// The schemes of its URLs.
const SCHEMES: &[&str] = &["redis", "rediss", "redis+unix"];

/// Returns what makes brokers for `redis://`, `rediss://` and `redis+unix://`.
#[must_use]
pub fn broker() -> Backend {
    Backend::new(SCHEMES, |url, cluster| {
        Ok(Arc::new(RedisBroker::open(url, cluster)?))
    })
}
