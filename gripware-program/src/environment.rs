//! What a program with a hub inside takes from the environment by the names that every application of
//! gripware has: `GRIP_URL` and its like, `GRIPWARE_RELAY` and [`GRIPWARE_STATE`](STATE).
//!
//! ```no_run
//! use gripware_hub::Hub;
//! use gripware_program::{DRAIN, Failure, environment};
//!
//! # fn main() -> Result<(), Failure> {
//! let hub = environment::hub(Hub::builder().drain(DRAIN))?;
//! let state = environment::state()?;
//! if hub.relay().is_some() && state.is_none() {
//!     tracing::warn!("without {} each process knows its own users", environment::STATE);
//! }
//! # Ok(())
//! # }
//! ```

use std::env;

use gripware_core::ErrorChain;
use gripware_hub::{BuildError, Hub, HubBuilder};
use gripware_state::State;

use crate::{ConfigError, Failure};

/// The variable with the URL of what several processes share.
pub const STATE: &str = "GRIPWARE_STATE";

const RELAY: &str = "GRIPWARE_RELAY";

/// Builds a hub by [`HubBuilder::from_env`], with the brokers of `gripware-redis` and `gripware-nats`.
///
/// # Errors
/// A setting's, where a variable cannot be used; another one where the hub cannot be built.
pub fn hub(builder: HubBuilder) -> Result<Hub, Failure> {
    let builder = builder.brokers([gripware_redis::broker(), gripware_nats::broker()]);
    builder.from_env().map_err(|error| match error {
        BuildError::Grip(error) => ConfigError::new(ErrorChain(&error)).into(),
        BuildError::Relay(error) => Failure::setting(RELAY, ErrorChain(&error)),
        error => Failure::other(ErrorChain(&error)),
    })
}

/// Opens what several processes share, in the engine that [`STATE`] names: `memory:`, or a Redis.
/// Returns `None` where it is unset or empty, and nothing is shared.
///
/// # Errors
/// A setting's, where a variable cannot be used or the engine cannot be opened.
pub fn state() -> Result<Option<State>, Failure> {
    if env::var_os(STATE).is_none_or(|url| url.is_empty()) {
        return Ok(None);
    }
    let state = State::with([gripware_redis::state()]).from_env();
    state
        .map(Some)
        .map_err(|error| Failure::setting(STATE, ErrorChain(&error)))
}
