//! Something that each runtime has for itself.

use std::sync::{Arc, PoisonError, RwLock};

use tokio::runtime::{Handle, Id};

/// A value for each runtime that has asked for one.
///
/// A connection is in the reactor of the runtime that has opened it: used on another one it wakes a
/// thread there for each answer.
#[derive(Debug)]
pub(super) struct PerRuntime<T> {
    values: RwLock<Vec<(Id, Arc<T>)>>,
    is_spent: fn(&T) -> bool,
}

impl<T> PerRuntime<T> {
    /// Runtimes end without a word: a value that nobody uses and that `is_spent` goes when the next
    /// runtime comes.
    pub(super) fn new(is_spent: fn(&T) -> bool) -> Self {
        let values = RwLock::default();
        Self { values, is_spent }
    }

    /// Returns that of the caller's runtime.
    ///
    /// # Panics
    /// Outside of a runtime.
    pub(super) fn here(&self, make: impl FnOnce() -> T) -> Arc<T> {
        let runtime = Handle::current().id();
        if let Some(value) = find(&self.read(), runtime) {
            return value;
        }
        let mut values = self.values.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = find(&values, runtime) {
            return value;
        }
        values.retain(|(_, value)| Arc::strong_count(value) > 1 || !(self.is_spent)(value));
        let value = Arc::new(make());
        values.push((runtime, Arc::clone(&value)));
        value
    }

    /// Returns those of all runtimes.
    pub(super) fn all(&self) -> Vec<Arc<T>> {
        let values = self.read();
        values.iter().map(|(_, value)| Arc::clone(value)).collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, Vec<(Id, Arc<T>)>> {
        self.values.read().unwrap_or_else(PoisonError::into_inner)
    }
}

fn find<T>(values: &[(Id, Arc<T>)], runtime: Id) -> Option<Arc<T>> {
    let found = values.iter().find(|(id, _)| *id == runtime);
    found.map(|(_, value)| Arc::clone(value))
}

#[cfg(test)]
mod tests {
    use tokio::runtime::Builder;

    use super::*;

    #[test]
    fn each_runtime_has_its_own_and_what_is_spent_goes_when_the_next_comes() {
        let runtime = || Builder::new_current_thread().build().unwrap();
        let (first, second, third) = (runtime(), runtime(), runtime());
        let values = PerRuntime::new(|value| *value < 3);
        let values = &values;
        let here = |value| async move { values.here(|| value) };
        let (spent, used) = (first.block_on(here(1)), second.block_on(here(2)));
        assert_eq!((*spent, *used), (1, 2));
        assert_eq!(*first.block_on(here(4)), 1);
        drop(spent);
        let [third, fourth] = [third, runtime()].map(|runtime| *runtime.block_on(here(3)));
        assert_eq!((third, fourth), (3, 3));
        let left: Vec<_> = values.all().iter().map(|value| **value).collect();
        assert_eq!(left, [2, 3, 3]);
        drop(used);
    }
}
