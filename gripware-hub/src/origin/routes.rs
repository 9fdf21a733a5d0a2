//! Which requests go to which origins, as the program's `--route` has it.

mod condition;
mod services;
mod target;

use std::sync::{Arc, PoisonError, RwLock};

use http::{Request, Response, request::Parts};
use thiserror::Error;

pub use self::services::RouteServices;
pub(crate) use self::{condition::OverTls, services::RouteBody};
use self::{
    condition::{Asked, Condition},
    target::Targets,
};
use super::{Origin, OriginAddressError, OriginError};
use crate::http::body::Body;

/// Routes by host, path and scheme to origins. Clones are handles to the same table, which can be
/// [replaced](Self::replace) while a hub serves.
///
/// ```
/// use gripware_hub::Routes;
///
/// let routes = Routes::parse([
///     "shop.example,path_beg=/api/ http://10.0.0.1:3000 http://10.0.0.2:3000",
///     "shop.example,path_beg=/live/ http://10.0.0.3:3000,native_ws",
///     "* http://127.0.0.1:8080,timeout=10",
/// ])?;
/// assert!(Routes::parse(["* ftp://127.0.0.1"]).is_err());
/// # let _ = routes;
/// # Ok::<(), gripware_hub::RouteError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Routes {
    table: Arc<RwLock<Arc<[Route]>>>,
    services: Arc<RouteServices>,
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
    #[error("behind an origin there can be native_ws, timeout=SECONDS and untrusted")]
    Option,
    /// It names an application that is not there.
    #[error("there is no application of this name: pipe:{name}")]
    Unknown {
        /// The name.
        name: String,
    },
    /// What carries whole messages alone cannot carry a WebSocket.
    #[error("native_ws needs an address")]
    NativePipe,
    /// Some of its origins speak WebSocket, and some do not.
    #[error("native_ws has to stand behind all of its origins, or behind none")]
    Mixed,
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
    /// [`Hub::forward`](crate::Hub::forward) takes it; then, after commas, `native_ws` for one that
    /// speaks WebSocket itself and gets handshakes as they are, `timeout=SECONDS`, within which the head
    /// of its answer has to be there, and `untrusted` for one that gets no signature and whose answers
    /// are no instructions.
    ///
    /// An origin that refuses a connection is left out for 5 s, while there are others.
    ///
    /// # Errors
    /// For the first text that is no route.
    pub fn parse<'a>(routes: impl IntoIterator<Item = &'a str>) -> Result<Self, RouteError> {
        Self::parse_with(routes, RouteServices::new())
    }

    /// The same where some of the targets are services: `pipe:NAME` in place of an address. Their
    /// WebSockets come as events.
    ///
    /// ```
    /// use gripware_hub::{RouteServices, Routes};
    ///
    /// // In a program it is what `gripware_pipe::PipeServer::client` returns.
    /// let app = axum::Router::<()>::new();
    /// let services = RouteServices::new().with("office", app);
    /// let routes = Routes::parse_with(["office.example pipe:office"], services)?;
    /// assert!(Routes::parse(["office.example pipe:office"]).is_err());
    /// # let _ = routes;
    /// # Ok::<(), gripware_hub::RouteError>(())
    /// ```
    ///
    /// # Errors
    /// For the first text that is no route, or names a service that is not there.
    pub fn parse_with<'a>(
        routes: impl IntoIterator<Item = &'a str>,
        services: RouteServices,
    ) -> Result<Self, RouteError> {
        let routes = routes.into_iter();
        let routes = routes.map(|text| Route::parse(text, &services));
        let routes = routes.collect::<Result<_, _>>()?;
        Ok(Self::new(routes, Arc::new(services)))
    }

    /// Sends what no route is for to these addresses or services, in turn.
    ///
    /// # Errors
    /// If one of them cannot be used, or there is none.
    pub fn otherwise<'a>(
        self,
        addresses: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, RouteError> {
        let last = Route {
            condition: Condition::parse("*")?,
            targets: Arc::new(Targets::at(addresses, &self.services)?),
        };
        let routes = self.table().iter().cloned().chain([last]).collect();
        Ok(Self::new(routes, self.services))
    }

    /// Takes over the routes of `other` for all requests from now on, those on behalf of clients that
    /// are held included. Requests that are under way, and clients, go on.
    pub fn replace(&self, other: &Self) {
        let table = other.table();
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
    }

    /// Whether the application that a request is for gets the handshakes of WebSockets as they are:
    /// where its route says so, or where all do that have an address.
    pub(crate) fn are_native(&self, request: &Parts, all: bool) -> bool {
        let asked = Asked::new(&request.uri, &request.headers, &request.extensions);
        self.find(&asked)
            .is_some_and(|targets| targets.is_native || all && targets.have_addresses())
    }

    fn new(routes: Arc<[Route]>, services: Arc<RouteServices>) -> Self {
        Self {
            table: Arc::new(RwLock::new(routes)),
            services,
        }
    }

    fn table(&self) -> Arc<[Route]> {
        Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, asked: &Asked<'_>) -> Option<Arc<Targets>> {
        let table = self.table();
        let route = table.iter().find(|route| route.condition.fits(asked))?;
        Some(Arc::clone(&route.targets))
    }
}

impl Route {
    fn parse(text: &str, services: &RouteServices) -> Result<Self, RouteError> {
        let mut words = text.split_ascii_whitespace();
        Ok(Self {
            condition: Condition::parse(words.next().unwrap_or_default())?,
            targets: Arc::new(Targets::parse(words, services)?),
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

impl Origin for RoutedOrigin {
    type Body = RouteBody;

    async fn send(self, request: &mut Request<Body>) -> Result<Response<RouteBody>, OriginError> {
        let targets = self.0.find(&Asked::of(request));
        targets.ok_or(OriginError::NoRoute)?.send(request).await
    }
}
