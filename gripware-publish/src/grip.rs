//! The configuration of an application: whom to trust, and where to publish.

use std::sync::Arc;

use gripware_core::Policy;

use crate::{ConfigError, GripBuilder, Publisher};

/// What an application starts with: whom it trusts, and where it publishes.
///
/// It is read once, from the environment or from a [`builder`](Self::builder), and given to the
/// layer of an adapter. Clones share everything.
///
/// ```
/// use gripware_publish::{ConfigError, Grip};
///
/// let vars = |name: &str| match name {
///     "GRIP_URL" => Some("http://localhost:5561/?verify-iss=pushpin&verify-key=secret".into()),
///     "GRIP_PREFIX" => Some("app-".into()),
///     _ => None,
/// };
/// let grip = Grip::from_vars(vars)?;
/// assert_eq!(grip.policy().prefix(), "app-");
///
/// // A key that cannot be read stops the application, and is not printed.
/// let error = Grip::from_vars(|name| {
///     (name == "GRIP_URL").then(|| "http://localhost:5561/?verify-key=-----BEGIN".into())
/// });
/// assert!(matches!(error, Err(ConfigError::Url(_))));
/// # Ok::<(), ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Grip {
    pub(crate) policy: Arc<Policy>,
    pub(crate) publisher: Publisher,
}

impl Grip {
    /// Reads `GRIP_URL`, `GRIP_PREFIX` and `GRIP_PROXY_REQUIRED`, which is `true` or `false`, or in
    /// other words `yes`, `on`, `1`, `no`, `off`, `0`, in any case.
    ///
    /// What has to be set beside them goes by [`GripBuilder::env`].
    ///
    /// Without `GRIP_URL` no request is trusted, and publishing fails with an error that says so.
    ///
    /// # Errors
    /// If one of them cannot be used. No key or password is in the error.
    pub fn from_env() -> Result<Self, ConfigError> {
        Self::builder().env()?.build()
    }

    /// The same from another place than the environment.
    ///
    /// # Errors
    /// As [`from_env`](Self::from_env).
    pub fn from_vars(vars: impl Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        Self::builder().vars(vars)?.build()
    }

    /// Starts without any proxy.
    pub fn builder() -> GripBuilder {
        GripBuilder::default()
    }

    /// What is trusted, and how instructions are written. For adapters.
    #[must_use]
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Returns a publisher to every configured endpoint, with the prefix. Each call gives a handle
    /// to the same one.
    #[must_use]
    pub fn publisher(&self) -> Publisher {
        self.publisher.clone()
    }
}
