use std::{
    cell::Cell,
    panic::{AssertUnwindSafe, resume_unwind},
};

use futures_util::FutureExt;

/// How often a scenario is played before Pushpin's fault counts as a failure.
const ATTEMPTS: usize = 3;

thread_local! {
    // A test and what it drops have one thread, whoever runs it.
    static PUSHPIN_HAS_CUT: Cell<bool> = const { Cell::new(false) };
}

/// Notes that a Pushpin of this test has said, in its log, that it cut a connection itself.
pub(crate) fn pushpin_has_cut() {
    PUSHPIN_HAS_CUT.set(true);
}

/// Plays a scenario, and plays it again where it failed after Pushpin cut a connection by itself.
///
/// While one of Pushpin's programs hands a client over to another, messages about it may overtake
/// each other. Pushpin 1.36 then logs `received message out of sequence, canceling` and drops the
/// client: on a busy machine one of some thousands. Every other failure counts at once.
///
/// # Panics
/// Where the scenario does.
pub async fn scenario<F: Future<Output = ()>>(play: impl Fn() -> F) {
    for attempt in 1.. {
        PUSHPIN_HAS_CUT.set(false);
        match AssertUnwindSafe(play()).catch_unwind().await {
            Ok(()) => return,
            Err(_) if PUSHPIN_HAS_CUT.get() && attempt < ATTEMPTS => {
                eprintln!("Pushpin cut a client off by itself: once more");
            }
            Err(panic) => resume_unwind(panic),
        }
    }
}
