//! The handle that an application has of its hub.

mod everywhere;

use std::{io, net, sync::Arc};

use bytes::Bytes;
use gripware_core::{Channel, ChannelError, Item, ItemError};
use gripware_publish::Grip;
use http::{Request, Response};
use thiserror::Error;
use tokio::net::{TcpListener, ToSocketAddrs, lookup_host};
use tower_service::Service;

pub use self::everywhere::Everywhere;
use crate::{
    cluster::{Cluster, RelayError},
    connection_id::Id,
    control,
    control::ControlOptions,
    gateway::{Gateway, Handshakes, Options, passthrough},
    http::body::Body,
    inspect::{ChannelInfo, ConnectionInfo, Subscribers},
    node::Node,
    origin::{
        BoxError, HttpOrigin, Origin, OriginAddress, OriginAddressError, RoutedOrigin, Routes,
    },
    server::{Listener, Serve, within},
    settings::Settings,
    threads::Threads,
};

/// A GRIP proxy in this process. Clones are handles to the same one.
///
/// ```
/// use axum::{Router, routing::get};
/// use gripware_axum::{GripLayer, Hold};
/// use gripware_hub::Hub;
///
/// # async fn example() -> std::io::Result<()> {
/// let hub = Hub::new();
/// let app = Router::new()
///     .route("/news", get(|| async { (Hold::stream("news"), "[open]\n") }))
///     .layer(GripLayer::new(&hub.grip()));
///
/// let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
/// hub.serve(listener, app).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Hub {
    pub(crate) grip: Grip,
    pub(crate) place: Place,
}

/// Where the application's code runs.
#[derive(Clone, Copy, Debug)]
enum Runs {
    /// On the runtime that serves it.
    Here,
    /// In another process, or wherever it has been named.
    Elsewhere,
}

/// Who holds the clients.
#[derive(Clone, Debug)]
pub(crate) enum Place {
    /// This hub.
    Here {
        cluster: Arc<Cluster>,
        options: Options,
        control: ControlOptions,
    },
    /// A proxy that `GRIP_URL` names.
    Elsewhere { settings: Arc<Settings> },
}

impl Hub {
    /// Returns `true` if this hub holds the clients, and not another proxy.
    #[must_use]
    pub fn is_embedded(&self) -> bool {
        matches!(self.place, Place::Here { .. })
    }

    /// Returns what the application's layer and publisher are made of: it trusts this hub, and
    /// publishes into it. Each call returns the same.
    #[must_use]
    pub fn grip(&self) -> Grip {
        self.grip.clone()
    }

