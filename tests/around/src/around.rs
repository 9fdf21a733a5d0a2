use std::net::SocketAddr;

use axum::Router;
use gripware_axum::GripLayer;
use gripware_hub::Hub;
use gripware_interop::{HubProgram, Place};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{Actix, Files, Python};

/// How gripware is around an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Around {
    /// Not at all.
    Nothing,
    /// A hub in its process, which hands it the requests.
    Serve,
    /// A hub in its process, in front of the listener of its own server.
    Front,
    /// The program `gripware-hub`.
    Program,
}

/// An application that is served, to the end of this.
#[derive(Debug)]
pub struct Served {
    address: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
    program: Option<HubProgram>,
    actix: Option<Actix>,
    python: Option<Python>,
}

impl Served {
    /// Serves an application on axum.
    ///
    /// # Panics
    /// Where that is not possible.
    pub async fn axum(app: Router, around: Around) -> Self {
        Self::axum_with(Hub::new(), app, around).await
    }

    /// The same with a hub of one's own, where there is one in the process.
    ///
    /// # Panics
    /// Where that is not possible.
    pub async fn axum_with(hub: Hub, app: Router, around: Around) -> Self {
        match around {
            Around::Nothing => {
                let listener = listen().await;
                let address = listener.local_addr().expect("an address");
                Self::at(address).with(serves(listener, app))
            }
            Around::Serve => {
                let listener = listen().await;
                let address = listener.local_addr().expect("an address");
                let app = app.layer(GripLayer::new(&hub.grip()));
                let serve = hub.serve(listener, app).into_future();
                Self::at(address).with(async { serve.await.expect("a server") })
            }
            Around::Front => {
                let app = app.layer(GripLayer::new(&hub.grip()));
                let (listener, front) = hub.front("127.0.0.1:0").await.expect("an address");
                let address = front.local_addr().expect("an address");
                let listener = TcpListener::from_std(listener).expect("a listener");
                let front = front.into_future();
                Self::at(address)
                    .with(serves(listener, app))
                    .with(async { front.await.expect("a server") })
            }
            Around::Program => {
                let listener = listen().await;
                let address = listener.local_addr().expect("an address");
                Self::behind_program(address)
                    .await
                    .with(serves(listener, app))
            }
        }
    }

    /// Serves an application on actix-web.
    ///
    /// # Panics
    /// Where that is not possible.
    pub async fn actix(around: Around) -> Self {
        let hub = Hub::new();
        let (listener, mut served, grip) = match around {
            Around::Nothing | Around::Program => {
                let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("an address");
                let origin = listener.local_addr().expect("an address");
                let served = match around {
                    Around::Program => Self::behind_program(origin).await,
                    _ => Self::at(origin),
                };
                (listener, served, None)
            }
            Around::Front => {
                let (listener, front) = hub.front("127.0.0.1:0").await.expect("an address");
                let address = front.local_addr().expect("an address");
                let front = front.into_future();
                let served = Self::at(address).with(async { front.await.expect("a server") });
                (listener, served, Some(hub.grip()))
            }
            Around::Serve => panic!("its requests are not those of a tower service"),
        };
        served.actix = Some(Actix::start(listener, grip));
        served
    }

    /// Serves the application on uvicorn.
    ///
    /// # Panics
    /// Where that is not possible.
    pub async fn python(files: &Files, around: Around) -> Self {
        let python = Python::start(files).await;
        let mut served = match around {
            Around::Nothing => Self::at(python.address()),
            Around::Program => Self::behind_program(python.address()).await,
            Around::Serve | Around::Front => panic!("it is not in this process"),
        };
        served.python = Some(python);
        served
    }

    /// Puts the program in front of an application at an address.
    pub async fn behind_program(origin: SocketAddr) -> Self {
        let place = Place::new();
        let (client, control) = (place.free_address(), place.free_address());
        let native = &["--native-websockets"];
        let program = HubProgram::start(place, client, control, origin, native).await;
        let mut served = Self::at(client);
        served.program = Some(program);
        served
    }

    /// Where clients connect.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    fn at(address: SocketAddr) -> Self {
        Self {
            address,
            tasks: Vec::new(),
            program: None,
            actix: None,
            python: None,
        }
    }

    fn with(mut self, task: impl Future<Output = ()> + Send + 'static) -> Self {
        self.tasks.push(tokio::spawn(task));
        self
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listen() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").await;
    listener.expect("a free address")
}

/// The application without gripware.
async fn serves(listener: TcpListener, app: Router) {
    let service = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).await.expect("a server");
}
