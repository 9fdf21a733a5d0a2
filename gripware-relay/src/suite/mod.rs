//! What every broker has to do, as tests: with the feature `suite`, for whoever writes a
//! [`Broker`].
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use gripware_relay::{Broker, MemoryBroker, suite::Engine};
//!
//! struct Memory(MemoryBroker);
//!
//! impl Engine for Memory {
//!     const HAS_ONE_ORDER: bool = true;
//!
//!     async fn start() -> Self {
//!         Self(MemoryBroker::new())
//!     }
//!
//!     fn broker(&self) -> Arc<dyn Broker> {
//!         Arc::new(self.0.clone())
//!     }
//!
//!     async fn kill(&mut self) {
//!         self.0.set_reachable(false);
//!     }
//!
//!     async fn start_again(&mut self) {
//!         self.0.set_reachable(true);
//!     }
//! }
//!
//! gripware_relay::broker_suite!(Memory);
//! ```

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot go on panics"
)]

mod member;
pub mod tests;

use std::{sync::Arc, time::Duration};

use tokio::time::{sleep, timeout};

pub use self::member::Member;
use crate::Broker;

/// How long the suite waits for what has to happen. It is generous, as nothing else depends on it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A server, or what stands for one, that the suite may kill.
pub trait Engine: Send {
    /// Whether all nodes see the items of several senders in the same order.
    const HAS_ONE_ORDER: bool;

    /// Starts one that nobody else uses.
    fn start() -> impl Future<Output = Self> + Send;

    /// Returns a broker for one more node.
    fn broker(&self) -> Arc<dyn Broker>;

    /// Ends the server without a chance to say goodbye.
    fn kill(&mut self) -> impl Future<Output = ()> + Send;

    /// Starts it again at the same address, with nothing of what it had.
    fn start_again(&mut self) -> impl Future<Output = ()> + Send;
}

/// Makes tests of the suite for an [`Engine`](crate::suite::Engine).
#[macro_export]
macro_rules! broker_suite {
    ($engine:ty) => {
        $crate::broker_suite! { $engine:
            every_node_gets_every_item_in_order,
            an_item_arrives_as_it_was_published,
            questions_are_answered_by_the_nodes_that_live,
            a_node_that_ends_is_gone_for_the_others,
            an_item_that_is_too_large_is_refused,
            garbage_of_a_member_harms_nobody,
            during_an_outage_nothing_is_accepted_and_after_it_everybody_hears,
            nodes_that_start_before_the_broker_hear_it_later,
            items_of_a_broker_that_is_killed_again_and_again_come_once,
            a_node_that_stands_still_is_told_what_it_lost,
        }
    };
    ($engine:ty: $($test:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $test() {
                $crate::suite::tests::$test::<$engine>().await;
            }
        )*
    };
}

/// Waits until something is so that only asking tells.
pub(crate) async fn eventually(is_so: impl AsyncFn() -> bool) {
    let waiting = async {
        while !is_so().await {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("patience");
}
