use gripware_core::ChannelError;
use thiserror::Error;

/// Why state cannot be set up. No password is in it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A variable of the environment is not UTF-8.
    #[error("the variable {name} is not UTF-8")]
    NotUnicode {
        /// The variable.
        name: &'static str,
    },
    /// The URL has no scheme.
    #[error("the URL of the state has no scheme; it is `memory:`, or such as `redis://localhost`")]
    NoScheme,
    /// Nobody was handed in who opens URLs of this scheme.
    #[error("nothing is registered for `{scheme}:`{}", hint(scheme))]
    UnknownScheme {
        /// The scheme.
        scheme: String,
    },
    /// The backends at the URL cannot be opened.
    #[error("the state at `{scheme}:` cannot be opened: {reason}")]
    Open {
        /// The scheme.
        scheme: String,
        /// What is wrong.
        reason: String,
    },
    /// The name of the cluster has other characters than `a-z`, `0-9` and `-`, or not 1 to 32.
    #[error("a cluster's name has 1 to 32 of `a-z`, `0-9` and `-`")]
    Cluster,
    /// The prefix is no part of a channel's name.
    #[error("the prefix is no part of a channel's name")]
    Prefix(#[source] ChannelError),
}

/// What is to be added for a scheme that gripware has a crate for.
fn hint(scheme: &str) -> &'static str {
    match scheme {
        "redis" | "rediss" => {
            "; add the crate gripware-redis and `State::with([gripware_redis::state()])`"
        }
        _ => "",
    }
}