    /// Serves clients, in front of an application in this process: any tower service, such as
    /// axum's `Router`.
    ///
    /// The application's handlers run on the runtime that this is awaited on; clients that are held
    /// are moved to threads of the hub. HTTP/1.1 and HTTP/2 are spoken on the same port, which may be a
    /// unix socket.
    pub fn serve<S, B>(&self, listener: impl Into<Listener>, app: S) -> Serve
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.serve_with(listener.into(), app, Runs::Here, Handshakes::Within)
    }

    /// As [`serve`](Self::serve), for a service that carries whole messages of HTTP to an application
    /// elsewhere: the handshakes of WebSockets come as events alone.
    pub fn serve_events<S, B>(&self, listener: impl Into<Listener>, app: S) -> Serve
    where
        S: Service<Request<Body>, Response = Response<B>> + Clone + Send + 'static,
        S::Future: Send,
        S::Error: Into<BoxError>,
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.serve_with(listener.into(), app, Runs::Here, Handshakes::Events)
    }

    fn serve_with(
        &self,
        listener: Listener,
        app: impl Origin,
        runs: Runs,
        handshakes: Handshakes,
    ) -> Serve {
        match self.place.clone() {
            Place::Here {
                cluster, options, ..
            } => Serve::new(move |stop| async move {
                let options = Options {
                    handshakes,
                    ..options
                };
                // Whoever was held before would miss what others publish.
                tokio::select! {
                    () = cluster.heard() => {}
                    () = stop.cancelled() => {}
                }
                let drain = cluster.node.settings.drain;
                let holder = Arc::clone(&cluster.node) as _;
                let threads = match runs {
                    Runs::Here => Threads::of_caller(),
                    Runs::Elsewhere => cluster.node.threads(),
                };
                let gateway = Gateway::new(holder, threads, app, options, stop.clone());
                let draining = async {
                    stop.cancelled().await;
                    cluster.drain(drain).await;
                };
                let serving = async {
                    tokio::join!(gateway.serve(listener), draining);
                };
                within(drain, &stop, serving).await;
                Ok(())
            }),
            Place::Elsewhere { settings } => Serve::new(move |stop| async move {
                let serving = passthrough::serve(listener, app, &settings, stop.clone());
                within(settings.drain, &stop, serving).await;
                Ok(())
            }),
        }
    }

    /// Serves clients, in front of an application at another address: `http://host:port`, with a
    /// path where it has one, `https://host:port` with the feature `tls` and the system's root
    /// certificates, or `unix:/path/of/socket`.
    ///
    /// Requests and connections to the application are on the hub's own threads, of which
    /// [`HubBuilder::shards`](crate::HubBuilder::shards) says how many there are.
    ///
    /// # Errors
    /// If the address cannot be parsed.
    pub fn forward(
        &self,
        listener: impl Into<Listener>,
        origin: &str,
    ) -> Result<Serve, OriginAddressError> {
        self.forward_with(listener.into(), origin, self.handshakes_elsewhere())
    }

    /// How applications at other addresses get the handshakes of WebSockets.
    fn handshakes_elsewhere(&self) -> Handshakes {
        match &self.place {
            Place::Here { options, .. } if options.native_websockets => Handshakes::Native,
            _ => Handshakes::Events,
        }
    }

    fn forward_with(
        &self,
        listener: Listener,
        origin: &str,
        handshakes: Handshakes,
    ) -> Result<Serve, OriginAddressError> {
        let address: OriginAddress = origin.parse()?;
        let origin = HttpOrigin::new(address);
        Ok(self.serve_with(listener, origin, Runs::Elsewhere, handshakes))
    }

    /// Serves clients, in front of several applications or several processes of one.
    pub fn forward_by(&self, listener: impl Into<Listener>, routes: &Routes) -> Serve {
        let origin = RoutedOrigin::from(routes.clone());
        let handshakes = match self.handshakes_elsewhere() {
            Handshakes::Native => Handshakes::ByAddress(routes.clone()),
            _ => Handshakes::ByRoute(routes.clone()),
        };
        self.serve_with(listener.into(), origin, Runs::Elsewhere, handshakes)
    }

    /// Stands in front of an application that listens itself, such as one of actix-web.
    ///
    /// Returns two things. The application has to serve the listener, which is on a free port of the
    /// loopback interface, or at `address` itself if another proxy holds the clients. The [`Serve`]
    /// serves `address`, and has to be awaited beside the application.
    ///
    /// # Errors
    /// If one of the two addresses cannot be listened at.
    pub async fn front(
        &self,
        address: impl ToSocketAddrs,
    ) -> io::Result<(net::TcpListener, Serve)> {
        if !self.is_embedded() {
            let addresses: Vec<_> = lookup_host(address).await?.collect();
            let app = net::TcpListener::bind(&addresses[..])?;
            app.set_nonblocking(true)?;
            let address = app.local_addr()?;
            let serve = Serve::new(|stop| async move {
                stop.cancelled().await;
                Ok(())
            });
            return Ok((app, serve.at(address)));
        }
        let listener = TcpListener::bind(address).await?;
        let public = listener.local_addr()?;
        let app = net::TcpListener::bind(("127.0.0.1", 0))?;
        app.set_nonblocking(true)?;
        let origin = format!("http://{}", app.local_addr()?);
        let serve = self.forward_with(listener.into(), &origin, Handshakes::Either);
        let serve = serve.map_err(io::Error::other)?;
        Ok((app, serve.at(public)))
    }

    /// Serves the control API, through which other processes publish. It asks for the key that is
    /// set by [`HubBuilder::control_key`](crate::HubBuilder::control_key); without one, whoever reaches it may publish.
    ///
    /// It speaks HTTPS where [`HubBuilder::control_tls`](crate::HubBuilder::control_tls) is set, with the
    /// feature `tls`. It ends at once where another proxy holds the clients.
    pub fn control(&self, listener: impl Into<Listener>) -> Serve {
        let listener = listener.into();
        let place = self.place.clone();
        Serve::new(move |stop| async move {
            if let Place::Here {
                cluster, control, ..
            } = place
            {
                let target = Arc::clone(&cluster);
                let settings = &cluster.node.settings;
                control::serve(listener, target, control, settings, stop).await;
            }
            Ok(())
        })
    }

    /// Publishes an item, and waits for room first if too many items wait to be handed out
    /// (backpressure).
    ///
    /// Returns the number of subscribers, counting only kinds that the item has a format for; zero
    /// for a duplicate id (deduplication). Filters of a subscriber may still drop the item, and an
    /// item whose predecessor is missing waits for it.
    ///
    /// With a relay the item goes to every node, this one too, by way of the broker, and the count is
    /// that of this node's subscribers when the broker has accepted it, whether the id is a duplicate
    /// or not.
    ///
    /// The channel is the whole name: the application's prefix is not added.
    ///
    /// # Errors
    /// If the item or the channel is invalid, the item larger than
    /// [`HubBuilder::max_item`](crate::HubBuilder::max_item), the broker has not accepted it, or
    /// another proxy holds the clients.
    pub async fn publish<C>(
        &self,
        channel: C,
        item: impl Into<Item>,
    ) -> Result<Subscribers, HubError>
    where
        C: TryInto<Channel>,
        C::Error: Into<ChannelError>,
    {
        let channel = channel.try_into().map_err(Into::into)?;
        let item = item.into();
        let cluster = self.cluster().ok_or(HubError::Elsewhere)?;
        item.check_size(channel.name(), cluster.node.settings.max_item)?;
        let parts = item.parts()?;
        let published = cluster.publish(&channel, &item, parts).await;
        published.map_err(not_relayed)
    }

    /// Publishes an item to one connection, whatever it is subscribed to. Returns `true` if the
    /// connection exists and the item has a format for its kind.
    ///
    /// # Errors
    /// If the item is invalid or too large, as for [`publish`](Self::publish), or another proxy holds the clients.
    pub async fn publish_to(&self, id: &str, item: impl Into<Item>) -> Result<bool, HubError> {
        let item = item.into();
        let parts = item.parts()?;
        let node = self.node().ok_or(HubError::Elsewhere)?;
        item.check_size("", node.settings.max_item)?;
        match Id::parse(id) {
            Some(id) => Ok(node.publish_to(id, parts).await),
            None => Ok(false),
        }
    }

    /// Returns the channels that have subscribers, by name.
    ///
    /// All of them, whose number nothing bounds but the clients' subscriptions; the control API
    /// lists them in pages.
    #[must_use]
    pub fn channels(&self) -> Vec<ChannelInfo> {
        self.node().map(|node| node.channels()).unwrap_or_default()
    }

    /// Returns the clients that are held, the oldest first.
    ///
    /// All of them: each thread that holds clients describes its own without doing anything else
    /// meanwhile, which takes about a microsecond each. The control API lists them in pages, and
    /// how many there are is in [`metrics`](Self::metrics).
    pub async fn connections(&self) -> Vec<ConnectionInfo> {
        match self.node() {
            Some(node) => node.connections().await,
            None => Vec::new(),
        }
    }

    /// Returns the clients of this node that are subscribed to a channel, the oldest first, as
    /// [`connections`](Self::connections) does. The channel is the whole name: the application's
    /// prefix is not added.
    ///
    /// To close them publish [`Item::close`] to the channel.
    pub async fn connections_of(&self, channel: &str) -> Vec<ConnectionInfo> {
        match self.node() {
            Some(node) => node.connections_of(channel).await,
            None => Vec::new(),
        }
    }

    /// Ends a connection in the way its kind allows: a response hold gets what was stored for it, a
    /// stream its end, a WebSocket a close with code 1000. Returns `true` if there was one with this id.
    pub async fn close(&self, id: &str) -> bool {
        match (self.node(), Id::parse(id)) {
            (Some(node), Some(id)) => node.close(id).await,
            _ => false,
        }
    }

    /// Returns what is at all nodes of the relay, where the calls of this handle are about this node:
    /// lists and counts, and one connection wherever it is held.
    #[must_use]
    pub fn everywhere(&self) -> Everywhere {
        Everywhere::new(self.cluster().cloned())
    }

    /// Returns counters and gauges in the text format of Prometheus.
    pub async fn metrics(&self) -> String {
        let cluster = self.cluster();
        cluster.map(|it| it.exposition()).unwrap_or_default()
    }

    /// Ends all holds, each in the way its kind allows: a response hold gets what was stored for it,
    /// a stream its end, a WebSocket a close with code 1001. What was published before is delivered
    /// before. Returns when every client has got what is its own, at the latest after
    /// [`HubBuilder::drain`](crate::HubBuilder::drain). From then on nothing is held any more.
    pub async fn shutdown(&self) {
        if let Some(cluster) = self.cluster() {
            cluster.drain(cluster.node.settings.drain).await;
        }
    }

    /// Returns `true` if this is a good place for clients: the hub has not begun to end, and hears
    /// the other nodes where it has a relay. `GET /ready` of the control API says the same, for load
    /// balancers. Always `true` where another proxy holds the clients.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.cluster().is_none_or(|cluster| cluster.is_ready())
    }

    /// Returns the relay to the other nodes, for its counts and its state; `None` if there is none.
    #[cfg(feature = "relay")]
    #[must_use]
    pub fn relay(&self) -> Option<&gripware_relay::Relay> {
        let member = self.cluster()?.member()?;
        Some(member.relay())
    }

    fn cluster(&self) -> Option<&Arc<Cluster>> {
        match &self.place {
            Place::Here { cluster, .. } => Some(cluster),
            Place::Elsewhere { .. } => None,
        }
    }

    fn node(&self) -> Option<&Arc<Node>> {
        self.cluster().map(|cluster| &cluster.node)
    }
}

