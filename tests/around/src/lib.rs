//! Applications as they are, asked the same with gripware around them and without.
//!
//! A [`Visitor`] plays a [`script`] against an application as somebody has it in production, and
//! writes down what it sees: a [`Transcript`]. Then there is a hub around the same application, and
//! the transcript has to be the same, but for a table of [`Difference`]s, each of which has to occur.

mod app;
mod around;
pub mod differences;
mod nginx;
mod raw_answer;
pub mod script;
mod socket;
mod transcript;
mod visitor;

pub use app::{Actix, Axum, Files, Python};
pub use around::{Around, Served};
pub use nginx::Nginx;
pub use transcript::{Difference, Transcript};
pub use visitor::Visitor;
