//! What the fuzz targets of `fuzz/` play with, and the tests of the hub as well.
//!
//! These two need what is inside the hub, so they live here and not in the target's own file:
//!
//! | target | what it plays with |
//! |---|---|
//! | [`client_frames`] | the frames of a WebSocket client, in any pieces |
//! | [`hub_operations`] | all that can be done to a hub: by clients, publishers and the origin |
//!
//! Each is a function over arbitrary bytes that panics where something is wrong. `cargo test` runs
//! it over the kept corpus, and over inputs that proptest makes up.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a finding is a panic"
)]

mod client_frames;
mod frames;
mod hub_operations;
#[cfg(test)]
mod tests;

pub use self::{client_frames::client_frames, hub_operations::hub_operations};
