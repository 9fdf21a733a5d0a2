//! Items between the nodes of a cluster over core NATS, 2.9 or later.
//!
//! Every node is subscribed to `gw.CLUSTER.items`, and to `gw.CLUSTER.node.NODE` for what others
//! ask it. Core NATS keeps nothing and confirms nothing: a node takes an item for published when it
//! comes back to it, sends again what did not, and tells of a loss after each outage. NATS keeps the
//! order of each sender; two nodes may see the items of two others in another order, where Redis has
//! one for all. Ids and previous ids put the items of a channel in order.
//!
//! ```
//! use gripware_relay::Backend;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let url = "nats://app:secret@10.0.0.7:4222,nats://app:secret@10.0.0.8:4222".parse()?;
//! let broker = Backend::open_url(&[gripware_nats::broker()], &url, &"blue".parse()?)?;
//! assert_eq!(broker.name(), "nats://10.0.0.7:4222,nats://10.0.0.8:4222");
//!
//! let url = "nats://host:many".parse()?;
//! assert!(Backend::open_url(&[gripware_nats::broker()], &url, &"blue".parse()?).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # The URL
//! `nats://[user[:password]@]host[:port]`, or `tls://` where TLS is required; a user without a
//! password is a token. Several servers of one NATS cluster stand with commas between them; the
//! credentials of the first are used for all. One parameter:
//!
//! | parameter | default | meaning |
//! |---|---|---|
//! | `ca` | the system's | a file in PEM with the certificates to trust |
//!
//! # Permissions
//! An account for one cluster needs no more than this in the server's configuration:
//!
//! ```text
//! { user: gripware, password: PASSWORD, permissions: {
//!     publish: ["gw.CLUSTER.>"], subscribe: ["gw.CLUSTER.>"] } }
//! ```
//!
//! One for a program that only publishes: `publish: ["gw.CLUSTER.items"], subscribe: []`.
//!
//! # Limits
//! The server's `max_payload`, by default 1 MiB, is the largest item. 4096 messages wait for a node
//! that is busy; beyond it they are dropped, and the node is told.
//!
//! # Features
//! | feature | default | what it does |
//! |---|---|---|
//! | `aws-lc-rs` | yes | see `gripware-core` |
//! | `rust-crypto` | no | see `gripware-core` |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-nats/latest")]

mod broker;
mod connection;
mod incoming;
mod servers;

use std::sync::Arc;

use gripware_relay::Backend;

use self::broker::NatsBroker;

/// The schemes of its URLs.
const SCHEMES: &[&str] = &["nats", "tls"];

/// Returns what makes brokers for `nats://` and `tls://`.
#[must_use]
pub fn broker() -> Backend {
    Backend::new(SCHEMES, |url, cluster| {
        Ok(Arc::new(NatsBroker::open(url, cluster)?))
    })
}