/// Why an item was not published.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HubError {
    /// The channel is invalid.
    #[error("the channel cannot be published to")]
    Channel(#[from] ChannelError),
    /// The item is invalid.
    #[error("the item cannot be published")]
    Item(#[from] ItemError),
    /// The hub was built from an environment with a `GRIP_URL`, and holds nobody: publish through
    /// [`Grip::publisher`].
    #[error("another proxy holds the clients")]
    Elsewhere,
    /// The broker has not accepted it, or not in time.
    #[cfg(feature = "relay")]
    #[error("the item was not passed to the other nodes")]
    Relay(#[from] gripware_relay::PublishError),
}

#[cfg(feature = "relay")]
fn not_relayed(error: RelayError) -> HubError {
    HubError::Relay(error)
}

#[cfg(not(feature = "relay"))]
fn not_relayed(error: RelayError) -> HubError {
    match error {}
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::{Router, routing};
    use gripware_publish::GripBuilder;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpStream,
        sync::oneshot,
        time::timeout,
    };

    use super::*;

    /// Less than the half minute that hyper gives a head by itself.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn behind_another_proxy_the_end_takes_no_longer_than_it_may() {
        let settings = Settings {
            drain: Duration::from_millis(100),
            ..Settings::default()
        };
        let hub = Hub {
            grip: GripBuilder::default().build().unwrap(),
            place: Place::Elsewhere {
                settings: Arc::new(settings),
            },
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = Router::new().route("/", routing::any(async |body: Bytes| body));
        let (end, ended) = oneshot::channel::<()>();
        let serve = hub.serve(listener, app).with_graceful_shutdown(async {
            let _ = ended.await;
        });
        let server = tokio::spawn(serve.into_future());
        let mut stuck = Vec::new();
        for half in [
            "GET / HTTP/1.1\r\nHost: h\r\n",
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf",
        ] {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(half.as_bytes()).await.unwrap();
            stuck.push(client);
        }
        // One that came behind them is served, so they are there.
        let mut client = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
        client.write_all(request).await.unwrap();
        client.read_to_end(&mut Vec::new()).await.unwrap();
        end.send(()).unwrap();
        timeout(PATIENCE, server).await.unwrap().unwrap().unwrap();
    }
}
