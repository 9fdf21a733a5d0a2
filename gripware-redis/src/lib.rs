//! Several nodes over Redis: items between hubs (`gripware-relay`), and history, presence and records
//! for handlers (`gripware-state`). The modules say what each needs and what it keeps.
//!
//! ```no_run
//! use gripware_state::State;
//!
//! # fn main() -> Result<(), gripware_state::ConfigError> {
//! // GRIPWARE_STATE=redis://:password@redis.internal:6379/0
//! let state = State::with([gripware_redis::state()]).from_env()?;
//! let history = state.history();
//! # let _ = history;
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//! | feature | default | what it does |
//! |---|---|---|
//! | `tls` | yes | `rediss://`, with rustls and aws-lc-rs |
//! | `aws-lc-rs` | yes | signs with aws-lc-rs; see `gripware-core` |
//! | `rust-crypto` | no | signs in pure Rust; see `gripware-core` |

#![cfg_attr(docsrs, feature(doc_cfg))]
#![doc(html_root_url = "https://docs.rs/gripware-redis/latest")]

pub mod relay;
pub mod state;

pub use self::{
    relay::broker,
    state::{RedisState, state},
};
