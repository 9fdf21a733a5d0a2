//! The bounds of each subscriber.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use gripware_topics::Address;
use tokio::sync::Semaphore;

use crate::Settings;

/// The lanes of all subscribers that have a delivery now.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: Mutex<HashMap<Address, Arc<Lane>>>,
    at_a_time: usize,
    most: usize,
}

/// Of one subscriber.
#[derive(Debug)]
struct Lane {
    permits: Semaphore,
    /// Deliveries in it, waiting or not.
    count: AtomicUsize,
}

/// A place in a lane, waiting or not, which is given back when it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    lanes: &'a Lanes,
    url: &'a Address,
    lane: Arc<Lane>,
}

impl Lanes {
    pub(super) fn new(settings: &Settings) -> Self {
        let at_a_time = settings
            .deliveries_per_subscriber
            .clamp(1, Semaphore::MAX_PERMITS);
        Self {
            lanes: Mutex::default(),
            at_a_time,
            most: at_a_time.saturating_add(settings.queue_per_subscriber),
        }
    }

    /// Takes a place, or returns `None` where as many wait as may.
    pub(super) fn enter<'a>(&'a self, url: &'a Address) -> Option<Place<'a>> {
        let mut lanes = self.lock();
        let lane = lanes.entry(url.clone()).or_insert_with(|| {
            Arc::new(Lane {
                permits: Semaphore::new(self.at_a_time),
                count: AtomicUsize::new(0),
            })
        });
        // Changed only while the lanes are locked.
        if lane.count.load(Ordering::Relaxed) >= self.most {
            return None;
        }
        lane.count.fetch_add(1, Ordering::Relaxed);
        Some(Place {
            lanes: self,
            url,
            lane: Arc::clone(lane),
        })
    }

    /// Nothing panics while it is held.
    fn lock(&self) -> MutexGuard<'_, HashMap<Address, Arc<Lane>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place<'_> {
    /// What a delivery waits for until it is among those at a time.
    pub(super) fn permits(&self) -> &Semaphore {
        &self.lane.permits
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lock();
        if self.lane.count.fetch_sub(1, Ordering::Relaxed) == 1 {
            lanes.remove(self.url);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_has_so_many_places_and_goes_with_the_last() {
        let settings = Settings::default()
            .deliveries_per_subscriber(1)
            .queue_per_subscriber(1);
        let lanes = Lanes::new(&settings);
        let (a, b) = (
            Address::new("http://a/").unwrap(),
            Address::new("http://b/").unwrap(),
        );
        let first = lanes.enter(&a).unwrap();
        let second = lanes.enter(&a).unwrap();
        assert!(lanes.enter(&a).is_none());
        assert!(lanes.enter(&b).is_some());
        drop(first);
        let third = lanes.enter(&a).unwrap();
        drop((second, third));
        assert!(lanes.lock().is_empty());
    }
}
