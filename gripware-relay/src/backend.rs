//! Which broker a URL means: no inner crate knows an outer one, so the application hands them in.

use std::sync::Arc;

use thiserror::Error;

use crate::{Broker, BrokerError, ClusterName, RelayUrl};

/// Makes brokers for URLs of some schemes: `gripware_redis::broker()`, `gripware_nats::broker()`.
///
/// ```
/// use gripware_relay::{Backend, OpenError};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (url, cluster) = ("nats://localhost".parse()?, "blue".parse()?);
/// let error = Backend::open_url(&[], &url, &cluster).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "no broker is registered for `nats://`: add the crate `gripware-nats` and hand in \
///      `gripware_nats::broker()`"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Backend {
    schemes: &'static [&'static str],
    open: Open,
}

type Open = fn(&RelayUrl, &ClusterName) -> Result<Arc<dyn Broker>, BrokerError>;

/// The schemes that crates of this workspace have brokers for.
const KNOWN: [(&[&str], &str, &str); 2] = [
    (&["redis", "rediss"], "gripware-redis", "gripware_redis"),
    (&["nats", "tls"], "gripware-nats", "gripware_nats"),
];

impl Backend {
    /// Returns what makes brokers for URLs of these schemes. `open` looks at the URL and connects to
    /// nothing yet.
    #[must_use]
    pub const fn new(schemes: &'static [&'static str], open: Open) -> Self {
        Self { schemes, open }
    }

    /// Makes the broker that a URL means, by the first of `backends` that knows its scheme.
    ///
    /// # Errors
    /// Where none knows the scheme, or the URL cannot be used.
    pub fn open_url(
        backends: &[Self],
        url: &RelayUrl,
        cluster: &ClusterName,
    ) -> Result<Arc<dyn Broker>, OpenError> {
        let backend = backends
            .iter()
            .find(|backend| backend.schemes.contains(&url.scheme()));
        let Some(backend) = backend else {
            let known = KNOWN
                .iter()
                .find(|(schemes, ..)| schemes.contains(&url.scheme()));
            return Err(match known {
                Some((_, package, path)) => OpenError::NotRegistered {
                    scheme: url.scheme().to_owned(),
                    package,
                    path,
                },
                None => OpenError::UnknownScheme {
                    scheme: url.scheme().to_owned(),
                },
            });
        };
        Ok((backend.open)(url, cluster)?)
    }
}

/// Why no broker was made of a URL.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A crate has a broker for the scheme, and it was not handed in.
    #[error(
        "no broker is registered for `{scheme}://`: add the crate `{package}` and hand in \
         `{path}::broker()`"
    )]
    NotRegistered {
        /// The scheme of the URL.
        scheme: String,
        /// The crate to add.
        package: &'static str,
        /// Its name in a path.
        path: &'static str,
    },
    /// Nothing has a broker for the scheme.
    #[error("no broker is known for `{scheme}://`")]
    UnknownScheme {
        /// The scheme of the URL.
        scheme: String,
    },
    /// The URL cannot be used.
    #[error(transparent)]
    Broker(#[from] BrokerError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scheme_that_nobody_knows_is_told_from_one_that_was_not_handed_in() {
        let cluster = "a".parse().unwrap();
        let open = |url: &str| Backend::open_url(&[], &url.parse().unwrap(), &cluster);
        assert!(matches!(
            open("rediss://a"),
            Err(OpenError::NotRegistered {
                package: "gripware-redis",
                ..
            })
        ));
        assert!(matches!(
            open("amqp://a"),
            Err(OpenError::UnknownScheme { .. })
        ));
    }
}
