//! The tests that every backend passes. Needs the feature `suite`.
//!
//! [`backend_suite!`](crate::backend_suite) makes a test of each. They use channels and keys of
//! their own, so one engine serves all of them at once, and wait for what has to happen rather than
//! for a time.
//!
//! ```no_run
//! # fn main() {}
//! # #[cfg(test)]
//! mod tests {
//!     use gripware_state::Backends;
//!
//!     struct Fixture {
//!         backends: Backends,
//!         // And what has to live as long, such as a server.
//!     }
//!
//!     async fn fixture() -> Fixture {
//!         Fixture { backends: Backends::memory() }
//!     }
//!
//!     gripware_state::backend_suite!(fixture);
//! }
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a test that cannot go on panics"
)]

pub mod cursors;
pub mod history;
pub mod leases;
pub mod presence;
pub mod records;

use std::time::Duration;

use crate::Epoch;

/// How often a test looks whether something has happened, at intervals of [`PAUSE`]: for 20 s.
const ATTEMPTS: usize = 2_000;

const PAUSE: Duration = Duration::from_millis(10);

/// Makes a test of each function of the [suite](crate::suite). `$fixture` is an async function whose
/// result has the [`Backends`](crate::Backends) in a field `backends`.
#[macro_export]
macro_rules! backend_suite {
    ($fixture:ident) => {
        $crate::backend_suite! { @of history $fixture;
            numbers_count_from_one_without_a_gap
            appends_at_once_get_numbers_in_a_row
            the_same_key_gets_the_first_answer
            an_entry_is_amended_where_it_stands
            a_removed_entry_leaves_its_number
            names_and_contents_are_taken_as_they_are
        }
        $crate::backend_suite! { @of cursors $fixture;
            a_reader_goes_on_page_by_page
            a_page_ends_before_it_is_too_long
            a_reader_that_missed_too_much_is_told
            entries_end_and_their_numbers_stay
            a_cursor_of_elsewhere_is_not_believed
            a_cleared_channel_begins_a_new_epoch
        }
        $crate::backend_suite! { @of records $fixture;
            of_two_changes_one_holds
            a_version_is_never_used_again
            an_expiry_is_seen_exactly_once
            who_takes_what_has_expired_takes_one_kind
            a_touched_record_lives_on
            what_has_expired_is_absent
            what_was_removed_does_not_expire
        }
        $crate::backend_suite! { @of presence $fixture;
            a_user_joins_once_and_leaves_once
            a_reload_is_no_leave
            a_grace_ends_once_however_many_sweep
            lists_come_in_pages
            a_crowd_is_counted
            a_connection_changes_hands
            users_are_taken_as_they_are
        }
        $crate::backend_suite! { @of leases $fixture;
            a_connection_that_falls_silent_leaves
            a_touched_connection_stays
            a_node_that_dies_takes_its_connections_along
            what_joined_again_under_another_lease_stays
        }
    };
    (@of $part:ident $fixture:ident; $($test:ident)*) => {
        mod $part {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $test() {
                    let fixture = super::$fixture().await;
                    $crate::suite::$part::$test(&fixture.backends).await;
                }
            )*
        }
    };
}

/// A name that no other test has.
fn unique(name: &str) -> String {
    format!("{name}-{}", Epoch::random())
}

/// Waits until `happened` returns something.
async fn eventually<T>(what: &str, mut happened: impl AsyncFnMut() -> Option<T>) -> T {
    for _ in 0..ATTEMPTS {
        if let Some(it) = happened().await {
            return it;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("waited in vain: {what}")
}
