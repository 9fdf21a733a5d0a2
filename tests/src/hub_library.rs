use std::{
    fmt, io,
    net::SocketAddr,
    sync::{Arc, atomic::AtomicUsize, mpsc},
    thread,
};

use actix_web::dev::ServerHandle;
use gripware_actix::GripMiddleware;
use gripware_core::{Channel, GripUrl, Item, item::ItemParts, sig::Key};
use gripware_hub::Hub;
use gripware_publish::{Grip, Publisher, Sink, SinkError};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{AXUM, ISSUER, KEY, looking::Subscribers, valve::is_lost};

/// A hub in this process, with the conformance server that it stands in front of.
#[derive(Debug)]
pub(crate) struct HubLibrary {
    hub: Hub,
    client: SocketAddr,
    control: SocketAddr,
    origin: SocketAddr,
    tasks: Vec<JoinHandle<io::Result<()>>>,
    // It ends with this.
    _actix: Option<Actix>,
}

/// What such a hub is started with.
#[derive(Debug)]
pub(crate) struct HubLibrarySettings {
    /// The conformance server, by its name.
    pub(crate) origin: &'static str,
    pub(crate) client: SocketAddr,
    pub(crate) control: SocketAddr,
    /// Where the origin can be asked past the hub.
    pub(crate) direct: SocketAddr,
    /// The variables of the environment that the origin is set up by. With a `GRIP_URL` it publishes
    /// over HTTP, otherwise in memory.
    pub(crate) variables: Vec<(String, String)>,
    /// How many of the items published in memory are to be lost, where some may be.
    pub(crate) to_lose: Option<Arc<AtomicUsize>>,
    pub(crate) development: bool,
}

impl HubLibrary {
    pub(crate) async fn start(settings: HubLibrarySettings) -> Self {
        let variable = |name: &str| {
            let found = settings.variables.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        let publishes_over_http = variable("GRIP_URL").is_some();
        let has_losses = settings.to_lose.is_some();
        let hub = Hub::builder()
            .sign_with(Key::secret(KEY).expect("a key"), ISSUER)
            .development(settings.development)
            .grip_with(|grip| {
                if publishes_over_http || has_losses {
                    return grip;
                }
                grip.vars(variable).expect("a configuration")
            })
            .build()
            .expect("a hub");
        let grip = match &settings.to_lose {
            _ if publishes_over_http => Grip::from_vars(variable).expect("a configuration"),
            Some(to_lose) => losing(&hub, Arc::clone(to_lose), variable("GRIP_PREFIX")),
            None => hub.grip(),
        };

        let control = listen(settings.control).await;
        let mut tasks = vec![tokio::spawn(hub.control(control).into_future())];
        let (mut origin, mut actix) = (settings.direct, None);
        if settings.origin == AXUM {
            let app = conformance_axum::app(&grip);
            let direct = axum::serve(listen(settings.direct).await, app.clone());
            tasks.push(tokio::spawn(direct.into_future()));
            let serve = hub.serve(listen(settings.client).await, app);
            tasks.push(tokio::spawn(serve.into_future()));
        } else {
            let (listener, front) = hub.front(settings.client).await.expect("a free address");
            origin = listener.local_addr().expect("an address");
            actix = Some(Actix::start(listener, grip));
            tasks.push(tokio::spawn(front.into_future()));
        }
        Self {
            hub,
            client: settings.client,
            control: settings.control,
            origin,
            tasks,
            _actix: actix,
        }
    }

    pub(crate) fn client(&self) -> SocketAddr {
        self.client
    }

    pub(crate) fn control(&self) -> SocketAddr {
        self.control
    }

    /// Where the conformance server is without the hub.
    pub(crate) fn origin(&self) -> SocketAddr {
        self.origin
    }

    pub(crate) fn subscribers(&self, channel: &str) -> Subscribers {
        let channels = self.hub.channels();
        let found = channels.into_iter().find(|info| info.name == channel);
        found.map_or_else(Subscribers::default, |info| Subscribers {
            response: info.subscribers.response,
            stream: info.subscribers.stream,
            websocket: info.subscribers.websocket,
        })
    }

    pub(crate) async fn metrics(&self) -> String {
        self.hub.metrics().await
    }

    pub(crate) async fn stop(&mut self) {
        self.hub.shutdown().await;
    }
}

impl Drop for HubLibrary {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listen(address: SocketAddr) -> TcpListener {
    TcpListener::bind(address).await.expect("a free address")
}

/// The conformance server on actix-web, with a thread of its own.
struct Actix {
    server: ServerHandle,
    thread: Option<thread::JoinHandle<()>>,
}

impl Actix {
    fn start(listener: std::net::TcpListener, grip: Grip) -> Self {
        let (started, handle) = mpsc::channel();
        let thread = thread::spawn(move || {
            actix_web::rt::System::new().block_on(async move {
                let app = conformance_actix::app(&grip);
                let server = actix_web::HttpServer::new(move || {
                    actix_web::App::new()
                        .configure(app.clone())
                        .wrap(GripMiddleware::new(&grip))
                })
                .workers(2)
                .disable_signals()
                .listen(listener)
                .expect("a listener")
                .run();
                started.send(server.handle()).expect("a test that waits");
                server.await.expect("a server");
            });
        });
        Self {
            server: handle.recv().expect("a server that starts"),
            thread: Some(thread),
        }
    }
}

impl Drop for Actix {
    fn drop(&mut self) {
        // The message is sent with the call; the future only waits for the end.
        drop(self.server.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Actix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Actix")
    }
}

/// Hands items to a hub, or says that it did.
#[derive(Debug)]
struct Losing {
    hub: Publisher,
    to_lose: Arc<AtomicUsize>,
}

impl Sink for Losing {
    fn name(&self) -> &str {
        "a hub that loses items"
    }

    fn accept(&self, channel: &Channel, item: &ItemParts) -> Result<(), SinkError> {
        if is_lost(&self.to_lose) {
            return Ok(());
        }
        let accepted = self.hub.enqueue(channel.clone(), Item::from(item.clone()));
        accepted.map_err(|error| SinkError::new(error.to_string()))
    }
}

/// What the origin starts with where its items may be lost: it trusts the hub, and publishes into it
/// by way of the loss.
fn losing(hub: &Hub, to_lose: Arc<AtomicUsize>, prefix: Option<String>) -> Grip {
    let prefix = prefix.unwrap_or_default();
    let sink = Losing {
        hub: hub.grip().publisher(),
        to_lose,
    };
    let publisher = Publisher::builder().sink(sink).prefix(&prefix).build();
    let url = format!("http://127.0.0.1:9/?verify-key={KEY}&verify-iss={ISSUER}");
    Grip::builder()
        .url(url.parse::<GripUrl>().expect("a URL"))
        .prefix(prefix)
        .publisher(publisher.expect("a publisher"))
        .build()
        .expect("a configuration")
}
