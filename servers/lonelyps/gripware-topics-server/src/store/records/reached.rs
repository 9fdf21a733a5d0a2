//! When subscribers have last confirmed something, for the other broadcasters.
//!
//! Any of them may have an entry of a subscriber that this one reaches, and none knows those of the
//! others. So each writes of all whom it reaches that it does.

use std::time::Duration;

use gripware_state::{Expect, StateError};
use gripware_topics::Address;

use super::{RecordsStore, lists::digest, unavailable};
use crate::store::StoreError;

/// Most that are written with one look at who is due.
pub(super) const BATCH: usize = 64;

/// How long it is kept. An entry is looked at every few hours.
const KEEP: Duration = Duration::from_secs(7 * 24 * 60 * 60);

fn key(url: &str) -> String {
    format!("topics-reached:{}", digest(url.as_bytes()))
}

impl RecordsStore {
    /// Writes who was reached and is to be written by a time, at most so many.
    pub(super) async fn write_reached(
        &self,
        by: u64,
        now: u64,
        most: usize,
    ) -> Result<(), StoreError> {
        for _ in 0..most {
            let Some((url, reached)) = self.reached_urls().take(by, now) else {
                break;
            };
            if let Err(error) = self.write_one(&url, reached).await {
                self.reached_urls().put_back(&url, reached);
                return Err(unavailable(error));
            }
        }
        Ok(())
    }

    /// Writes when a subscriber was reached, unless another broadcaster has reached it later.
    async fn write_one(&self, url: &Address, reached: u64) -> Result<(), StateError> {
        let key = key(url.as_str());
        loop {
            let expect = match self.records.get::<u64>(&key).await? {
                Some(record) if record.value >= reached => return Ok(()),
                Some(record) => Expect::Version(record.version),
                None => Expect::Absent,
            };
            let put = self.records.put(&key, &reached, expect, Some(KEEP));
            // Where another broadcaster was first, it is looked again.
            if put.await?.is_some() {
                return Ok(());
            }
        }
    }

    /// Returns when a subscriber was last reached, by whichever broadcaster.
    pub(super) async fn last_reached(&self, url: &str) -> Result<Option<u64>, StoreError> {
        let record = self.records.get::<u64>(&key(url)).await;
        Ok(record.map_err(unavailable)?.map(|record| record.value))
    }
}
