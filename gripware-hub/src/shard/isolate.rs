//! What a shard does about a mistake of its own.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    rc::Rc,
};

use super::{Shard, connection::Connection};

#[cfg(any(test, fuzzing))]
thread_local! {
    /// How many faults this thread has survived.
    pub(super) static FAULTS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl Shard {
    /// Does something for one connection. Where it panics, which is a fault of the hub, that
    /// connection is cut off, and all others are held as before.
    pub(super) fn isolate<T>(
        self: &Rc<Self>,
        connection: &Rc<Connection>,
        act: impl FnOnce() -> T,
    ) -> Option<T> {
        let done = isolated(act);
        if done.is_none() {
            tracing::error!(
                target: crate::log::TARGET,
                connection = %connection.id,
                "a fault of the hub: the connection is cut off"
            );
            if isolated(|| self.lost(connection)).is_none() {
                connection.is_gone.set(true);
            }
        }
        done
    }
}

/// Does something for no connection in particular. Where it panics, which is a fault of the hub,
/// what was to be done is given up.
///
/// Nothing that a shard has is left half changed for long: cells are borrowed for the time of a
/// call, and what is kept twice is looked at as if it could differ.
pub(super) fn isolated<T>(act: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(act));
    if done.is_err() {
        #[cfg(any(test, fuzzing))]
        FAULTS.set(FAULTS.get() + 1);
        tracing::error!(target: crate::log::TARGET, "a fault of the hub: something was given up");
    }
    done.ok()
}
