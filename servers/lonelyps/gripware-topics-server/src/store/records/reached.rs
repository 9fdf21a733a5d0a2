//! When subscribers have last confirmed something, for the other broadcasters.
//!
//! Any of them may have an entry of a subscriber that this one reaches, and none knows those of the
//! others. So each writes of all whom it reaches that it does.

use std::time::Duration;

use gripware_state::{Expect, Records, StateError};
use gripware_topics::Address;
use tokio::task::JoinSet;

use super::{RecordsStore, lists::digest, unavailable};
use crate::store::StoreError;

/// Most that are written with one look at who is due.
pub(super) const BATCH: usize = 64;

/// Most that are written at the same time.
const AT_ONCE: usize = 32;

/// How long it is kept. An entry is looked at every few hours.
const KEEP: Duration = Duration::from_secs(7 * 24 * 60 * 60);

fn key(url: &str) -> String {
    format!("topics-reached:{}", digest(url.as_bytes()))
}

/// Writes when a subscriber was reached, unless another broadcaster has reached it later.
async fn write(records: &Records, url: &Address, reached: u64) -> Result<(), StateError> {
    let key = key(url.as_str());
    loop {
        let expect = match records.get::<u64>(&key).await? {
            Some(record) if record.value >= reached => return Ok(()),
            Some(record) => Expect::Version(record.version),
            None => Expect::Absent,
        };
        let put = records.put(&key, &reached, expect, Some(KEEP));
        // Where another broadcaster was first, it is looked again.
        if put.await?.is_some() {
            return Ok(());
        }
    }
}

impl RecordsStore {
    /// Writes who was reached and is to be written by a time, at most so many. After an error no
    /// further ones are begun.
    pub(super) async fn write_reached(
        &self,
        by: u64,
        now: u64,
        most: usize,
    ) -> Result<(), StoreError> {
        let (mut begun, mut outcome) = (0, Ok(()));
        let mut writing = JoinSet::new();
        loop {
            while outcome.is_ok() && begun < most && writing.len() < AT_ONCE {
                let Some((url, reached)) = self.reached_urls().take(by, now) else {
                    break;
                };
                begun += 1;
                let records = self.records.clone();
                writing.spawn(async move {
                    let written = write(&records, &url, reached).await;
                    written.map_err(|error| (url, reached, error))
                });
            }
            // A task that ends otherwise does so with its runtime.
            match writing.join_next().await {
                None => return outcome,
                Some(Ok(Err((url, reached, error)))) => {
                    self.reached_urls().put_back(&url, reached);
                    outcome = Err(unavailable(error));
                }
                Some(_) => (),
            }
        }
    }

    /// Returns when a subscriber was last reached, by whichever broadcaster.
    pub(super) async fn last_reached(&self, url: &str) -> Result<Option<u64>, StoreError> {
        let record = self.records.get::<u64>(&key(url)).await;
        Ok(record.map_err(unavailable)?.map(|record| record.value))
    }
}
