//! A conformance server behind a test proxy, started anew for each case.

use std::{fmt, pin::Pin, rc::Rc};

use gripware_publish::Grip;
use gripware_test::{IntoOrigin, Proxy, ProxyBuilder};

type Starting = Pin<Box<dyn Future<Output = Proxy>>>;

/// A conformance server that is started anew for each case, with the configuration that it wants.
pub struct Server(Box<dyn Fn(ProxyBuilder, Grip) -> Starting>);

impl Server {
    /// A server by what makes an application of a configuration.
    pub fn new<K, O: IntoOrigin<K> + 'static>(app: impl AsyncFn(Grip) -> O + 'static) -> Self {
        let app = Rc::new(app);
        Self(Box::new(move |proxy, grip| {
            let app = Rc::clone(&app);
            Box::pin(async move { proxy.origin(app(grip).await) })
        }))
    }

    /// The server behind a proxy that it trusts.
    pub async fn start(&self) -> Proxy {
        let proxy = Proxy::builder();
        let grip = proxy.grip();
        self.start_with(proxy, grip).await
    }

    /// The server behind a proxy that repeats no request by itself.
    pub async fn start_quiet(&self) -> Proxy {
        let proxy = Proxy::builder().update_on_first_subscription(false);
        let grip = proxy.grip();
        self.start_with(proxy, grip).await
    }

    /// The server with a prefix.
    pub async fn start_with_prefix(&self, prefix: &str) -> Proxy {
        let proxy = Proxy::builder().prefix(prefix);
        let grip = proxy.grip();
        self.start_with(proxy, grip).await
    }

    /// The server with a configuration of its own.
    pub async fn start_with(&self, proxy: ProxyBuilder, grip: Grip) -> Proxy {
        (self.0)(proxy, grip).await
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}
