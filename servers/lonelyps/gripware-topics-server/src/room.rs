//! Room for bytes, which all that is read at a time has to share.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One permit is for so many bytes.
const UNIT: usize = 1024;

/// Makes room for so many bytes in all.
pub(crate) fn of(bytes: usize) -> Arc<Semaphore> {
    let units = bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS);
    Arc::new(Semaphore::new(units))
}

/// Takes room for so many bytes, or returns `None` if there is none.
pub(crate) fn take(of: &Arc<Semaphore>, bytes: usize) -> Option<OwnedSemaphorePermit> {
    let units = u32::try_from(bytes.div_ceil(UNIT)).ok()?;
    Arc::clone(of).try_acquire_many_owned(units).ok()
}

/// Room that is taken bit by bit, until it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    of: Arc<Semaphore>,
    bytes: usize,
    taken: Option<OwnedSemaphorePermit>,
}

impl Room {
    pub(crate) fn new(of: &Arc<Semaphore>) -> Self {
        Self {
            of: Arc::clone(of),
            bytes: 0,
            taken: None,
        }
    }

    /// Gives back what is taken.
    pub(crate) fn clear(&mut self) {
        self.bytes = 0;
        self.taken = None;
    }

    /// Takes room for so many bytes more, or returns `None` if there is none.
    pub(crate) fn grow(&mut self, bytes: usize) -> Option<()> {
        let units = self.bytes.div_ceil(UNIT);
        self.bytes = self.bytes.saturating_add(bytes);
        let more = self.bytes.div_ceil(UNIT) - units;
        let more = take(&self.of, more.saturating_mul(UNIT))?;
        match &mut self.taken {
            Some(taken) => taken.merge(more),
            none => *none = Some(more),
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_bit_by_bit_is_counted_once_and_given_back() {
        let all = of(4 * UNIT);
        let mut room = Room::new(&all);
        for _ in 0..3 {
            room.grow(UNIT / 2).unwrap();
        }
        assert_eq!(all.available_permits(), 2);
        assert!(take(&all, 2 * UNIT + 1).is_none());
        let other = take(&all, 2 * UNIT).unwrap();
        room.grow(UNIT / 2).unwrap();
        assert!(room.grow(1).is_none());
        drop(other);
        room.clear();
        assert_eq!(all.available_permits(), 4);
        room.grow(1).unwrap();
        drop(room);
        assert_eq!(all.available_permits(), 4);
    }
}
