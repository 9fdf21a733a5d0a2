//! Which requests go to which origins, as the program's `--route` has it.

mod condition;
mod target;

use std::{
    pin::Pin,
    sync::{Arc, PoisonError, RwLock},
    task::{Context, Poll},
};

use http::{Request, Response};
use hyper::body::Incoming;
use thiserror::Error;
use tower_service::Service;

pub(crate) use self::condition::OverTls;
use self::{
    condition::{Asked, Condition},
    target::Targets,
};
use super::{OriginAddressError, OriginError};
use crate::http::body::Body;

/// Routes by host, path and scheme to origins. Clones are handles to the same table, which can be
/// [replaced](Self::replace) while a hub serves.
///
/// ```
/// use gripware_hub::Routes;
///
/// let routes = Routes::parse([
///     "shop.example,path_beg=/api/ http://10.0.0.1:3000 http://10.0.0.2:3000",
///     "* http://127.0.0.1:8080,timeout=10",
/// ])?;
/// assert!(Routes::parse(["* ftp://127.0.0.1"]).is_err());
/// # let _ = routes;
/// # Ok::<(), gripware_hub::RouteError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Routes {
    table: Arc<RwLock<Arc<[Route]>>>,
}

#[derive(Clone, Debug)]
struct Route {
    condition: Condition,
    targets: Arc<Targets>,
}

/// Why a text is no route.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RouteError {
    /// Its host is none.
    #[error("it has to begin with *, a host name without a port, or *. and the end of one")]
    Host,
    /// The beginning of a path does not begin with a slash.
    #[error("path_beg has to begin with /")]
    Path,
    /// It has another condition.
    #[error("behind the host there can be path_beg=PREFIX, ssl=yes and ssl=no")]
    Condition,
    /// It names no origin.
    #[error("it names no origin")]
    NoTarget,
    /// An origin has another option.
    #[error("behind an origin there can be timeout=SECONDS and untrusted")]
    Option,
    /// The time is none.
    #[error("timeout has to be a number of seconds above 0")]
    Timeout,
    /// The address of an origin cannot be used.
    #[error("{0}")]
    Address(OriginAddressError),
}

impl Routes {
    /// Reads routes, of which the first that fits a request counts: `CONDITION TARGET`, with more
    /// targets behind it that take turns.
    ///
    /// A condition is `*`, a host, or `*.` and the end of one; then, after commas, `path_beg=PREFIX`
    /// and `ssl=yes` or `ssl=no`. A target is the address of an origin as
    /// [`Hub::forward`](crate::Hub::forward) takes it; then, after commas, `timeout=SECONDS`, within
    /// which the head of its answer has to be there, and `untrusted` for one that gets no
    /// signature and whose answers are no instructions.
    ///
    /// An origin that refuses a connection is left out for 5 s, while there are others.
    ///
    /// # Errors
    /// For the first text that is no route.
    pub fn parse<'a>(routes: impl IntoIterator<Item = &'a str>) -> Result<Self, RouteError> {
        let routes = routes.into_iter().map(Route::parse);
        Ok(Self::new(routes.collect::<Result<_, _>>()?))
    }

    /// Sends what no route is for to these addresses, in turn.
    ///
    /// # Errors
    /// If one of them cannot be used, or there is none.
    pub fn otherwise<'a>(
        self,
        addresses: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, RouteError> {
        let last = Route {
            condition: Condition::parse("*")?,
            targets: Arc::new(Targets::at(addresses)?),
        };
        Ok(Self::new(
            self.table().iter().cloned().chain([last]).collect(),
        ))
    }

    /// Takes over the routes of `other` for all requests from now on, those on behalf of clients that
    /// are held included. Requests that are under way, and clients, go on.
    pub fn replace(&self, other: &Self) {
        let table = other.table();
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    fn new(routes: Arc<[Route]>) -> Self {
        Self {
            table: Arc::new(RwLock::new(routes)),
        }
    }

    fn table(&self) -> Arc<[Route]> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, asked: &Asked) -> Option<Arc<Targets>> {
        let table = self.table();
        let route = table.iter().find(|route| route.condition.fits(asked))?;
        Some(Arc::clone(&route.targets))
    }
}

impl Route {
    fn parse(text: &str) -> Result<Self, RouteError> {
        let mut words = text.split_ascii_whitespace();
        Ok(Self {
            condition: Condition::parse(words.next().unwrap_or_default())?,
            targets: Arc::new(Targets::parse(words)?),
        })
    }
}

/// All the origins, as one.
#[derive(Clone, Debug)]
pub(crate) struct RoutedOrigin(Routes);

impl From<Routes> for RoutedOrigin {
    fn from(routes: Routes) -> Self {
        Self(routes)
    }
}

impl Service<Request<Body>> for RoutedOrigin {
    type Response = Response<Incoming>;
    type Error = OriginError;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Incoming>, OriginError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), OriginError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let targets = self.0.find(&Asked::of(&request));
        Box::pin(async move {
            match targets {
                Some(targets) => targets.send(request).await,
                None => Err(OriginError::NoRoute),
            }
        })
    }
}
