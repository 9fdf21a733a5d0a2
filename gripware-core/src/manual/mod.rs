//! The manual: what GRIP is, what gripware does with it, and how to run it.
//!
//! - [`protocol`]: one request and one message, from the client to the origin and back.
//! - [`defaults`]: what is set how, and why.
//! - [`threat_model`]: who attacks what, and what stands in the way.
//! - [`attacks`]: what was tried against the hub, with what result, each by a command.
//! - [`logins`]: streams and WebSockets of users.
//! - [`resuming`]: what a client that comes back is given.
//! - [`deployment`]: with the hub inside, behind it, behind Pushpin, behind Fastly, and what surrounds
//!   them.
//!
//! There is nothing to call in here.

pub mod attacks;
pub mod defaults;
pub mod deployment;
pub mod logins;
pub mod protocol;
pub mod resuming;
pub mod threat_model;
