//! Items between the nodes of a cluster: what is published at one node reaches the clients of all.
//!
//! A *node* is one hub. A *broker* is the engine that carries bytes between nodes: Redis
//! (`gripware-redis`), NATS (`gripware-nats`), or [`MemoryBroker`] in one process. A [`Relay`] is
//! what a node does with a broker: it numbers what it sends, knows what is lost, and knows whether
//! it hears the others at all. Every node receives every item, and drops what nobody there follows,
//! so that a subscription counts from its first moment.
//!
//! ```
//! use std::sync::Arc;
//!
//! use gripware_core::{Channel, Item, WsMessage};
//! use gripware_relay::{Delivery, MemoryBroker, PublishError, Relay, RelaySettings};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let broker = MemoryBroker::new();
//! let (relay, mut deliveries) = Relay::new(Arc::new(broker.clone()), RelaySettings::new());
//!
//! // Whatever comes, from here and from elsewhere, comes this way.
//! let (sender, mut received) = tokio::sync::mpsc::channel(10);
//! let receiving = tokio::spawn(async move {
//!     while let Some(delivery) = deliveries.next().await {
//!         match delivery {
//!             Delivery::Item(item) => {
//!                 let Ok((channel, item)) = item.into_item() else { continue };
//!                 let _ = sender.send((channel, item)).await;
//!             }
//!             Delivery::Lost(_) => { /* let everybody ask the origin */ }
//!             _ => {}
//!         }
//!     }
//! });
//!
//! relay.heard().await;
//! let (room, hi) = (Channel::new("room")?, Item::from(WsMessage::text("hi")));
//! relay.publish(&room, &hi).await?;
//! assert_eq!(received.recv().await, Some((room.clone(), hi.clone())));
//!
//! // During an outage nothing is accepted, and whoever publishes is told.
//! broker.set_reachable(false);
//! # tokio::time::pause();
//! let error = relay.publish(&room, &hi).await.unwrap_err();
//! assert_eq!(error, PublishError::Unknown);
//! # Ok(())
//! # }
//! ```
//!
//! # What is sent
//! Each node has an id, and each run of it a random *incarnation*. What a run sends is numbered from
//! 1 ([`Envelope`]). A receiver keeps the last number of each run: a number that is not higher is
//! dropped (deduplication), and one that jumps is a loss. A *beat* each second carries the last
//! number, so that a lost tail shows within 2 s.
//!
//! What the broker has not confirmed is kept, and is sent again with the same number before
//! anything later is (go-back-N). It is bounded by [`RelaySettings::backlog_bytes`]. A broker
//! confirms by its reply, as Redis does, or by handing the message back to its sender, as NATS does.
//! So an item is sent at least once and delivered once, and [`Relay::publish`] says `Ok` only when
//! the broker has it.
//!
//! # What is lost
//! [`Delivery::Lost`] comes when numbers of a node are missing; after an outage of a broker that
//! keeps nothing; when the node's own beat was missing for [`SILENCE`]; and when a buffer ran over.
//! It comes once the node hears again, so that asking the origin then misses nothing. Until then the
//! node is *deaf* and [`Relay::hears`] is `false`: a load balancer should send it no clients.
//!
//! # Why every node receives every item
//! A subject for each channel would spare a node the items that nobody there follows. It is not
//! offered, as it would take more than it spares:
//!
//! - A subscription would count only once the broker knows of it, so each hold that opens would have to
//!   wait for a round trip, or miss what is published meanwhile.
//! - Numbers show a gap only to whoever receives all of them. A node that chooses its channels could
//!   not tell an item that was lost from one that was not for it.
//! - A node remembers the last id of channels that nobody follows yet, so that a hold that opens behind
//!   it asks the origin at once.
//!
//! An item that nobody follows is dropped by its envelope. 10 000 of them a second took a node 4 % of a
//! core over Redis and 3 % over NATS, as `cargo bench -p gripware-cli --bench relay` measures. An
//! application that outgrows that divides its channels over several clusters.
//!
//! # From other languages
//! A message that begins with `{` is no envelope but an item of a program that is no node: in the
//! JSON of Pushpin's control API, one item or `{"items":[…]}`.
//!
//! ```sh
//! redis-cli XADD gw:CLUSTER:items MAXLEN '~' 100000 '*' \
//!   d '{"channel":"room","formats":{"ws-message":{"content":"hi"}}}'
//! nats pub gw.CLUSTER.items '{"channel":"room","formats":{"ws-message":{"content":"hi"}}}'
//! ```
//!
//! Such items have no numbers. Give them ids and previous ids, by which a gap is found, and a
//! repetition dropped.
//!
//! # Threat model
//! Whoever may write to the broker may publish to every channel of the cluster, and may stop its
//! nodes from hearing each other. So the broker is not reachable from outside, asks for a password,
//! and gives an account for each cluster no more than it needs; `gripware-redis` and `gripware-nats`
//! have examples. Bytes from a broker are still not trusted: they are read with the limits of the
//! control API, and what cannot be read is counted and dropped.
//!
//! # Limits
//! | what | limit | beyond it |
//! |---|---|---|
//! | items that wait to be accepted | 16 MiB ([`RelaySettings::backlog_bytes`]) | [`Relay::enqueue`] refuses, [`Relay::publish`] waits |
//! | time for an item to be accepted | 5 s ([`RelaySettings::publish_timeout`]) | an error |
//! | items in one batch | 512, or 1 MiB | the next batch |
//! | one item | what the broker takes, 1 MiB with Redis and by default with NATS | an error |
//! | runs of nodes that are remembered | 1024, each for an hour of silence | the most silent is forgotten |
//! | questions that wait | 1024 | not asked, which is told as nobody having answered |
//! | time for an answer | 500 ms ([`RelaySettings::ask_timeout`]) | what came is told |
//!
//! # Features
//! | feature | default | what it does |
//! |---|---|---|
//! | `aws-lc-rs` | yes | see `gripware-core` |
//! | `rust-crypto` | no | see `gripware-core` |
//! | `suite` | no | `suite`: what every broker has to do, as tests |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-relay/latest")]

mod backend;
mod backoff;
mod broker;
mod counts;
mod delivery;
mod envelope;
mod error;
mod exchange;
mod hearing;
mod memory;
mod name;
mod outbox;
mod peers;
mod relay;
mod settings;
#[cfg(feature = "suite")]
pub mod suite;
#[cfg(test)]
mod tests;
mod url;

pub use self::{
    backend::{Backend, OpenError},
    backoff::Backoff,
    broker::{Broker, BrokerError, BrokerErrorKind, Event, Incoming, Lane, Sent, Task},
    counts::Counts,
    delivery::{Answers, Delivery, Loss, LossReason, Question, RelayedItem, RelayedItemError},
    envelope::{Envelope, EnvelopeError, Kind, MAX_HEAD},
    error::PublishError,
    memory::{MEMORY_MESSAGES, MemoryBroker},
    name::{ClusterName, MAX_NAME_LEN, NameError, NodeId},
    relay::{Deliveries, Receipt, Relay},
    settings::{BEAT, GONE_AFTER, RelaySettings, SILENCE},
    url::{MAX_URL_LEN, RelayUrl, RelayUrlError},
};
