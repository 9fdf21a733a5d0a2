//! Small values under keys: what an application of several processes knows of a user, a connection
//! or a cursor.
//!
//! A record is JSON with a version. A change names the version that it was made from
//! (compare-and-set), so that of two that change at once one is told. A record may have an expiry,
//! and that it expired is seen by exactly one node, which asks for records of its kind.
//!
//! ```
//! use std::time::Duration;
//!
//! use gripware_state::{Expect, State};
//! use serde_json::{Value, json};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), gripware_state::StateError> {
//! let records = State::memory().records();
//!
//! let lifetime = Some(Duration::from_secs(60));
//! let version = records.put("user/anna", &json!({"seen": 1}), Expect::Absent, lifetime).await?;
//! let version = version.expect("there was none");
//!
//! // Two handlers have read the same version: the first one's change holds.
//! let first = records.put("user/anna", &json!({"seen": 2}), Expect::Version(version), lifetime).await?;
//! let second = records.put("user/anna", &json!({"seen": 3}), Expect::Version(version), lifetime).await?;
//! assert!(first.is_some() && second.is_none());
//!
//! let record = records.get::<Value>("user/anna").await?.expect("a record");
//! assert_eq!(record.value, json!({"seen": 2}));
//! # Ok(())
//! # }
//! ```

mod backend;
mod memory;
mod record;
#[allow(clippy::module_inception, reason = "the file is the concept it holds")]
mod records;

pub use self::{
    backend::{NewRecord, RecordsBackend},
    memory::{DEFAULT_MEMORY, MemoryRecords},
    record::{Expect, Expired, Record, StoredRecord},
    records::{EXPIRED_TTL, MAX_EXPIRED, MAX_KEY_LEN, MAX_VALUE_LEN, Records, kind_of},
};
