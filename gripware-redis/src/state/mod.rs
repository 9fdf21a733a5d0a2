//! History, presence and records in Redis, for `gripware-state`.
//!
//! Each step is one script, so that Redis gives numbers and versions, and transitions are computed
//! once whoever causes them. Redis 6.2 or later, one server or one with replicas; a Redis Cluster is
//! not supported, since presence and expiries have keys of their own.
//!
//! # The URL
//! `redis://[user[:password]@]host[:port][/database]`, or `rediss://` for TLS. For TLS three
//! parameters name files in PEM: `ca`, the certificates to trust in place of the system's, `cert` and
//! `key`, the client's own. Where the process has no rustls provider when it dials first, aws-lc-rs
//! is installed; an application that wants another installs that before.
//!
//! # What Redis holds
//! All keys begin with `gw:CLUSTER:`, so a user for it needs no others:
//!
//! ```text
//! ACL SETUSER gripware on >PASSWORD resetkeys ~gw:default:* resetchannels -@all
//!   +@connection +@read +@write +@scripting -@dangerous +time
//! ```
//!
//! | key | what |
//! |---|---|
//! | `h:{CHANNEL}`, `l:{CHANNEL}` | the last id of a channel, and its entries as a list |
//! | `k:{CHANNEL}`, LF, key | the entry of an idempotency key |
//! | `m:{CHANNEL}`, `u:{CHANNEL}`, `n:{CHANNEL}` | the connections and the users of a channel, and a pause between counts |
//! | `due`, `leases`, `dead`, `lease:ID` | what ends when, the leases of nodes, and who is under them |
//! | `r:KEY`, `expiries`, `versions` | records |
//! | `items` | the stream that nodes read, where it is [relayed to](RedisState::relaying) |
//!
//! Whoever may write to these keys can speak in every channel.
//!
//! # When Redis fails
//! | what happens | what a caller sees |
//! |---|---|
//! | it cannot be reached | [`Unavailable`](gripware_state::StateErrorKind::Unavailable), after [`TIMEOUT`] at most; at once for [`RETRY_INTERVAL`] after that |
//! | it stops, or the connection breaks, while it works | reads are tried once more; else [`Uncertain`](gripware_state::StateErrorKind::Uncertain) |
//! | it comes back | the next call connects |
//! | it comes back empty, or has lost a channel | the channel begins a new epoch, and readers are told |
//! | it evicts or expires the entries of a channel | its numbers stay, readers are told what they missed |
//! | it comes back from an older copy | numbers that it has forgotten are given again: readers ahead of them are told, until they are reached. Use `appendfsync always`, or `clear` the channel |
//! | no permission, a wrong password | [`Refused`](gripware_state::StateErrorKind::Refused) |
//! | it is out of memory | [`Full`](gripware_state::StateErrorKind::Full) |
//! | its clock jumps ahead | leases and graces end early: nodes open new leases within 5 s, before the grace ends |

mod connection;
mod error;
mod history;
mod keys;
mod presence;
mod provider;
mod records;
mod scripts;

pub use self::{
    connection::{RETRY_INTERVAL, TIMEOUT},
    provider::{RedisState, UrlError, state},
};
