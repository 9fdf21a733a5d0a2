//! What codecs, signatures, instructions and the middleware cost.
//!
//! Each module has the cases of one topic. A [`Case`] is an operation of ours beside another one
//! that says how fast it could be: `memcpy`, the bare cryptography, a layer that does nothing, or
//! what people would write by hand. Figures of a small machine are noisy and figures of another
//! one are worth nothing, so both run alternately in the same program, and what counts is the
//! median of their ratios.
//!
//! `cargo bench -p gripware-benches` runs all of it. Nothing here ever fails.

pub mod codec;
pub mod instructions;
pub mod items;
pub mod middleware;
pub mod middleware_actix;
pub mod signature;

mod case;
mod operation;
#[cfg(feature = "times")]
mod timing;

pub use case::{Case, Limit, Target};
pub use operation::Operation;
#[cfg(feature = "times")]
pub use timing::time;

/// Why a case cannot be set up.
pub type Error = Box<dyn std::error::Error>;
