//! What the nodes of a relay ask each other, and what their answers make together.

#[cfg(feature = "relay")]
mod ask;
#[cfg(feature = "relay")]
mod cursor;
mod gathered;
#[cfg(feature = "relay")]
mod merge;
#[cfg(feature = "relay")]
mod question;
#[cfg(feature = "relay")]
mod respond;

pub use self::gathered::{Found, Gathered, Nodes};
#[cfg(feature = "relay")]
pub(crate) use self::{ask::Asker, question::MAX_ANSWER, respond::respond};
