//! Serving: connections of clients, in front of an application, and the control API.

use std::{io, net, sync::Arc};

use bytes::Bytes;
use http::{Request, Response};
use tokio::net::{TcpListener, ToSocketAddrs, lookup_host};
use tower_service::Service;

use super::{Hub, Place};
use crate::{
    control,
    gateway::{Gateway, Handshakes, Options, passthrough},
    http::body::Body,
    origin::{
        BoxError, HttpOrigin, Origin, OriginAddress, OriginAddressError, RoutedOrigin, Routes,
    },
    server::{Listener, Serve, within},
    threads::Threads,
};

/// Where the application's code runs.
#[derive(Clone, Copy, Debug)]
enum Runs {
    /// On the runtime that serves it.
    Here,
    /// In another process, or wherever it has been named.
    Elsewhere,
}

/// # Serving
/// Nothing is served until the [`Serve`] is awaited.
impl Hub {
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

    /// How applications at other addresses get the handshakes of WebSockets.
    fn handshakes_elsewhere(&self) -> Handshakes {
        match &self.place {
            Place::Here { options, .. } if options.native_websockets => Handshakes::Native,
            _ => Handshakes::Events,
        }
    }
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
    use crate::settings::Settings;

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
