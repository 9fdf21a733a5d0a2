//! Makes the queue of an endpoint, with the settings of its publisher.

use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError, atomic::AtomicBool},
    time::Duration,
};

#[cfg(feature = "zeromq")]
use crate::zeromq::Push;
use crate::{
    BuildError, Endpoint, Transport,
    authorize::Authorizer,
    delivery::{Delivery, Protocol},
    endpoint::Address,
    endpoint_queue::{Bounds, EndpointQueue},
    failure::OnFailure,
    http::ControlApi,
    transport::HyperTransport,
};

/// Makes queues.
pub(crate) struct EndpointFactory {
    pub(crate) timeout: Duration,
    pub(crate) retries: u32,
    pub(crate) give_up_after: Duration,
    pub(crate) bounds: Bounds,
    pub(crate) on_failure: OnFailure,
    pub(crate) transports: Transports,
}

/// The transports: one that was given, or those that were needed so far.
#[derive(Default)]
pub(crate) struct Transports {
    given: Option<Arc<dyn Transport>>,
    made: Mutex<Made>,
}

#[derive(Default)]
struct Made {
    http: Option<Arc<dyn Transport>>,
    https: Option<Arc<dyn Transport>>,
}

impl EndpointFactory {
    pub(crate) fn queue(&self, endpoint: &Endpoint) -> Result<Arc<EndpointQueue>, BuildError> {
        let name = endpoint.name();
        for (setting, value) in [
            ("max_items", endpoint.max_items),
            ("max_body", endpoint.max_body),
            ("max_item", endpoint.max_item),
        ] {
            if value == 0 {
                return Err(BuildError::TooSmall { setting, least: 1 });
            }
        }
        if endpoint.is_insecure() {
            return Err(BuildError::InsecureCredentials { endpoint: name });
        }
        let protocol = match &endpoint.address {
            Address::Http(url) => {
                let authorizer = Authorizer::new(url.credentials(), endpoint.claims.as_ref());
                let refused = || BuildError::Credentials {
                    endpoint: name.clone(),
                };
                Protocol::Http(ControlApi {
                    uri: url.publish_uri().clone(),
                    authorizer: authorizer.ok_or_else(refused)?,
                    transport: self.transports.of(endpoint, self.timeout / 2)?,
                })
            }
            #[cfg(feature = "zeromq")]
            Address::ZeroMq(authority) => Protocol::ZeroMq(Push::new(authority.clone())),
        };
        let delivery = Delivery {
            name,
            protocol,
            timeout: self.timeout,
            retries: self.retries,
            give_up_after: self.give_up_after,
            is_out_of_reach: AtomicBool::new(false),
        };
        let on_failure = self.on_failure.clone();
        let queue = EndpointQueue::new(delivery, endpoint, self.bounds, on_failure);
        Ok(Arc::new(queue))
    }
}

impl Transports {
    /// One that was given, in place of hyper's.
    pub(crate) fn of_its_own(given: Option<Arc<dyn Transport>>) -> Self {
        Self {
            given,
            made: Mutex::default(),
        }
    }

    /// The system's certificates are read where one endpoint needs them, and not before.
    fn of(&self, endpoint: &Endpoint, connect: Duration) -> Result<Arc<dyn Transport>, BuildError> {
        if let Some(given) = &self.given {
            return Ok(Arc::clone(given));
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let made = match endpoint.is_https() {
            false => &mut made.http,
            true => &mut made.https,
        };
        if let Some(made) = made {
            return Ok(Arc::clone(made));
        }
        let transport: Arc<dyn Transport> = Arc::new(match endpoint.is_https() {
            false => HyperTransport::http(connect),
            #[cfg(feature = "tls")]
            true => HyperTransport::https(connect)?,
            #[cfg(not(feature = "tls"))]
            true => HyperTransport::https(endpoint.name())?,
        });
        *made = Some(Arc::clone(&transport));
        Ok(transport)
    }
}

impl fmt::Debug for EndpointFactory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EndpointFactory")
            .field("timeout", &self.timeout)
            .field("retries", &self.retries)
            .finish_non_exhaustive()
    }
}

/// What a publisher has that was built without settings: those of the builder.
impl Default for EndpointFactory {
    fn default() -> Self {
        crate::PublisherBuilder::default().into_factory()
    }
}
